import { describe, expect, test } from 'vitest';
import { chooseQuant } from '../../../src/core/quant/names.js';
import { LLAMA_CPP } from '../toys.js';

const BF16 = { releasedFormat: 'BF16' } as const;
const GPT_OSS = { releasedFormat: 'MXFP4' } as const;

describe('a short name', () => {
  test.each([
    ['q2', 'Q2_K'],
    ['q3', 'Q3_K_M'],
    ['q4', 'Q4_K_M'],
    ['int4', 'Q4_K_M'],
    ['q5', 'Q5_K_M'],
    ['q6', 'Q6_K'],
    ['q8', 'Q8_0'],
    ['int8', 'Q8_0'],
    ['fp16', 'F16'],
    ['Q4', 'Q4_K_M'],
    [' q4 ', 'Q4_K_M'],
  ])('%j is %s, and a note says so', (asked, name) => {
    expect(chooseQuant(asked, BF16, LLAMA_CPP)).toEqual({
      kind: 'format',
      name,
      notes: [{ code: 'quant-alias', args: { asked, name, engine: 'llama.cpp' } }],
    });
  });

  test.each([
    ['q4', 'MXFP4_MOE'],
    ['int4', 'MXFP4_MOE'],
    ['q8', 'Q8_0'],
    ['q5', 'Q5_K_M'],
  ])('%j of a model released in MXFP4 is %s', (asked, name) => {
    expect(chooseQuant(asked, GPT_OSS, LLAMA_CPP)).toMatchObject({ name });
  });
});

test.each([
  ['usual', {}, 'Q4_K_M'],
  ['usual one of a model in 16 bits', BF16, 'Q4_K_M'],
  ['usual one of a model in FP8', { releasedFormat: 'FP8-block' }, 'Q4_K_M'],
  ['released one of a model in MXFP4', GPT_OSS, 'MXFP4_MOE'],
] as const)('nothing asked is the %s, and a note says so', (_, model, name) => {
  expect(chooseQuant(undefined, model, LLAMA_CPP)).toEqual({
    kind: 'format',
    name,
    notes: [{ code: 'quant-default', args: { name, engine: 'llama.cpp' } }],
  });
});

test.each(['Q4_K_M', 'q4_k_m', 'IQ4_XS', 'F16', 'f16', 'MXFP4', 'no-such-format', 'constructor'])(
  '%j is taken at its word',
  (asked) => {
    expect(chooseQuant(asked, BF16, LLAMA_CPP)).toEqual({ kind: 'format', name: asked, notes: [] });
  },
);

test.each([
  ['FP8', 'FP8', 'Q8_0'],
  ['fp8', 'FP8', 'Q8_0'],
  ['AWQ', 'AWQ', 'Q4_K_M'],
  ['awq-g64', 'AWQ', 'Q4_K_M'],
  ['GPTQ-Int4', 'GPTQ-Int4', 'Q4_K_M'],
  ['gptq-int4-g128', 'GPTQ-Int4', 'Q4_K_M'],
  ['GPTQ-Int8', 'GPTQ-Int8', 'Q8_0'],
  ['NVFP4', 'NVFP4', 'Q4_K_M'],
  ['MLX-4bit', 'MLX-4bit', 'Q4_K_M'],
])('%j is a format of other engines; the nearest to %s is %s', (asked, name, nearest) => {
  expect(chooseQuant(asked, BF16, LLAMA_CPP)).toEqual({ kind: 'other-engine', name, nearest });
});
