import type { Tower } from '../../../schema/model.js';
import type { Fields } from '../fields.js';
import { layerTensors, linear, norm, tensor } from './tensors.js';
import type { TowerReader } from './vision.js';

const COLOURS = 3;

/**
 * Gemma 4's towers: a transformer for images, and for the E models a conformer for sound. What a config leaves out is
 * the default of `configuration_gemma4.py` of transformers 5.18.0.
 */
export const gemma4Towers: TowerReader = (config, hiddenSize) => {
  const vision = config.group('vision_config');
  const audio = config.group('audio_config');
  if (!vision && !audio) return {};
  return {
    towers: {
      ...(vision ? { vision: visionTower(vision, hiddenSize) } : {}),
      ...(audio ? { audio: audioTower(audio, hiddenSize) } : {}),
    },
  };
};

function visionTower(vision: Fields, hiddenSize: number): Tower {
  const layers = vision.optionalCount('num_hidden_layers') ?? 16;
  const width = vision.optionalCount('hidden_size') ?? 768;
  const heads = vision.optionalCount('num_attention_heads') ?? 12;
  const headDim = vision.optionalCount('head_dim') ?? 64;
  if ((vision.optionalCount('num_key_value_heads') ?? heads) !== heads) vision.refuse('num_key_value_heads');
  if (vision.flag(false, 'attention_bias')) vision.refuse('attention_bias', true);
  vision.ignore(
    'global_head_dim',
    'pooling_kernel_size',
    'default_output_length',
    'standardize',
    'use_clipped_linears',
  );
  vision.ignore('max_position_embeddings', 'model_type');
  const tensors = [
    tensor('position_embedding_table', [2, vision.optionalCount('position_embedding_size') ?? 10_240, width]),
    ...linear('patch_embedder', [width, COLOURS * (vision.optionalCount('patch_size') ?? 16) ** 2]),
    ...layerTensors({
      count: layers,
      width,
      inside: heads * headDim,
      inner: vision.optionalCount('intermediate_size') ?? 3072,
      gated: true,
    }),
    ...norm('layers.post_norms', width, { count: 2 * layers }),
    ...norm('layers.qk_norms', headDim, { count: 2 * layers }),
    ...linear('projection', [hiddenSize, width]),
  ];
  return { layers, hiddenSize: width, tensors };
}

/** Mel bands that the two convolutions halve twice. */
const BANDS = 128;

function audioTower(audio: Fields, hiddenSize: number): Tower {
  const layers = audio.optionalCount('num_hidden_layers') ?? 12;
  const width = audio.optionalCount('hidden_size') ?? 1024;
  const heads = audio.optionalCount('num_attention_heads') ?? 8;
  const kernel = audio.optionalCount('conv_kernel_size') ?? 5;
  const [first = 128, second = 32] = audio.wholes('subsampling_conv_channels') ?? [];
  const out = audio.optionalCount('output_proj_dims') ?? 1536;
  audio.ignore(
    'attention_chunk_size',
    'attention_context_left',
    'attention_context_right',
    'residual_weight',
  );
  audio.ignore('use_clipped_linears', 'model_type', 'attention_invalid_logits_value');
  const square = ['q_proj', 'k_proj', 'v_proj', 'post', 'relative_k_proj', 'lconv1d.end'];
  const norms = [
    'ff1.pre',
    'ff1.post',
    'ff2.pre',
    'ff2.post',
    'lconv1d.pre',
    'lconv1d.conv',
    'attn.pre',
    'attn.post',
    'out',
  ];
  const tensors = [
    tensor('subsample.conv0', [first, 1, 3, 3]),
    tensor('subsample.norm0', [first]),
    tensor('subsample.conv1', [second, first, 3, 3]),
    tensor('subsample.norm1', [second]),
    ...linear('subsample.input_proj', [width, second * (BANDS / 4)]),
    ...linear('layers.ff.up', [4 * width, width], { count: 2 * layers }),
    ...linear('layers.ff.down', [width, 4 * width], { count: 2 * layers }),
    ...square.flatMap((name) => linear(`layers.${name}`, [width, width], { count: layers })),
    ...linear('layers.lconv1d.start', [2 * width, width], { count: layers }),
    tensor('layers.lconv1d.depthwise', [width, 1, kernel], layers),
    tensor('layers.per_dim_scale', [width / heads], layers),
    ...norms.flatMap((name) => norm(`layers.norm.${name}`, width, { count: layers })),
    ...linear('output_proj', [out, width], { bias: true }),
    ...linear('projection', [hiddenSize, out]),
  ];
  return { layers, hiddenSize: width, tensors };
}
