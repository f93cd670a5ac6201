import type { Block } from '../../../schema/model.js';
import type { Fields } from '../fields.js';
import type { Geometry, LayerBlocks } from '../geometry.js';
import {
  type Adapter,
  checkLength,
  dense,
  headDimOf,
  type Latent,
  layerCount,
  moeOf,
  outlineOf,
  repeated,
} from '../shared.js';
import { afterFirst, deepseekMoe, feedForwardsOf } from './mixtures.js';

/** Multi-head latent attention by DeepSeek's names. */
function latentOf(config: Fields): Latent {
  const heads = config.count('num_attention_heads');
  const queryRank = config.countOrNone('q_lora_rank');
  // One latent serves all heads: these say nothing.
  config.ignore('num_key_value_heads', 'head_dim', 'qk_head_dim');
  return {
    kind: 'latent',
    heads,
    ...(queryRank ? { queryRank } : {}),
    kvRank: config.count('kv_lora_rank'),
    nopeDim: config.count('qk_nope_head_dim'),
    ropeDim: config.count('qk_rope_head_dim'),
    valueDim: config.count('v_head_dim'),
    ...(config.flag(false, 'attention_bias') ? { bias: true as const } : {}),
  };
}

interface LatentTraits {
  readonly epsilon?: number;
  readonly context?: number;
  readonly firstDense?: number;
  /** The router is corrected by a buffer. */
  readonly corrected?: boolean;
  /** Modules for further tokens bring their own embedding table and head. */
  readonly ownEmbedding?: boolean;
  /** Layers with an indexer of their own; the others, where there are any, read its choice. */
  readonly indexer?: (config: Fields, layers: number) => readonly boolean[];
}

/** DeepSeek's decoders: latent attention, a few plain layers, then experts. */
const deepseek =
  (traits: LatentTraits = {}): Adapter =>
  (config) => {
    const {
      epsilon = 1e-6,
      context,
      firstDense = 0,
      corrected = true,
      ownEmbedding = true,
      indexer,
    } = traits;
    const layers = layerCount(config);
    const attention = latentOf(config);
    const index = indexer ? indexerOf(config, attention) : undefined;
    const indexed = indexer?.(config, layers) ?? [];
    const mixer = (withIndex: boolean | undefined): Block | Block[] =>
      index && withIndex ? [attention, index] : attention;
    const feedForwards = feedForwardsOf(config, layers, {
      where: afterFirst(firstDense),
      moe: (fields) => deepseekMoe(fields, corrected ? { routerCorrection: true } : {}),
    });
    const stack = feedForwards.map((feedForward, layer): LayerBlocks => [mixer(indexed[layer]), feedForward]);
    const modules = config.countOrNone('num_nextn_predict_layers');
    const mtp = modules
      ? {
          modules,
          layer: [mixer(index !== undefined), feedForwards.at(-1)!],
          ...(ownEmbedding ? { ownEmbedding } : {}),
        }
      : undefined;
    return {
      ...outlineOf(config, { epsilon: [epsilon], ...(context ? { context } : {}) }),
      layers: stack,
      ...(mtp ? { mtp } : {}),
    };
  };

/** DeepSeek Sparse Attention's indexer: its queries come from the same latent. */
function indexerOf(config: Fields, { queryRank }: Latent): Block {
  const chosenTokens = config.optionalCount('index_topk');
  return {
    kind: 'indexer',
    heads: config.count('index_n_heads'),
    headDim: config.count('index_head_dim'),
    ...(queryRank ? { queryRank } : {}),
    ...(chosenTokens ? { chosenTokens } : {}),
  };
}

/** GLM-5.2 on: only some layers choose tokens themselves. */
function indexedLayers(config: Fields, layers: number): boolean[] {
  const types = config.texts('indexer_types');
  config.ignore(
    'index_topk_freq',
    'index_topk_pattern',
    'index_skip_topk_offset',
    'index_share_for_mtp_iteration',
  );
  config.ignore('indexer_rope_interleave', 'layer_types');
  if (!types) return repeated(layers, () => true);
  checkLength(config, 'indexer_types', types, layers);
  return types.map((type) => {
    if (type !== 'full' && type !== 'shared') config.refuse('indexer_types', type);
    return type === 'full';
  });
}

/** LongCat: two latent attentions and two plain feed-forwards a layer; experts run beside the first of them. */
const longcat: Adapter = (config) => {
  const layers = layerCount(config);
  const attention = latentOf(config);
  const feedForward = dense(config.count('ffn_hidden_size', 'intermediate_size'));
  const zeroExperts = config.countOrNone('zero_expert_num');
  const experts = config.count('n_routed_experts', 'num_local_experts');
  const moe = moeOf(config, {
    experts,
    activeExperts: Math.min(experts, config.count('moe_topk', 'num_experts_per_tok')),
    intermediateSize: config.count('expert_ffn_hidden_size', 'moe_intermediate_size'),
    routerCorrection: 'trained',
    ...(zeroExperts ? { zeroExperts } : {}),
  });
  config.ignore('attention_method', 'zero_expert_type');
  const layer: LayerBlocks = [attention, [feedForward, moe], attention, feedForward];
  const modules = config.whole(0, 'num_nextn_predict_layers');
  return {
    ...outlineOf(config, { epsilon: [1e-5], theta: 1e7, context: 131_072 }),
    layers: repeated(layers, () => layer),
    ...(modules ? { mtp: { modules, layer: [attention, feedForward] } } : {}),
  };
};

/** DeepSeek-V4: one shared key-value head, compressed entries for what a window no longer holds, four streams. */
const deepseekV4: Adapter = (config) => {
  const layers = layerCount(config);
  const ratios = config.wholes('compress_ratios') ?? config.missing('compress_ratios');
  // The modules for further tokens may stand at the end of the list.
  if (ratios.length < layers) checkLength(config, 'compress_ratios', ratios, layers);
  const hashed = config.whole(0, 'num_hash_layers');
  const { routerCorrection: _, ...experts } = deepseekMoe(config, { routerCorrection: true });
  const mixer = sharedAttention(config);
  const moeAt = (layer: number): Block =>
    layer < hashed ? { ...experts, tokenTable: true } : { ...experts, routerCorrection: true };
  const modules = config.countOrNone('num_nextn_predict_layers');
  config.ignore('qk_nope_head_dim', 'num_key_value_heads', 'expert_dtype', 'hc_sinkhorn_iters');
  config.ignore('layer_types', 'mlp_layer_types', 'compress_rates', 'intermediate_size');
  return {
    ...outlineOf(config, { epsilon: [1e-6], context: 1_048_576 }),
    residualStreams: config.count('hc_mult'),
    layers: repeated(layers, (layer): LayerBlocks => [mixer(ratios[layer]!), moeAt(layer)]),
    ...(modules ? { mtp: { modules, layer: [mixer(0), moeAt(hashed)] } } : {}),
  };
};

/** Ratio up to which DeepSeek-V4 chooses among compressed entries by an indexer, and compresses overlapping runs. */
const INDEXED_RATIO = 4;

/** The mixer of one layer of DeepSeek-V4 by the ratio that it compresses with. */
function sharedAttention(config: Fields): (ratio: number) => Block | Block[] {
  const headDim = config.count('head_dim');
  const queryRank = config.count('q_lora_rank');
  const attention: Block = {
    kind: 'shared',
    heads: config.count('num_attention_heads'),
    headDim,
    queryRank,
    outputGroups: config.count('o_groups'),
    outputRank: config.count('o_lora_rank'),
    window: config.count('sliding_window'),
  };
  const chosenTokens = config.optionalCount('index_topk');
  const index = {
    heads: config.count('index_n_heads'),
    headDim: config.count('index_head_dim'),
    queryRank,
    ...(chosenTokens ? { chosenTokens } : {}),
  };
  config.ignore('qk_rope_head_dim');
  return (ratio) => {
    if (ratio === 0) return attention;
    if (ratio !== INDEXED_RATIO) return [attention, { kind: 'compressor', headDim, ratio }];
    return [
      attention,
      { kind: 'compressor', headDim, ratio, overlap: true },
      { kind: 'indexer', ...index, ratio },
    ];
  };
}

/** Kimi Linear: delta layers, and a latent attention without positions every few of them. */
const kimiLinear: Adapter = (config): Geometry => {
  const layers = layerCount(config);
  const kda = kdaOf(config);
  const { rope: _, ...outline } = outlineOf(config, { epsilon: [1e-5], context: 1_048_576 });
  const attention: Block = {
    ...latentOf(config),
    ...(config.flag(false, 'mla_use_output_gate') ? { outputGate: true } : {}),
    rope: false,
  };
  const isFull = fullLayers(config, layers);
  const feedForwards = feedForwardsOf(config, layers, { where: afterFirst(1), moe: kimiMoe });
  config.ignore('mla_use_nope', 'num_nextn_predict_layers');
  const checkpointEvery = config.countOrNone('attn_res_block_size');
  return {
    ...outline,
    ...(checkpointEvery ? { checkpointEvery } : {}),
    layers: feedForwards.map((feedForward, layer) => [isFull[layer] ? attention : kda, feedForward]),
  };
};

function kimiMoe(config: Fields) {
  const latentSize = config.countOrNone('routed_expert_hidden_size');
  const hasNorm = config.flag(false, 'latent_moe_use_norm');
  if ((config.optionalCount('num_expert_group') ?? 1) > 1) config.refuse('num_expert_group');
  config.ignore('use_grouped_topk', 'moe_router_activation_func');
  return deepseekMoe(config, {
    routerCorrection: true,
    ...(latentSize ? { latentSize } : {}),
    ...(latentSize && hasNorm ? { latentNorm: true as const } : {}),
  });
}

function kdaOf(config: Fields): Block {
  const nested = config.group('linear_attn_config');
  nested?.ignore('full_attn_layers', 'kda_layers');
  nested?.ignore('gate_lower_bound');
  const from = nested ?? config;
  const heads = nested ? from.count('num_heads') : from.count('linear_num_heads');
  return {
    kind: 'kda',
    heads,
    headDim: nested
      ? from.count('head_dim')
      : (from.optionalCount('linear_head_dim') ?? headDimOf(config, heads)),
    convKernel: nested ? from.count('short_conv_kernel_size') : from.count('linear_conv_kernel_dim'),
    ...(from.flag(false, 'use_full_rank_gate') ? { fullRankGate: true as const } : {}),
  };
}

function fullLayers(config: Fields, layers: number): boolean[] {
  const types = config.texts('layer_types');
  if (types) {
    checkLength(config, 'layer_types', types, layers);
    return types.map((type) => {
      if (type !== 'full_attention' && type !== 'linear_attention') config.refuse('layer_types', type);
      return type === 'full_attention';
    });
  }
  const nested = config.group('linear_attn_config') ?? config.missing('layer_types');
  nested.ignore('kda_layers', 'num_heads', 'head_dim', 'short_conv_kernel_size');
  nested.ignore('use_full_rank_gate', 'gate_lower_bound');
  const full = new Set(nested.wholes('full_attn_layers') ?? nested.missing('full_attn_layers'));
  return repeated(layers, (layer) => full.has(layer + 1));
}

/** Families of latent attention. Sources: `modeling_<model_type>.py` of transformers 5.18.0. */
export const LATENT: Readonly<Record<string, Adapter>> = {
  deepseek_v2: deepseek({ corrected: false, context: 2048 }),
  deepseek_v3: deepseek({ firstDense: 3, context: 4096 }),
  kimi_k2: deepseek({ firstDense: 3, context: 131_072 }),
  glm4_moe_lite: deepseek({ firstDense: 1, epsilon: 1e-5, context: 202_752 }),
  deepseek_v32: deepseek({ firstDense: 3, context: 163_840, indexer: indexedLayers }),
  glm_moe_dsa: deepseek({
    firstDense: 3,
    epsilon: 1e-5,
    context: 202_752,
    ownEmbedding: false,
    indexer: indexedLayers,
  }),
  longcat_flash: longcat,
  deepseek_v4: deepseekV4,
  deepseek_ref: deepseekV4,
  kimi_linear: kimiLinear,
};
