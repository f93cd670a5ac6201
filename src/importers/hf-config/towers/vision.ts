import type { Architecture } from '../../../schema/model.js';
import type { Fields } from '../fields.js';
import { layerTensors, linear, norm, tensor } from './tensors.js';

/** The towers of a wrapper around a language model of a hidden size. */
export type TowerReader = (config: Fields, hiddenSize: number) => Pick<Architecture, 'vision' | 'towers'>;

const COLOURS = 3;

const visionOf = (config: Fields): Fields => {
  const vision = config.group('vision_config') ?? config.missing('vision_config');
  vision.ignore('model_type', 'in_channels', 'in_chans', 'num_channels', 'attention_bias');
  if ((vision.raw('in_channels', 'in_chans', 'num_channels') ?? COLOURS) !== COLOURS)
    vision.refuse('num_channels');
  return vision;
};

/** SigLIP (Gemma 3): learned positions, one matrix behind a norm to the language model. */
export const siglip: TowerReader = (config, hiddenSize) => {
  const vision = visionOf(config);
  if (vision.flag(true, 'vision_use_head')) vision.refuse('vision_use_head', true);
  const width = vision.count('hidden_size');
  return {
    vision: {
      layers: vision.count('num_hidden_layers'),
      hiddenSize: width,
      intermediateSize: vision.count('intermediate_size'),
      heads: vision.count('num_attention_heads'),
      imageSize: vision.count('image_size'),
      patchSize: vision.count('patch_size'),
      patchBias: true,
      projector: [[width, hiddenSize]],
      projectorNorm: true,
    },
  };
};

/** Llama 4: a class token, a norm in front, an adapter of two matrices behind a pixel shuffle, and a projection. */
export const llama4Vision: TowerReader = (config, hiddenSize) => {
  const vision = visionOf(config);
  if (vision.flag(false, 'multi_modal_projector_bias')) vision.refuse('multi_modal_projector_bias', true);
  vision.ignore('pixel_shuffle_ratio');
  const inner = vision.count('intermediate_size');
  const into = vision.count('projector_input_dim');
  const out = vision.count('projector_output_dim');
  return {
    vision: {
      layers: vision.count('num_hidden_layers'),
      hiddenSize: vision.count('hidden_size'),
      intermediateSize: inner,
      heads: vision.count('num_attention_heads'),
      imageSize: vision.count('image_size'),
      patchSize: vision.count('patch_size'),
      classToken: true,
      preNorm: true,
      projector: [
        [inner, into],
        [out, out],
        [vision.count('vision_output_dim'), hiddenSize],
      ],
    },
  };
};

/** Pixtral (Mistral 3): RMS norms and no biases; patches are merged, then projected. */
export const pixtral: TowerReader = (config, hiddenSize) => {
  const vision = visionOf(config);
  const width = vision.count('hidden_size');
  const layers = vision.count('num_hidden_layers');
  vision.ignore('head_dim', 'image_size', 'num_attention_heads');
  const merge = config.optionalCount('spatial_merge_size') ?? 2;
  const bias = config.flag(false, 'multimodal_projector_bias');
  const tensors = [
    ...linear('patch_conv', [width, COLOURS * vision.count('patch_size') ** 2]),
    ...norm('ln_pre', width),
    ...layerTensors({ count: layers, width, inner: vision.count('intermediate_size'), gated: true }),
    ...norm('projector.norm', width),
    ...linear('projector.merging_layer', [width, width * merge ** 2]),
    ...linear('projector.linear_1', [hiddenSize, width], { bias }),
    ...linear('projector.linear_2', [hiddenSize, hiddenSize], { bias }),
  ];
  return { towers: { vision: { layers, hiddenSize: width, tensors } } };
};

/** Qwen2-VL and 2.5-VL: no positions of its own; four patches merge into one token. */
export const qwen2Vision =
  (generation: '2' | '2.5'): TowerReader =>
  (config, hiddenSize) => {
    const vision = visionOf(config);
    const layers = vision.count('depth');
    const width = vision.count(generation === '2' ? 'embed_dim' : 'hidden_size');
    const inner = generation === '2' ? width * vision.count('mlp_ratio') : vision.count('intermediate_size');
    const merge = vision.optionalCount('spatial_merge_size') ?? 2;
    const merged = width * merge ** 2;
    const out = generation === '2' ? vision.count('hidden_size') : vision.count('out_hidden_size');
    if (out !== hiddenSize) config.wrong(`the tower gives ${out}, the language model takes ${hiddenSize}`);
    const newer = generation === '2.5';
    vision.ignore('num_heads', 'spatial_patch_size', 'window_size', 'fullatt_block_indexes');
    const tensors = [
      ...patches(vision, width, false),
      ...layerTensors({
        count: layers,
        width,
        inner,
        attentionBias: true,
        feedForwardBias: true,
        normBias: !newer,
        gated: newer,
      }),
      ...norm('merger.norm', width, { bias: !newer }),
      ...linear('merger.linear_1', [merged, merged], { bias: true }),
      ...linear('merger.linear_2', [out, merged], { bias: true }),
    ];
    return { towers: { vision: { layers, hiddenSize: width, tensors } } };
  };

/** Patches of two pictures that follow each other, as a matrix. */
const patches = (vision: Fields, width: number, bias: boolean) => {
  const columns =
    COLOURS * (vision.optionalCount('temporal_patch_size') ?? 2) * vision.count('patch_size') ** 2;
  return linear('patch_embed', [width, columns], { bias });
};

/** Qwen3-VL and Qwen3.5: learned positions; some layers bring their own merger. */
export const qwen3Vision: TowerReader = (config, hiddenSize) => {
  const vision = visionOf(config);
  const layers = vision.count('depth');
  const width = vision.count('hidden_size');
  const merged = width * (vision.optionalCount('spatial_merge_size') ?? 2) ** 2;
  const out = vision.count('out_hidden_size');
  if (out !== hiddenSize) config.wrong(`the tower gives ${out}, the language model takes ${hiddenSize}`);
  const deep = vision.wholes('deepstack_visual_indexes')?.length ?? 0;
  vision.ignore('num_heads');
  const merger = (name: string, normWidth: number, count: number) =>
    count === 0
      ? []
      : [
          ...norm(`${name}.norm`, normWidth, { bias: true, count }),
          ...linear(`${name}.linear_1`, [merged, merged], { bias: true, count }),
          ...linear(`${name}.linear_2`, [out, merged], { bias: true, count }),
        ];
  const tensors = [
    ...patches(vision, width, true),
    tensor('pos_embed.weight', [vision.count('num_position_embeddings'), width]),
    ...layerTensors({
      count: layers,
      width,
      inner: vision.count('intermediate_size'),
      attentionBias: true,
      feedForwardBias: true,
      normBias: true,
    }),
    ...merger('merger', width, 1),
    ...merger('deepstack_mergers', merged, deep),
  ];
  return { towers: { vision: { layers, hiddenSize: width, tensors } } };
};

/** MoonViT (Kimi K2.5): a table of positions by row and column; four patches merge into one token. */
export const moonVit: TowerReader = (config, hiddenSize) => {
  const vision = visionOf(config);
  if ((vision.text('mm_projector_type') ?? 'patchmerger') !== 'patchmerger')
    vision.refuse('mm_projector_type');
  const layers = vision.count('vt_num_hidden_layers', 'num_hidden_layers');
  const width = vision.count('vt_hidden_size', 'hidden_size');
  const [high = 2, wide = 2] = vision.wholes('merge_kernel_size') ?? [];
  const merged = vision.count('mm_hidden_size', 'vt_hidden_size') * high * wide;
  vision.ignore(
    'vt_num_attention_heads',
    'text_hidden_size',
    'init_pos_emb_time',
    'merge_type',
    'pos_emb_type',
  );
  vision.ignore('video_attn_type');
  config.ignore('use_unified_vision_chunk');
  const tensors = [
    ...linear('patch_embed', [width, COLOURS * vision.count('patch_size') ** 2], { bias: true }),
    tensor('pos_emb', [vision.count('init_pos_emb_height'), vision.count('init_pos_emb_width'), width]),
    ...layerTensors({
      count: layers,
      width,
      inner: vision.count('vt_intermediate_size', 'intermediate_size'),
      attentionBias: true,
      feedForwardBias: true,
      normBias: true,
    }),
    ...norm('final_layernorm', width, { bias: true }),
    ...norm('projector.pre_norm', width, { bias: true }),
    ...linear('projector.in_proj', [merged, merged], { bias: true }),
    ...linear('projector.out_proj', [hiddenSize, merged], { bias: true }),
  ];
  return { towers: { vision: { layers, hiddenSize: width, tensors } } };
};

/** MiniMax-M3: rotated positions, a projector, then a merger of four patches. */
export const minimaxVision: TowerReader = (config, hiddenSize) => {
  const vision = visionOf(config);
  const layers = vision.count('num_hidden_layers');
  const width = vision.count('hidden_size');
  const compression =
    vision.group('img_token_compression_config') ?? config.group('img_token_compression_config');
  config.looseGroup('img_token_compression_config');
  const merge = compression?.optionalCount('spatial_merge_size') ?? 2;
  const temporal = compression?.optionalCount('temporal_patch_size') ?? 2;
  compression?.ignore('image_token_compression_method');
  vision.ignore(
    'num_attention_heads',
    'image_size',
    'projection_dim',
    'vocab_size',
    'position_embedding_type',
  );
  vision.ignore('vision_segment_max_frames', 'rope_mode');
  config.ignore('num_reward_heads', 'process_image_mode');
  const bias = config.flag(true, 'multimodal_projector_bias');
  const inner = config.optionalCount('projector_hidden_size') ?? hiddenSize;
  const columns = COLOURS * temporal * vision.count('patch_size') ** 2;
  const tensors = [
    ...linear('patch_embed', [width, columns]),
    ...norm('pre_layernorm', width, { bias: true }),
    ...layerTensors({
      count: layers,
      width,
      inner: vision.count('intermediate_size'),
      attentionBias: true,
      feedForwardBias: true,
      normBias: true,
    }),
    ...linear('projector.linear_1', [inner, width], { bias }),
    ...linear('projector.linear_2', [hiddenSize, inner], { bias }),
    ...linear('projector.merge_linear_1', [inner, hiddenSize * merge ** 2], { bias }),
    ...linear('projector.merge_linear_2', [hiddenSize, inner], { bias }),
  ];
  return { towers: { vision: { layers, hiddenSize: width, tensors } } };
};

/** Muse Glimmer: a table of positions, norms before and behind, an adapter without biases. */
export const museVision: TowerReader = (config, hiddenSize) => {
  const vision = visionOf(config);
  const layers = vision.count('num_hidden_layers');
  const width = vision.count('hidden_size');
  const merged = width * (vision.optionalCount('merge_size') ?? 2) ** 2;
  const inner = config.count('projector_hidden_size');
  config.ignore('out_hidden_size');
  vision.ignore('num_attention_heads', 'layer_types', 'max_position_embeddings');
  const columns = COLOURS * (vision.optionalCount('patch_temporal') ?? 2) * vision.count('patch_size') ** 2;
  const tensors = [
    ...linear('patch_embed', [width, columns]),
    tensor('pos_emb', [vision.count('pos_emb_height') * vision.count('pos_emb_width'), width]),
    ...norm('ln_pre', width, { bias: true }),
    ...layerTensors({
      count: layers,
      width,
      inner: vision.count('intermediate_size'),
      attentionBias: true,
      feedForwardBias: true,
      normBias: true,
    }),
    ...norm('ln_post', width, { bias: true }),
    ...linear('adapter.fc1', [inner, merged]),
    ...linear('adapter.fc2', [inner, inner]),
    ...linear('projection', [hiddenSize, inner]),
  ];
  return { towers: { vision: { layers, hiddenSize: width, tensors } } };
};

/** Llama 3.2 Vision: tiles with embeddings of their shapes, local layers, then gated global ones. */
export const mllamaVision: TowerReader = (config, hiddenSize) => {
  const vision = visionOf(config);
  const layers = vision.count('num_hidden_layers');
  const globals = vision.count('num_global_layers');
  const width = vision.count('hidden_size');
  const inner = vision.count('intermediate_size');
  const tiles = vision.count('max_num_tiles');
  const shapes =
    (vision.list('supported_aspect_ratios')?.length ?? vision.missing('supported_aspect_ratios')) + 1;
  const patchSize = vision.count('patch_size');
  const patchesAndClass = (vision.count('image_size') / patchSize) ** 2 + 1;
  vision.ignore(
    'attention_heads',
    'num_attention_heads',
    'intermediate_layers_indices',
    'tie_word_embeddings',
  );
  const alike = { width, inner, feedForwardBias: true, normBias: true };
  const tensors = [
    tensor('class_embedding', [width]),
    ...linear('patch_embedding', [width, COLOURS * patchSize ** 2]),
    tensor('position_embedding', [patchesAndClass, width]),
    tensor('position_tile_embedding', [shapes, tiles * patchesAndClass * width]),
    tensor('tile_embeddings', [shapes, tiles * width], 2),
    tensor('gates', [1], 3),
    ...norm('layernorm_pre', width, { bias: true }),
    ...norm('layernorm_post', width, { bias: true }),
    ...layerTensors({ ...alike, count: layers }),
    ...layerTensors({ ...alike, count: globals, name: 'global_layers' }),
    tensor('global_layers.gates', [2], globals),
    ...linear('projector', [hiddenSize, vision.count('vision_output_dim')], { bias: true }),
  ];
  return { towers: { vision: { layers: layers + globals, hiddenSize: width, tensors } } };
};

/** CLIP ViT-L/14-336, whose sizes Phi-3-vision names rather than says: `openai/clip-vit-large-patch14-336`. */
const CLIP = { layers: 24, width: 1024, inner: 4096, patch: 14, positions: (336 / 14) ** 2 + 1 };

/** Phi-3-vision: CLIP, two separators, and a projector of two matrices over four merged patches. */
export const phi3Vision: TowerReader = (config, hiddenSize) => {
  const processor = config.looseGroup('img_processor');
  if (processor?.raw('model_name') !== 'openai/clip-vit-large-patch14-336') config.refuse('img_processor');
  const form = config.looseGroup('embd_layer');
  if (form?.raw('projection_cls') !== 'mlp' || form.raw('use_hd_transform') !== true)
    config.refuse('embd_layer');
  const { layers, width, inner, patch, positions } = CLIP;
  const merged = width * 4;
  const tensors = [
    tensor('class_embedding', [width]),
    ...linear('patch_embedding', [width, COLOURS * patch ** 2]),
    tensor('position_embedding', [positions, width]),
    ...norm('pre_norm', width, { bias: true }),
    ...layerTensors({
      count: layers,
      width,
      inner,
      attentionBias: true,
      feedForwardBias: true,
      normBias: true,
    }),
    ...norm('post_norm', width, { bias: true }),
    tensor('separators', [merged], 2),
    ...linear('projector.0', [hiddenSize, merged], { bias: true }),
    ...linear('projector.1', [hiddenSize, hiddenSize], { bias: true }),
  ];
  return { towers: { vision: { layers, hiddenSize: width, tensors } } };
};
