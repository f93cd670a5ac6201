import type { Block } from '../../../schema/model.js';
import type { Fields } from '../fields.js';
import type { LayerBlocks } from '../geometry.js';
import {
  type Adapter,
  type Attention,
  attentionOf,
  dense,
  layerCount,
  moeOf,
  outlineOf,
  repeated,
  slidingLayers,
  windowed,
} from '../shared.js';
import { everyNth, plain } from './plain.js';

/** Rows of Gemma 3's table for its tokenizer; the rows behind them are padding. */
const GEMMA3_TOKENS = 262_144;

/**
 * Gemma 3: sandwiched norms, five layers with a window, then a full one. Configs of the larger models leave most to
 * the defaults of `configuration_gemma3.py`. Converters drop the rows of the table that the tokenizer lacks.
 */
const gemma3: Adapter = (config) => {
  const heads = config.optionalCount('num_attention_heads') ?? 8;
  const attention: Attention = {
    kind: 'full',
    heads,
    kvHeads: config.optionalCount('num_key_value_heads') ?? 4,
    headDim: config.optionalCount('head_dim') ?? 256,
    ...(config.flag(false, 'attention_bias') ? { bias: 'qkvo' as const } : {}),
    qkNorm: 'head',
  };
  if (attention.heads % attention.kvHeads > 0) config.wrong('its heads cannot share the key-value heads');
  const layers = layerCount(config);
  const windows = everyNth(6, 4096)(config, layers);
  const feedForward = dense(config.count('intermediate_size'));
  const outline = outlineOf(config, { tied: true, theta: 1e6, context: 131_072, vocabSize: 262_208 });
  const padding = outline.vocabSize - GEMMA3_TOKENS;
  return {
    ...outline,
    ...(padding > 0 ? { paddingRows: padding } : {}),
    activation: 'gelu',
    norm: { ...outline.norm, placement: 'sandwich' },
    layers: windows.map((window): LayerBlocks => [windowed(attention, window), feedForward]),
  };
};

/**
 * Gemma 4: full layers have wider heads and may use their keys as values; the last layers share the keys and values of
 * earlier ones and may have a wider feed-forward; experts run beside the feed-forward; a second table joins each layer.
 */
const gemma4: Adapter = (config) => {
  const layers = layerCount(config);
  const sliding = gemma4Sliding(config, layers);
  const base = attentionOf(config, {
    biasSwitch: ['attention_bias', false, 'qkvo'],
    qkNorm: 'head',
    kvHeads: 4,
    headDim: 256,
  });
  const full = gemma4Full(config, base);
  const window = config.optionalCount('sliding_window') ?? 512;
  const shared = config.whole(0, 'num_kv_shared_layers');
  const firstShared = shared >= layers ? layers : layers - shared;
  const widen = config.flag(false, 'use_double_wide_mlp') ? 2 : 1;
  const feedForward = gemma4FeedForward(config);
  const mixer = (layer: number): Block => {
    const own = sliding[layer] ? windowed(base, window) : full;
    return layer >= firstShared ? { ...own, sharedKv: true } : own;
  };
  const dim = config.countOrNone('hidden_size_per_layer_input');
  const rows = config.optionalCount('vocab_size_per_layer_input') ?? 262_144;
  const outline = outlineOf(config, { tied: true, theta: 1e6, context: 131_072 });
  return {
    ...outline,
    activation: 'gelu',
    norm: { ...outline.norm, placement: 'sandwich' },
    ...(dim ? { layerEmbedding: { vocabSize: rows, dim } } : {}),
    layers: repeated(
      layers,
      (layer): LayerBlocks => [mixer(layer), feedForward(layer >= firstShared ? widen : 1)],
    ),
  };
};

function gemma4Sliding(config: Fields, layers: number): boolean[] {
  const sliding = slidingLayers(config, { layers, isFull: (layer) => (layer + 1) % 6 === 0 });
  sliding[layers - 1] = false;
  return sliding;
}

function gemma4Full(config: Fields, base: Attention): Attention {
  const headDim = config.optionalCount('global_head_dim') ?? 512;
  const isKey = config.flag(false, 'attention_k_eq_v');
  const own = config.optionalCount('num_global_key_value_heads');
  return {
    ...base,
    kvHeads: isKey ? (own ?? base.kvHeads) : base.kvHeads,
    headDim,
    ...(isKey ? { valueIsKey: true as const } : {}),
  };
}

function gemma4FeedForward(config: Fields): (widen: number) => Block | Block[] {
  const intermediateSize = config.count('intermediate_size');
  if (!config.flag(false, 'enable_moe_block')) {
    config.ignore('num_experts', 'top_k_experts', 'moe_intermediate_size');
    return (widen) => dense(intermediateSize * widen);
  }
  const moe = moeOf(config, {
    experts: config.count('num_experts'),
    activeExperts: config.count('top_k_experts'),
    intermediateSize: config.count('moe_intermediate_size'),
    routerScales: true,
  });
  return (widen) => [dense(intermediateSize * widen), moe];
}

/** Muse Glimmer: sandwiched norms, a gate on the output, and full layers without positions. */
const museGlimmer: Adapter = (config) =>
  plain({
    attention: { biasSwitch: ['attention_bias', false, 'qkvo'], kvHeads: 2, headDim: 128, outputGate: true },
    window: everyNth(4, 2048),
    placement: 'sandwich',
    epsilon: [1e-5],
    context: 131_072,
  })(config);

/** Gemma from the third generation on, and a relative in shape. */
export const GEMMA: Readonly<Record<string, Adapter>> = {
  gemma3_text: gemma3,
  gemma4_text: gemma4,
  muse_glimmer_text: museGlimmer,
};
