import type { Block } from '../../../schema/model.js';
import type { Fields } from '../fields.js';
import type { Geometry, LayerBlocks } from '../geometry.js';
import {
  type Adapter,
  type Attention,
  attentionOf,
  checkLength,
  type Dense,
  denseOf,
  layerCount,
  type Moe,
  moeOf,
  outlineOf,
  pairs,
  repeated,
  slidingLayers,
  windowed,
} from '../shared.js';
import { afterFirst, deepseekMoe, expertsOf, feedForwardsOf, sharedOf } from './mixtures.js';

/** MiMo-V2: windowed layers have their own heads; values are narrower than keys. */
const mimo: Adapter = (config) => {
  const layers = layerCount(config);
  const pattern = config.wholes('hybrid_layer_pattern');
  if (pattern) checkLength(config, 'hybrid_layer_pattern', pattern, layers);
  const sliding = pattern
    ? pattern.map((entry) => entry === 1)
    : slidingLayers(config, { layers, isFull: () => config.missing('hybrid_layer_pattern') });
  config.ignore('layer_types', 'attention_chunk_size', 'sliding_window_size', 'attention_value_scale');
  const full = mimoAttention(config, '', 'add_full_attention_sink_bias');
  const local = windowed(
    mimoAttention(config, 'swa_', 'add_swa_attention_sink_bias'),
    config.count('sliding_window', 'sliding_window_size'),
  );
  const feedForwards = feedForwardsOf(config, layers, { where: afterFirst(1), moe: deepseekMoe });
  return {
    ...outlineOf(config, { epsilon: [1e-5, 'layernorm_epsilon'], context: 262_144 }),
    layers: pairs(
      sliding.map((isSliding) => (isSliding ? local : full)),
      feedForwards,
    ),
    mtp: { modules: MIMO_MODULES, layer: [local, denseOf(config)] },
  };
};

/** No field says how many modules for further tokens the checkpoints have: `conversion/mimo.py` of llama.cpp v0.5.0. */
const MIMO_MODULES = 3;

function mimoAttention(config: Fields, prefix: string, sinks: string): Attention {
  const heads = config.count(`${prefix}num_attention_heads`, 'num_attention_heads');
  const bias = config.flag(false, 'attention_bias');
  return {
    kind: 'full',
    heads,
    kvHeads: config.count(`${prefix}num_key_value_heads`, 'num_key_value_heads'),
    headDim: config.count(`${prefix}head_dim`, 'head_dim'),
    valueDim: config.count(`${prefix}v_head_dim`, 'v_head_dim'),
    ...(bias ? { bias: 'qkv' as const } : {}),
    ...(config.flag(prefix !== '', sinks) ? { sinks: true as const } : {}),
  };
}

/** Laguna: every layer says its number of heads; a gate on each head's output. */
const laguna: Adapter = (config) => {
  const layers = layerCount(config);
  const gate = lagunaGate(config);
  const usual = config.count('num_attention_heads');
  const heads = config.wholes('num_attention_heads_per_layer') ?? repeated(layers, () => usual);
  checkLength(config, 'num_attention_heads_per_layer', heads, layers);
  const base = attentionOf(config, {
    biasSwitch: ['attention_bias', false, 'qkvo'],
    qkNorm: 'head',
    kvHeads: 8,
    headDim: 128,
    outputGate: gate,
  });
  const sliding = slidingLayers(config, { layers, isFull: () => true });
  const window = sliding.includes(true) ? (config.optionalCount('sliding_window') ?? 512) : undefined;
  config.ignore('sliding_window', 'gating_types');
  const mixers = heads.map((count, layer) => {
    if (count === 0 || count % base.kvHeads > 0) config.refuse('num_attention_heads_per_layer', count);
    return windowed({ ...base, heads: count }, sliding[layer] ? window : undefined);
  });
  const feedForwards = feedForwardsOf(config, layers, { where: lagunaExperts, moe: lagunaMoe });
  return { ...outlineOf(config, { theta: 500_000, context: 131_072 }), layers: pairs(mixers, feedForwards) };
};

function lagunaGate(config: Fields): true | 'head' {
  const said = config.raw('gating');
  const types = new Set(config.texts('gating_types'));
  if (types.size > 1) config.refuse('gating_types');
  if (said === undefined || said === true || said === 'per-head') return 'head';
  return said === 'per-element' ? true : config.refuse('gating', said);
}

const lagunaExperts = (config: Fields, layers: number): readonly boolean[] => {
  config.ignore('decoder_sparse_step', 'mlp_only_layers');
  return afterFirst(1)(config, layers);
};

const lagunaMoe = (config: Fields): Moe =>
  moeOf(config, {
    ...expertsOf(config, ['moe_intermediate_size']),
    routerCorrection: 'trained',
    shared: { intermediateSize: config.count('shared_expert_intermediate_size') },
  });

/** Step 3.5 and 3.7 in the flat form: a gate on each head, a window where `layer_types` says so. */
const step: Adapter = (config) => {
  const layers = layerCount(config);
  const base = attentionOf(config, { qkNorm: 'head', outputGate: 'head' });
  const sliding = slidingLayers(config, { layers, isFull: () => config.missing('layer_types') });
  const window = config.count('sliding_window');
  const mixers = sliding.map((isSliding) => windowed(base, isSliding ? window : undefined));
  const plain = feedForwardsOf(config, layers, { where: afterFirst(), moe: stepMoe });
  const feedForwards = clampedWhereSaid(config, plain);
  const modules = config.countOrNone('num_nextn_predict_layers');
  return {
    ...outlineOf(config, { epsilon: [1e-5], context: 65_536 }),
    layers: pairs(mixers, feedForwards),
    ...(modules ? { mtp: { modules, layer: [mixers.at(-1)!, plain[0]!] } } : {}),
  };
};

/** Layer by layer a limit of what experts make, and one of what the rest makes; none where it is zero or absent. */
function clampedWhereSaid(config: Fields, feedForwards: readonly (Moe | Dense)[]): (Moe | Dense)[] {
  const limits = config.list('swiglu_limits') ?? [];
  const shared = config.list('swiglu_limits_shared') ?? [];
  const clampedIf = (limit: unknown) => (limit ? { clamped: true as const } : {});
  return feedForwards.map((block, layer) => {
    if (block.kind === 'dense') return { ...block, ...clampedIf(shared[layer]) };
    return {
      ...block,
      ...clampedIf(limits[layer]),
      ...(block.shared && { shared: { ...block.shared, ...clampedIf(shared[layer]) } }),
    };
  });
}

function stepMoe(config: Fields): Moe {
  const corrected = config.flag(true, 'use_moe_router_bias');
  const shared = config.whole(1, 'n_shared_experts');
  return moeOf(config, {
    ...expertsOf(config, ['moe_intermediate_size']),
    ...(corrected ? { routerCorrection: true as const } : {}),
    ...sharedOf(shared, config.count('share_expert_dim')),
  });
}

/** MiniMax-M3: an indexer in the sparse layers, plain layers first. */
const minimaxM3: Adapter = (config) => {
  const layers = layerCount(config);
  if (config.flag(false, 'attention_output_gate')) config.refuse('attention_output_gate', true);
  if (!config.flag(true, 'use_qk_norm')) config.refuse('use_qk_norm', false);
  if ((config.text('qk_norm_type') ?? 'per_head') !== 'per_head') config.refuse('qk_norm_type');
  const attention = attentionOf(config, { qkNorm: 'head', kvHeads: 4, headDim: 128 });
  const { index, sparse } = minimaxIndexer(config, layers);
  if (!config.flag(true, 'use_routing_bias')) config.refuse('use_routing_bias', false);
  config.ignore('use_gemma_norm', 'num_mtp_modules');
  const feedForwards = feedForwardsOf(config, layers, {
    where: afterFirst(),
    moe: minimaxM3Moe,
    denseSize: (fields) => fields.count('dense_intermediate_size'),
  });
  config.ignore('dense_intermediate_size');
  return {
    ...outlineOf(config, { theta: 5e6, context: 1_048_576 }),
    layers: feedForwards.map(
      (feedForward, layer): LayerBlocks => [
        sparse[layer] && index ? [attention, index] : attention,
        feedForward,
      ],
    ),
  };
};

function minimaxIndexer(config: Fields, layers: number): { index?: Block; sparse: readonly boolean[] } {
  const said = config.group('sparse_attention_config');
  if (!said?.flag(true, 'use_sparse_attention')) return { sparse: [] };
  const frequency = said.wholes('sparse_attention_freq') ?? said.missing('sparse_attention_freq');
  checkLength(config, 'sparse_attention_freq', frequency, layers);
  said.ignore('sparse_disable_index_value', 'sparse_score_type');
  const blockTokens = said.count('sparse_block_size');
  said.ignore('sparse_init_block', 'sparse_local_block');
  const index: Block = {
    kind: 'indexer',
    heads: said.count('sparse_num_index_heads'),
    headDim: said.count('sparse_index_dim'),
    chosenTokens: blockTokens * said.count('sparse_topk_blocks'),
    blockTokens,
    form: 'norms',
  };
  return { index, sparse: frequency.map((entry) => entry > 0) };
}

function minimaxM3Moe(config: Fields): Moe {
  const shared = config.whole(0, 'n_shared_experts');
  return moeOf(config, {
    ...expertsOf(config, ['intermediate_size']),
    routerCorrection: true,
    ...(shared ? sharedOf(shared, config.count('shared_intermediate_size')) : {}),
  });
}

/** Hunyuan: scalars may be lists of equal entries; with `use_cla`, layers take turns to bring keys and values. */
const hunyuan: Adapter = (config) => {
  const layers = layerCount(config);
  const attention = attentionOf(config, {
    biasSwitch: ['attention_bias', false, 'qkvo'],
    ...(config.flag(true, 'use_qk_norm') ? { qkNorm: 'head' as const } : {}),
  });
  config.ignore('attention_head_dim');
  const share = config.flag(false, 'use_cla') ? config.count('cla_share_factor') : 1;
  config.ignore('cla_share_factor');
  const follower: Attention = { ...attention, sharedKv: 'keyNorm' };
  const moe = hunyuanMoe(config);
  if (config.countOrNone('moe_layer_num_skipped')) config.refuse('moe_layer_num_skipped');
  return {
    ...outlineOf(config, { epsilon: [1e-5], context: 2048 }),
    layers: repeated(layers, (layer): LayerBlocks => [layer % share === 0 ? attention : follower, moe]),
  };
};

function hunyuanMoe(config: Fields): Moe {
  const intermediateSize = config.count('intermediate_size');
  const width = oneOf(config, 'moe_intermediate_size') ?? intermediateSize;
  const shared = config.flag(true, 'use_mixed_mlp_moe') ? (oneOf(config, 'num_shared_expert') ?? 1) : 0;
  config.ignore('num_shared_expert');
  return moeOf(config, {
    experts: config.count('num_experts'),
    activeExperts: oneOf(config, 'moe_topk', 'num_experts_per_tok') ?? config.missing('moe_topk'),
    intermediateSize: width,
    ...sharedOf(shared, intermediateSize),
  });
}

/** A number, or a list that says it again for every layer. */
function oneOf(config: Fields, ...names: readonly string[]): number | undefined {
  const value = config.raw(...names);
  if (!Array.isArray(value)) return config.optionalCount(...names);
  const all = new Set(config.wholes(...names));
  return all.size === 1 ? [...all][0] : config.refuse(names[0]!);
}

/** Llama 4: three chunked layers, then one that sees all and no positions. */
const llama4: Adapter = (config) => {
  const layers = layerCount(config);
  const attention = attentionOf(config, {
    biasSwitch: ['attention_bias', false, 'qkvo'],
    kvHeads: 8,
    headDim: 128,
  });
  const chunk =
    config.raw('attention_chunk_size') === undefined ? 8192 : config.count('attention_chunk_size');
  const rotates = rotatingLayers(config, layers);
  const local: Block = { ...attention, kind: 'chunked', window: chunk };
  const mixers = rotates.map((rotated): Block => (rotated ? local : { ...attention, rope: false }));
  config.ignore('use_qk_norm', 'attn_temperature_tuning', 'layer_types', 'cache_implementation');
  const feedForwards = feedForwardsOf(config, layers, {
    where: llama4Experts,
    moe: llama4Moe,
    denseSize: (fields) => fields.count('intermediate_size_mlp'),
  });
  config.ignore('intermediate_size_mlp');
  return {
    ...outlineOf(config, { epsilon: [1e-5], theta: 500_000, context: 131_072 }),
    layers: pairs(mixers, feedForwards),
  };
};

function llama4Moe(config: Fields): Moe {
  const sizes = expertsOf(config, ['intermediate_size']);
  return moeOf(config, { ...sizes, shared: { intermediateSize: sizes.intermediateSize } });
}

function llama4Experts(config: Fields, layers: number): boolean[] {
  const said = config.wholes('moe_layers');
  const step = config.whole(1, 'interleave_moe_layer_step');
  if (said) return repeated(layers, (layer) => said.includes(layer));
  return repeated(layers, (layer) => step > 0 && (layer + 1) % step === 0);
}

function rotatingLayers(config: Fields, layers: number): boolean[] {
  const said = config.wholes('no_rope_layers') ?? [];
  const every = config.whole(4, 'no_rope_layer_interval', 'nope_layer_interval') || 4;
  if (said.length === 0) return repeated(layers, (layer) => (layer + 1) % every !== 0);
  checkLength(config, 'no_rope_layers', said, layers);
  return said.map((entry) => entry === 1);
}

/** Families of experts whose layers differ in more than one way. */
export const SLIDING_MIXTURES: Readonly<Record<string, (config: Fields) => Geometry>> = {
  mimo_v2_flash: mimo,
  laguna,
  step3p7: step,
  minimax_m3_vl_text: minimaxM3,
  hunyuan,
  hunyuan_v1_moe: hunyuan,
  llama4_text: llama4,
};
