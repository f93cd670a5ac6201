import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { layoutOf } from '../../src/core/tensors/index.js';
import { countParameters } from '../../src/core/tensors/parameters.js';
import { InputError } from '../../src/errors.js';
import { importConfig } from '../../src/importers/hf-config/index.js';
import { architectureSchema } from '../../src/schema/model.js';
import { refusal } from '../refusal.js';

const ORIGIN = { from: 'config.json', date: '2026-11-26', id: 'mine' };

type Config = Readonly<Record<string, unknown>>;

const imported = (config: Config) => importConfig(config, ORIGIN);
const parametersOf = (config: Config): number =>
  countParameters(layoutOf(imported(config).architecture)).total;

const OUTLINE = {
  hidden_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  num_key_value_heads: 1,
  vocab_size: 100,
  rms_norm_eps: 1e-5,
  max_position_embeddings: 64,
  tie_word_embeddings: true,
};
const LLAMA = {
  ...OUTLINE,
  model_type: 'llama',
  architectures: ['LlamaForCausalLM'],
  intermediate_size: 20,
};
const QWEN_MOE = {
  ...OUTLINE,
  model_type: 'qwen3_moe',
  head_dim: 4,
  intermediate_size: 20,
  moe_intermediate_size: 5,
  num_experts: 6,
  num_experts_per_tok: 2,
};
const DEEPSEEK = {
  ...OUTLINE,
  model_type: 'deepseek_v3',
  num_key_value_heads: 3,
  intermediate_size: 20,
  first_k_dense_replace: 1,
  moe_intermediate_size: 5,
  n_routed_experts: 6,
  num_experts_per_tok: 2,
  n_shared_experts: 1,
  q_lora_rank: 7,
  kv_lora_rank: 6,
  qk_nope_head_dim: 4,
  qk_rope_head_dim: 2,
  v_head_dim: 3,
  num_nextn_predict_layers: 0,
};
const NEMOTRON = {
  ...OUTLINE,
  model_type: 'nemotron_h',
  hybrid_override_pattern: 'M*',
  head_dim: 4,
  mamba_num_heads: 2,
  mamba_head_dim: 5,
  ssm_state_size: 3,
  n_groups: 1,
  conv_kernel: 4,
};
const GEMMA = { ...OUTLINE, model_type: 'gemma3_text', head_dim: 4, intermediate_size: 20 };

/** The table, which is the head too, and the last norm. */
const ENDS = 100 * 12 + 12;

describe('parameters of a small model, worked by hand', () => {
  test.each<[string, Config, number]>([
    // A layer: queries and output 12 × 12, keys and values 12 × 4, gate, up and down 12 × 20, two norms.
    ['Llama', LLAMA, ENDS + 2 * (2 * 144 + 2 * 48 + 3 * 240 + 24)],
    // The head is a table of its own.
    [
      'Llama with a head',
      { ...LLAMA, tie_word_embeddings: false },
      ENDS + 1200 + 2 * (2 * 144 + 2 * 48 + 3 * 240 + 24),
    ],
    // Biases: 12 of queries, 4 each of keys and values.
    [
      'Qwen2',
      { ...LLAMA, model_type: 'qwen2', architectures: ['Qwen2ForCausalLM'] },
      ENDS + 2 * (2 * 144 + 2 * 48 + 20 + 3 * 240 + 24),
    ],
    // Six experts of 3 × 12 × 5, their router, and a norm of 4 each for queries and keys.
    ['Qwen3 MoE', QWEN_MOE, ENDS + 2 * (2 * 144 + 2 * 48 + 8 + 6 * 180 + 72 + 24)],
    // Attention: queries 12 × 7, its norm, 7 × 3 × 6; latent 12 × 8, its norm, 6 × 3 × 7; output 9 × 12.
    [
      'DeepSeek-V3',
      DEEPSEEK,
      ENDS + 2 * (84 + 7 + 126 + 96 + 6 + 126 + 108 + 24) + 720 + (6 * 180 + 180 + 72),
    ],
    // Mamba-2: in 12 × (2 × 10 + 2 × 3 + 2), convolution 16 × 4 with its bias, A, D and the step of 2 heads, a norm of
    // 10, out 10 × 12; attention without biases. A norm in front of each.
    ['Nemotron-H', NEMOTRON, ENDS + (336 + 80 + 6 + 10 + 120) + (2 * 144 + 2 * 48) + 24],
    // Four norms a layer, and one of 4 each for queries and keys.
    ['Gemma 3', GEMMA, ENDS + 2 * (2 * 144 + 2 * 48 + 8 + 3 * 240 + 48)],
  ])('%s', (_, config, parameters) => {
    expect(parametersOf(config)).toBe(parameters);
  });
});

// 0.75 of 3,072 numbers turn: 96 of the 128 of each head.
test.each([
  ['all of a head', {}, undefined],
  ['a part of a head', { partial_rotary_factor: 0.75 }, 96],
  ['a part that the rope says', { rope_parameters: { partial_rotary_factor: 0.75 } }, 96],
])('Phi-3 turns %s', (_, more, dim) => {
  const sizes = { hidden_size: 3072, num_attention_heads: 24, num_key_value_heads: 8 };
  const config = { ...LLAMA, ...sizes, model_type: 'phi3', architectures: ['Phi3ForCausalLM'] };
  expect(imported({ ...config, ...more }).architecture.rope?.dim).toBe(dim);
});

test.each<[string, Config, readonly (string | undefined)[]]>([
  ['every layer sees everything', LLAMA, ['attention', 'attention']],
  ['Mistral names a window', { ...LLAMA, model_type: 'mistral', sliding_window: 8 }, ['local', 'local']],
  [
    'Qwen2 names one and leaves it off',
    { ...LLAMA, model_type: 'qwen2', sliding_window: 8 },
    ['attention', 'attention'],
  ],
  ['Gemma 2 changes layer by layer', { ...GEMMA, model_type: 'gemma2' }, ['local', 'attention']],
  [
    'the config lists them',
    { ...GEMMA, layer_types: ['full_attention', 'sliding_attention'] },
    ['attention', 'local'],
  ],
])('windows where %s', (_, { architectures: __, ...config }, mixers) => {
  const { layers } = imported(config).architecture;
  const names = layers.flatMap(({ repeat = 1, pattern }) => Array(repeat).fill(pattern).flat());
  expect(names.map(([mixer]) => mixer)).toEqual(mixers);
});

test('Step says layer by layer what is clamped: experts, and what all tokens visit', () => {
  const { blocks, layers } = imported({
    ...OUTLINE,
    model_type: 'step3p7',
    architectures: ['Step3p7FlashForCausalLM'],
    num_hidden_layers: 3,
    intermediate_size: 20,
    moe_intermediate_size: 8,
    num_experts: 4,
    num_experts_per_tok: 2,
    share_expert_dim: 8,
    sliding_window: 16,
    layer_types: ['full_attention', 'sliding_attention', 'sliding_attention'],
    first_k_dense_replace: 1,
    swiglu_limits: [0, 7, null],
    swiglu_limits_shared: [16, 0, 16],
  }).architecture;
  const clamped = layers
    .flatMap(({ pattern }) => pattern)
    .map((layer) => layer.flat().map((name) => blocks[name]!))
    .map((inLayer) => inLayer.map((block) => ['clamped' in block, 'shared' in block && block.shared]));
  expect(clamped.map((inLayer) => inLayer[1])).toEqual([
    [true, false],
    [true, { intermediateSize: 8 }],
    [false, { intermediateSize: 8, clamped: true }],
  ]);
});

test('Kimi-K3 is Kimi Linear with kept hidden states, narrower experts and wide gates', () => {
  const { architecture, importNotes } = imported({
    model_type: 'kimi_k3',
    architectures: ['KimiK3ForConditionalGeneration'],
    vision_config: { vt_hidden_size: 8 },
    text_config: {
      ...OUTLINE,
      model_type: 'kimi_linear',
      num_hidden_layers: 2,
      intermediate_size: 20,
      moe_intermediate_size: 8,
      first_k_dense_replace: 1,
      num_experts: 4,
      num_experts_per_token: 2,
      num_shared_experts: 2,
      routed_expert_hidden_size: 4,
      latent_moe_use_norm: true,
      kv_lora_rank: 4,
      qk_nope_head_dim: 4,
      qk_rope_head_dim: 2,
      v_head_dim: 4,
      mla_use_output_gate: true,
      attn_res_block_size: 12,
      linear_attn_config: {
        full_attn_layers: [2],
        kda_layers: [1],
        head_dim: 4,
        num_heads: 2,
        short_conv_kernel_size: 4,
        use_full_rank_gate: true,
        gate_lower_bound: -5,
      },
    },
  });
  expect(architecture).toMatchObject({ type: 'kimi_k3', checkpointEvery: 12 });
  expect(architecture.blocks).toMatchObject({
    linear: { kind: 'kda', fullRankGate: true },
    attention: { kind: 'latent', outputGate: true, rope: false },
    moe: { latentSize: 4, latentNorm: true, shared: { intermediateSize: 16 } },
  });
  expect(importNotes).toEqual([{ code: 'tower-not-read', args: {} }]);
});

describe('refused, with the field that is not understood', () => {
  test.each<[string, Config, string]>([
    ['a class without a head', { ...LLAMA, architectures: ['LlamaModel'] }, 'architectures'],
    ['an encoder with a decoder', { ...LLAMA, is_encoder_decoder: true }, 'is_encoder_decoder'],
    ['a class of another type', { ...LLAMA, architectures: ['Gemma3ForCausalLM'] }, 'architectures'],
    ['experts that the family has not', { ...LLAMA, num_local_experts: 8 }, 'num_local_experts'],
    ['a cache that nobody knows', { ...LLAMA, kv_pool_size: 3 }, 'kv_pool_size'],
    ['a field below another', { ...DEEPSEEK, index_config: { heads: 3 } }, 'index_config'],
    [
      'a type that is known to be another',
      { ...LLAMA, model_type: 'stablelm', architectures: null },
      'model_type',
    ],
    ['a type without the fields of Llama', { model_type: 'new', d_model: 12 }, 'model_type'],
    [
      'a new type with another feed-forward',
      { ...LLAMA, model_type: 'new', architectures: null, hidden_act: 'relu2' },
      'hidden_act',
    ],
    [
      'a new type with biases',
      { ...LLAMA, model_type: 'new', architectures: null, attention_bias: true },
      'attention_bias',
    ],
    ['a layer of no kind', { ...GEMMA, layer_types: ['full_attention', 'new'] }, 'layer_types'],
    ['a letter of no kind', { ...NEMOTRON, hybrid_override_pattern: 'MX' }, 'hybrid_override_pattern'],
    ['two words for one switch', { ...NEMOTRON, use_bias: true, mamba_proj_bias: false }, 'mamba_proj_bias'],
  ])('%s', (_, config, field) => {
    const wanted = refusal('not-understood', { field: expect.stringMatching(new RegExp(`^${field}`)) });
    expect(() => imported(config)).toThrow(wanted);
  });

  test('what is missing is named', () => {
    const { hidden_size: _, ...rest } = LLAMA;
    expect(() => imported(rest)).toThrow(refusal('not-understood', { field: 'hidden_size', missing: true }));
  });
});

describe('wrong, and no question of understanding', () => {
  test.each<[string, Config, string]>([
    ['a size below zero', { ...LLAMA, vocab_size: -1 }, 'vocab_size is -1'],
    ['half a layer', { ...LLAMA, num_hidden_layers: 1.5 }, 'num_hidden_layers is 1.5'],
    ['a number as text', { ...LLAMA, hidden_size: '12' }, 'hidden_size is 12'],
    ['heads that cannot be shared', { ...LLAMA, num_key_value_heads: 2 }, '3 heads cannot share 2'],
    ['more experts than there are', { ...QWEN_MOE, num_experts_per_tok: 7 }, 'visits 7 experts of 6'],
    ['a list for other layers', { ...GEMMA, layer_types: ['full_attention'] }, '1 entries for 2 layers'],
    ['layers without end', { ...LLAMA, num_hidden_layers: 1e9 }, '1000000000 layers'],
    [
      'sizes whose product is no number',
      { ...DEEPSEEK, n_shared_experts: 2 ** 30, moe_intermediate_size: 2 ** 30 },
      'makes no model',
    ],
  ])('%s', (_, config, problem) => {
    expect(() => imported(config)).toThrow(
      refusal('bad-file', { problem: expect.stringContaining(problem) }),
    );
  });
});

test.each([
  ['fields that change no memory', { initializer_range: 0.1, attention_dropout: 0.5, bos_token_id: 1 }],
  ['fields that say nothing', { num_experts: 0, kv_pool_size: null, sliding_window: false }],
  ['notes of its own', { my_notes: 'a text', comment: { author: 'me' } }],
])('%s are passed over', (_, more) => {
  expect(imported({ ...LLAMA, ...more })).toEqual(imported(LLAMA));
});

test('a new type with the fields of Llama is read as it is, with a note', () => {
  const { architecture, importNotes } = imported({ ...LLAMA, model_type: 'new', architectures: null });
  expect(architecture).toEqual({ ...imported(LLAMA).architecture, type: 'new' });
  expect(importNotes).toEqual([{ code: 'plain-decoder', args: { type: 'new', embeddings: 'said' } }]);
});

test('a context that nobody says is noted', () => {
  const { max_position_embeddings: _, ...rest } = LLAMA;
  expect(imported(rest).importNotes).toEqual([{ code: 'context-not-said', args: { tokens: 2048 } }]);
});

const JUNK = fc.oneof(
  fc.constantFrom(null, true, false, '', 'full_attention', 0, 1, 3, -1, 0.5, 2 ** 40, Number.NaN),
  fc.array(fc.integer({ min: -1, max: 9 }), { maxLength: 4 }),
  fc.dictionary(fc.constantFrom('a', 'layers', 'rope_type'), fc.integer(), { maxKeys: 2 }),
);

describe('a config with a wrong value is a spec or an error for its user', () => {
  test.each([LLAMA, QWEN_MOE, DEEPSEEK, NEMOTRON, GEMMA])('$model_type', (config) => {
    const fields = fc.constantFrom(
      ...Object.keys(config),
      'rope_scaling',
      'layer_types',
      'quantization_config',
    );
    fc.assert(
      fc.property(fc.dictionary(fields, JUNK, { minKeys: 1, maxKeys: 3 }), (changes) => {
        try {
          architectureSchema.parse(imported({ ...config, ...changes }).architecture);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
      { numRuns: 300 },
    );
  });
});
