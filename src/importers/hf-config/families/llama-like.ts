import type { Adapter } from '../shared.js';
import { alternating, bySwitch, everyLayer, everyNth, plain } from './plain.js';

/** Gemma's configs name their activation either way, and class defaults fill the rest. */
const GEMMA = { tied: true, theta: 10_000 } as const;

/** Command R: attention and feed-forward side by side; the larger ones norm each head with weights of its own. */
const cohere: Adapter = (config) =>
  plain({
    attention: {
      biasSwitch: ['attention_bias', false, 'qkvo'],
      ...(config.flag(false, 'use_qk_norm') ? { qkNorm: 'heads' as const } : {}),
    },
    parallel: true,
    tied: true,
    epsilon: [1e-5, 'layer_norm_eps'],
    context: 8192,
  })(config);

/**
 * Decoders of equal layers, each by how it differs from Llama. What a config leaves out is the default of its class in
 * transformers 5.18.0 (`configuration_<model_type>.py`), biases and norms are those of `modeling_<model_type>.py`.
 */
export const LLAMA_LIKE: Readonly<Record<string, Adapter>> = {
  llama: plain({
    attention: { biasSwitch: ['attention_bias', false, 'qkvo'] },
    denseBias: 'mlp_bias',
    context: 2048,
  }),
  mistral: plain({ attention: { kvHeads: 8 }, window: everyLayer, context: 131_072 }),
  ministral3: plain({ attention: { kvHeads: 8, headDim: 128 }, window: everyLayer, context: 262_144 }),
  qwen2: plain({ attention: { bias: 'qkv', kvHeads: 32 }, window: bySwitch, context: 32_768 }),
  qwen3: plain({
    attention: { biasSwitch: ['attention_bias', false, 'qkvo'], qkNorm: 'head', kvHeads: 32, headDim: 128 },
    window: bySwitch,
    context: 32_768,
  }),
  granite: plain({
    attention: { biasSwitch: ['attention_bias', false, 'qkvo'] },
    denseBias: 'mlp_bias',
    context: 2048,
  }),
  phi3: plain({ epsilon: [1e-5], window: everyLayer, turnsPart: true, context: 4096 }),
  glm4: plain({
    attention: { biasSwitch: ['attention_bias', true, 'qkv'], kvHeads: 2, headDim: 128 },
    placement: 'sandwich',
    epsilon: [1.5625e-7],
    context: 131_072,
  }),
  olmo2: plain({
    attention: { biasSwitch: ['attention_bias', false, 'qkvo'], qkNorm: 'width' },
    placement: 'post',
    epsilon: [1e-5],
    context: 2048,
  }),
  olmo3: plain({
    attention: { biasSwitch: ['attention_bias', false, 'qkvo'], qkNorm: 'width' },
    placement: 'post',
    window: everyNth(4, 4096),
    epsilon: [1e-5],
    context: 2048,
  }),
  seed_oss: plain({
    attention: { biasSwitch: ['attention_bias', true, 'qkv'], kvHeads: 8, headDim: 128 },
    denseBias: 'mlp_bias',
    context: 524_288,
  }),
  apertus: plain({
    attention: { biasSwitch: ['attention_bias', false, 'qkvo'], qkNorm: 'head' },
    dense: { gate: false, activationParameters: 2 },
    epsilon: [1e-5],
    context: 65_536,
  }),
  ernie4_5: plain({
    attention: { biasSwitch: ['use_bias', false, 'qkvo'], kvHeads: 2, headDim: 128 },
    denseBias: 'use_bias',
    tied: true,
    epsilon: [1e-5],
    context: 131_072,
  }),
  gemma: plain({
    ...GEMMA,
    attention: { biasSwitch: ['attention_bias', false, 'qkvo'], kvHeads: 16, headDim: 256 },
    context: 8192,
  }),
  gemma2: plain({
    ...GEMMA,
    attention: { biasSwitch: ['attention_bias', false, 'qkvo'], kvHeads: 4, headDim: 256 },
    placement: 'sandwich',
    window: alternating((layer) => layer % 2 === 1, 4096),
    context: 8192,
  }),
  cohere,
  cohere2: plain({
    attention: { biasSwitch: ['attention_bias', false, 'qkvo'], headDim: 128 },
    parallel: true,
    window: everyNth(4, 4096),
    tied: true,
    epsilon: [1e-5, 'layer_norm_eps'],
    context: 8192,
  }),
};
