import type { Block } from '../../../schema/model.js';
import type { Fields } from '../fields.js';
import type { Geometry, LayerBlocks } from '../geometry.js';
import {
  type Adapter,
  attentionOf,
  checkLength,
  contextOf,
  dense,
  epsilonOf,
  layerCount,
  moeOf,
  outlineOf,
  repeated,
  ropeFields,
} from '../shared.js';
import { expertsOf } from './mixtures.js';
import { plain } from './plain.js';

/** DBRX: its own names, in groups. */
const dbrx: Adapter = (config) => {
  const hiddenSize = config.count('d_model', 'hidden_size');
  const heads = config.count('n_heads', 'num_attention_heads');
  const layers = layerCount(config);
  const attention = config.group('attn_config') ?? config.missing('attn_config');
  const experts = config.group('ffn_config') ?? config.missing('ffn_config');
  if (hiddenSize % heads > 0) config.wrong('d_model is no whole number of heads');
  const mixer: Block = {
    kind: 'full',
    heads,
    kvHeads: attention.optionalCount('kv_n_heads') ?? 1,
    headDim: hiddenSize / heads,
  };
  const moe = moeOf(config, {
    experts: experts.count('moe_num_experts'),
    activeExperts: experts.count('moe_top_k'),
    intermediateSize: experts.count('ffn_hidden_size'),
  });
  attention.ignore('attn_pdrop', 'model_type');
  experts.ignore(
    'ffn_act_fn',
    'moe_normalize_expert_weights',
    'moe_loss_weight',
    'uniform_expert_assignment',
  );
  const theta = attention.number(500_000, 'rope_theta');
  return {
    hiddenSize,
    vocabSize: config.count('vocab_size'),
    ...(config.flag(false, 'tie_word_embeddings') ? { tiedEmbeddings: true as const } : {}),
    norm: { epsilon: 1e-5 },
    rope: { theta },
    ...contextOf(config, 2048),
    layers: repeated(layers, (): LayerBlocks => [mixer, moe]),
  };
};

/** Arctic: experts and, before them, a feed-forward as wide as the hidden state, each behind a norm of its own. */
const arctic: Adapter = (config) => {
  const layers = layerCount(config);
  const attention = attentionOf(config);
  const outline = outlineOf(config, { epsilon: [1e-5], context: 4096 });
  if (config.whole(1, 'moe_layer_frequency') > 1) config.refuse('moe_layer_frequency');
  if (!config.flag(true, 'parallel_attn_mlp_res')) config.refuse('parallel_attn_mlp_res', false);
  if (!config.flag(true, 'use_residual')) config.refuse('use_residual', false);
  const moe = moeOf(config, expertsOf(config, ['intermediate_size']));
  const residual = dense(outline.hiddenSize);
  return { ...outline, layers: repeated(layers, (): LayerBlocks => [attention, residual, moe]) };
};

/** Grok-1: experts everywhere, sandwiched norms, tied tables. */
const grok: Adapter = (config) => {
  const layers = layerCount(config);
  const attention = attentionOf(config);
  const outline = outlineOf(config, { tied: true, epsilon: [1e-5], context: 8192 });
  const moe = moeOf(config, expertsOf(config, ['intermediate_size', 'moe_intermediate_size']));
  return {
    ...outline,
    norm: { ...outline.norm, placement: 'sandwich' },
    layers: repeated(layers, (): LayerBlocks => [attention, moe]),
  };
};

/** The first Qwen: `intermediate_size` counts gate and up together. */
const qwen: Adapter = (config) => {
  const layers = layerCount(config);
  const both = config.count('intermediate_size');
  if (both % 2 > 0) config.wrong('intermediate_size is odd');
  if (!config.flag(true, 'no_bias')) config.refuse('no_bias', false);
  const headDim = config.optionalCount('kv_channels');
  const attention = attentionOf(config, { bias: 'qkv', ...(headDim ? { headDim } : {}) });
  return {
    ...outlineOf(config, { epsilon: [1e-6, 'layer_norm_epsilon'], context: 8192 }),
    layers: repeated(layers, (): LayerBlocks => [attention, dense(both / 2)]),
  };
};

/** ChatGLM and GLM-4-9B: its own names, a few key-value groups, no tied tables. */
const chatglm: Adapter = (config) => {
  const layers = layerCount(config);
  const heads = config.count('num_attention_heads');
  const groups = config.flag(false, 'multi_query_attention') ? config.count('multi_query_group_num') : heads;
  if (heads % groups > 0) config.wrong(`${heads} heads cannot share ${groups} groups`);
  if (config.flag(false, 'add_bias_linear')) config.refuse('add_bias_linear', true);
  if (!config.flag(true, 'rmsnorm')) config.refuse('rmsnorm', false);
  if (!config.flag(true, 'post_layer_norm')) config.refuse('post_layer_norm', false);
  if (config.flag(false, 'apply_residual_connection_post_layernorm'))
    config.ignore('apply_residual_connection_post_layernorm');
  config.ignore('original_rope', 'apply_query_key_layer_scaling', 'fp32_residual_connection', 'vocab_size');
  const bias = config.flag(false, 'add_qkv_bias');
  const attention: Block = {
    kind: 'full',
    heads,
    kvHeads: groups,
    headDim: config.count('kv_channels'),
    ...(bias ? { bias: 'qkv' as const } : {}),
  };
  return {
    hiddenSize: config.count('hidden_size'),
    vocabSize: config.count('padded_vocab_size'),
    ...(config.flag(false, 'tie_word_embeddings') ? { tiedEmbeddings: true as const } : {}),
    norm: { epsilon: epsilonOf(config, 1e-5, ['layernorm_epsilon']) },
    ...ropeFields(config, 10_000),
    ...contextOf(config, 8192),
    layers: repeated(layers, (): LayerBlocks => [attention, dense(config.count('ffn_hidden_size'))]),
  };
};

/** Phi-3-small: layer norms, biases everywhere, blocks of sparse attention that keep all tokens. */
const phi3Small: Adapter = (config) => {
  const layers = layerCount(config);
  const attention = attentionOf(config, { bias: 'qkvo' });
  const outline = outlineOf(config, {
    tied: true,
    epsilon: [1e-5, 'layer_norm_epsilon'],
    theta: 1e6,
    context: 8192,
  });
  if (config.raw('ff_dim_multiplier')) config.refuse('ff_dim_multiplier');
  config.ignore(
    'attention_bias',
    'rope_embedding_base',
    'rope_position_scale',
    'dense_attention_every_n_layers',
  );
  config.ignore('blocksparse_block_size', 'blocksparse_homo_head_pattern', 'blocksparse_num_local_blocks');
  config.ignore('blocksparse_vert_stride', 'gegelu_pad_to_256', 'blocksparse_triton_kernel_block_size');
  const feedForward = dense(config.count('ff_intermediate_size'), { bias: true });
  return {
    ...outline,
    norm: { ...outline.norm, bias: true },
    layers: repeated(layers, (): LayerBlocks => [attention, feedForward]),
  };
};

/** Llama-Nemotron: each layer says its own attention and feed-forward, or that it has none. */
const nemotronNas: Adapter = (config) => {
  const layers = layerCount(config);
  const said = config.groups('block_configs');
  checkLength(config, 'block_configs', said, layers);
  const heads = config.count('num_attention_heads');
  const hiddenSize = config.count('hidden_size');
  if (hiddenSize % heads > 0) config.wrong('hidden_size is no whole number of heads');
  config.ignore('num_key_value_heads', 'intermediate_size', 'attention_bias', 'mlp_bias');
  for (const name of ['attention_bias', 'mlp_bias']) if (config.raw(name)) config.refuse(name, true);
  return {
    ...outlineOf(config, { epsilon: [1e-5], context: 131_072 }),
    layers: said.flatMap((block): LayerBlocks[] => {
      const layer = [...nasAttention(block, heads, hiddenSize), ...nasFeedForward(block, hiddenSize)];
      return layer.length > 0 ? [layer] : [];
    }),
  };
};

const ROUND = 256;

function nasAttention(block: Fields, heads: number, hiddenSize: number): Block[] {
  const attention = block.group('attention') ?? block.missing('attention');
  attention.ignore('use_prefill_window_in_sink_attention', 'unshifted_sink');
  if (attention.flag(false, 'no_op')) {
    attention.ignore('n_heads_in_group');
    return [];
  }
  for (const name of ['replace_with_linear', 'sparsify', 'num_sink_tokens', 'window_length'])
    if (attention.raw(name)) attention.refuse(name);
  const perGroup = attention.count('n_heads_in_group');
  if (heads % perGroup > 0) attention.wrong(`${heads} heads make no groups of ${perGroup}`);
  return [{ kind: 'full', heads, kvHeads: heads / perGroup, headDim: hiddenSize / heads }];
}

/** `modeling_decilm.py`: two thirds of the widened hidden size, rounded up to 256. */
function nasFeedForward(block: Fields, hiddenSize: number): Block[] {
  const ffn = block.group('ffn') ?? block.missing('ffn');
  if (ffn.flag(false, 'no_op')) {
    ffn.ignore('ffn_mult', 'intermediate_size');
    return [];
  }
  for (const name of ['replace_with_linear', 'sparsify']) if (ffn.raw(name)) ffn.refuse(name);
  const factor = ffn.number(0, 'ffn_mult');
  if (factor <= 0) ffn.missing('ffn_mult');
  return [dense(Math.ceil(Math.trunc((2 * factor * hiddenSize) / 3) / ROUND) * ROUND)];
}

/** Families that name their fields in a way of their own. */
export const OWN_NAMES: Readonly<Record<string, (config: Fields) => Geometry>> = {
  dbrx,
  arctic,
  'grok-1': grok,
  qwen,
  chatglm,
  phi3small: phi3Small,
  'nemotron-nas': nemotronNas,
  baichuan: plain({ context: 4096 }),
  internlm2: plain({ attention: { biasSwitch: ['bias', false, 'qkvo'] }, context: 32_768 }),
  exaone: plain({ epsilon: [1e-5], context: 32_768 }),
};
