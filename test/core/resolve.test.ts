import { describe, expect, test } from 'vitest';
import { type Question, resolve } from '../../src/core/resolve.js';
import type { Model } from '../../src/schema/model.js';
import { refusal } from '../refusal.js';
import { cards, LLAMA_CPP, toyModel, wideToy } from './toys.js';

const MODEL: Model = {
  ...toyModel(wideToy(2)),
  context: { native: 40_960, extended: { tokens: 131_072, how: 'YaRN' } },
};

const question = (request: Partial<Question['request']>, model = MODEL): Question => ({
  request: { model: 'toy', ...request },
  model,
  modelName: 'my/toy.json',
  engineId: 'llama.cpp',
  engine: LLAMA_CPP,
  quant: 'Q4_K_M',
  devices: cards(1),
});

const requestOf = (request: Partial<Question['request']>, model = MODEL) =>
  resolve(question(request, model)).request;
const codesOf = (request: Partial<Question['request']>, model = MODEL) =>
  resolve(question(request, model)).notes.map(({ code }) => code);

test('fills in every default', () => {
  expect(requestOf({})).toEqual({
    model: 'my/toy.json',
    engine: 'llama.cpp',
    engineVersion: '0.5.0',
    quant: 'Q4_K_M',
    contextTokens: 8192,
    sequences: 1,
    kvTypeK: 'f16',
    kvTypeV: 'f16',
    devices: cards(1),
    options: expect.objectContaining({
      'ubatch-size': 512,
      'batch-size': 2048,
      'flash-attn': 'auto',
      program: 'server',
    }),
    imatrix: false,
    allowContextOverflow: false,
  });
});

test('keeps what was said', () => {
  const limits = { totalBytes: 5 };
  const workload = { inputTokens: 7 };
  const said = {
    sequences: 3,
    kvTypeK: 'Q8_0',
    kvTypeV: 'bf16',
    hostMemoryBytes: 6,
    limits,
    fileBytes: 8,
    workload,
    imatrix: true,
  };
  expect(requestOf(said)).toMatchObject({ ...said, kvTypeK: 'q8_0' });
});

test('what was not said is absent', () => {
  expect(Object.values(requestOf({}))).not.toContain(undefined);
});

describe('the context', () => {
  const short = { ...MODEL, context: { native: 2048 } };

  test.each([
    ['is 8,192 where nothing is said', {}, MODEL, 8192],
    ['is the model’s largest where that is less', {}, short, 2048],
    ['is what was said', { contextTokens: 300 }, MODEL, 300],
    ['max is the documented extension', { contextTokens: 'max' }, MODEL, 131_072],
    ['max is the native length without one', { contextTokens: 'max' }, short, 2048],
    ['may be the largest', { contextTokens: 131_072 }, MODEL, 131_072],
  ] as const)('%s', (_, request, model, tokens) => {
    expect(requestOf(request, model).contextTokens).toBe(tokens);
  });

  test('above the largest is refused with the largest', () => {
    expect(() => requestOf({ contextTokens: 131_073 })).toThrow(
      refusal('context-too-long', { tokens: 131_073, most: 131_072, model: 'Toy' }),
    );
  });

  test('above the largest is taken all the same where that is asked, with a note', () => {
    const asked = { contextTokens: 131_073, allowContextOverflow: true };
    expect(requestOf(asked).contextTokens).toBe(131_073);
    expect(codesOf(asked)).toEqual(['context-overflow']);
  });

  test.each([
    [40_960, []],
    [40_961, ['context-extended']],
  ])('of %i has notes %j', (contextTokens, codes) => {
    expect(codesOf({ contextTokens })).toEqual(codes);
  });

  test('given as ctx-size is refused where one sequence would get too much', () => {
    expect(() => requestOf({ options: { 'ctx-size': 200_000 } })).toThrow(
      refusal('context-too-long', { most: 131_072 }),
    );
  });

  test('given as ctx-size is what all sequences share', () => {
    expect(requestOf({ sequences: 4, options: { 'ctx-size': 4 * 131_072 } }).contextTokens).toBe(131_072);
  });

  test('given as ctx-size is each sequence’s own where the cache is one', () => {
    expect(
      requestOf({ sequences: 4, options: { 'ctx-size': 131_072, 'kv-unified': true } }).contextTokens,
    ).toBe(131_072);
  });
});

describe('sequences', () => {
  test('may be said as the option parallel', () => {
    expect(requestOf({ options: { parallel: 4 } }).sequences).toBe(4);
  });

  test('may be said twice where both agree', () => {
    expect(requestOf({ sequences: 4, options: { parallel: '4' } }).sequences).toBe(4);
  });

  test('said twice and differing are a contradiction', () => {
    expect(() => requestOf({ sequences: 2, options: { parallel: 4 } })).toThrow(
      refusal('contradiction', { one: '2 sequences', other: 'option parallel 4' }),
    );
  });
});

describe('a cache type', () => {
  test.each(LLAMA_CPP.kvTypes)('%s is known', (type) => {
    expect(requestOf({ kvTypeK: type, kvTypeV: type.toUpperCase() })).toMatchObject({
      kvTypeK: type,
      kvTypeV: type,
    });
  });

  test.each([
    [{ kvTypeK: 'fp8' }, 'fp8'],
    [{ kvTypeV: 'q6_k' }, 'q6_k'],
    [{ kvTypeV: '' }, ''],
  ])('%j is not', (request, name) => {
    expect(() => requestOf(request)).toThrow(refusal('unknown-kv-type', { name, known: LLAMA_CPP.kvTypes }));
  });
});

test('an unknown option is refused', () => {
  expect(() => requestOf({ options: { 'ubatch-sise': 512 } })).toThrow(
    refusal('unknown-option', { name: 'ubatch-sise' }),
  );
});

test('an unknown version is refused', () => {
  expect(() => requestOf({ engineVersion: 'newest' })).toThrow(
    refusal('unknown-version', { version: 'newest' }),
  );
});

describe('a parallel layout', () => {
  test.each(['tensor', 'pipeline', 'expert', 'data'])('%s is none of this engine', (kind) => {
    expect(() => requestOf({ parallel: { [kind]: 2 } })).toThrow(
      refusal('impossible-layout', { words: expect.stringContaining(kind) }),
    );
  });

  test('of one everywhere is no layout', () => {
    expect(() => requestOf({ parallel: { tensor: 1, pipeline: 1, expert: 1, data: 1 } })).not.toThrow();
  });
});
