import { expect, test } from 'vitest';
import { importConfig } from '../../src/importers/hf-config/index.js';

const ORIGIN = { from: 'config.json', date: '2026-11-26', id: 'mine' };

const PHI3 = {
  model_type: 'phi3',
  architectures: ['Phi3ForCausalLM'],
  hidden_size: 3072,
  intermediate_size: 8192,
  num_hidden_layers: 2,
  num_attention_heads: 24,
  num_key_value_heads: 8,
  vocab_size: 1000,
};

// 0.75 of 3,072 numbers turn: 96 of the 128 of each head.
test.each([
  ['all of a head', {}, undefined],
  ['a part of a head', { partial_rotary_factor: 0.75 }, 96],
  ['a part that the rope says', { rope_parameters: { partial_rotary_factor: 0.75 } }, 96],
])('Phi-3 turns %s', (_, more, dim) => {
  expect(importConfig({ ...PHI3, ...more }, ORIGIN).architecture.rope?.dim).toBe(dim);
});
