import { describe, expect, test } from 'vitest';
import { cacheBytes, cellsOf } from '../../../../src/core/engines/llama-cpp/kv-cache.js';
import { settingsOf } from '../../../../src/core/engines/llama-cpp/settings.js';
import type { ResolvedRequest } from '../../../../src/core/request.js';
import type { Architecture } from '../../../../src/schema/model.js';
import { DELTA_NET, LATENT, preparedToy, resolved, toy, wideToy } from '../../toys.js';

const settings = (request: Partial<ResolvedRequest>) =>
  settingsOf(resolved(request), preparedToy(wideToy(1)));

describe('cells of a window', () => {
  const LONG = { contextTokens: 131_072 };

  test.each([
    // 8,192 + 512 = 8,704, a multiple of 256.
    ['Maverick', 8192, LONG, 8704],
    // 8,256 → 8,448
    ['a small ubatch', 8192, { ...LONG, options: { 'ubatch-size': 64 } }, 8448],
    ['a large ubatch', 8192, { ...LONG, options: { 'ubatch-size': 2048 } }, 10_240],
    ['a ubatch cut by the batch', 8192, { ...LONG, options: { 'ubatch-size': 4096 } }, 10_240],
    ['a batch as large', 8192, { ...LONG, options: { 'ubatch-size': 4096, 'batch-size': 4096 } }, 12_288],
    ['Gemma 3', 1024, LONG, 1536],
    // 640 → 768
    ['gpt-oss', 128, LONG, 768],
    ['a context that is shorter', 8192, { contextTokens: 4096 }, 4096],
    ['a context just above the window', 8192, { contextTokens: 8448 }, 8448],
    // 4 × 8,192 + 512
    [
      'four sequences in one cache',
      8192,
      { contextTokens: 32_768, sequences: 4, options: { 'kv-unified': true } },
      33_280,
    ],
    // The engine rounds its graph up to a multiple of the sequences, and not the cache: no 513 tokens here.
    ['three sequences with their own', 8192, { ...LONG, sequences: 3 }, 8704],
    ['four sequences with their own', 8192, { ...LONG, sequences: 4 }, 8704],
    ['the whole context asked for', 8192, { ...LONG, options: { 'swa-full': true } }, 131_072],
  ])('%s', (_, window, request, cells) => {
    expect(cellsOf({ window }, settings(request))).toBe(cells);
  });

  test('a layer without a window has a cell for each token', () => {
    expect(cellsOf({}, settings(LONG))).toBe(131_072);
  });
});

/** Bytes of all layers in one kind of buffer. */
const bytesOf = (
  architecture: Architecture,
  request: Partial<ResolvedRequest>,
  kind: 'host' | 'cuda' = 'host',
  family = 'llama',
) => {
  const prepared = preparedToy(architecture, { quant: 'F32', family });
  const parts = cacheBytes(
    prepared.caches,
    settingsOf(resolved(request), prepared),
    { from: 0, to: prepared.layersAll },
    kind,
  );
  return Object.fromEntries(parts);
};

const types = (type: string) => ({ kvTypeK: type, kvTypeV: type });

describe('bytes of attention', () => {
  // One key-value head of 128, 8,192 tokens: 1,048,576 elements of keys, and as many of values.
  const ELEMENTS = 2 * 128 * 8192;

  test.each([
    ['f16', 2 * ELEMENTS],
    ['bf16', 2 * ELEMENTS],
    ['f32', 4 * ELEMENTS],
    ['q8_0', (34 * ELEMENTS) / 32],
    ['q5_1', (24 * ELEMENTS) / 32],
    ['q5_0', (22 * ELEMENTS) / 32],
    ['q4_1', (20 * ELEMENTS) / 32],
    ['q4_0', (18 * ELEMENTS) / 32],
    ['iq4_nl', (18 * ELEMENTS) / 32],
  ])('in %s are %i a layer', (type, bytes) => {
    expect(bytesOf(wideToy(3), types(type))).toEqual({ fullAttention: 3 * bytes });
  });

  test('add keys of one type to values of another', () => {
    expect(bytesOf(wideToy(1), { kvTypeK: 'q8_0', kvTypeV: 'f16' })).toEqual({
      fullAttention: (17 * ELEMENTS) / 32 + ELEMENTS,
    });
  });

  test('are as many for each sequence with its own cache', () => {
    expect(bytesOf(wideToy(1), { sequences: 3 })).toEqual({ fullAttention: 3 * 2 * ELEMENTS });
  });

  test('do not depend on flash attention', () => {
    expect(bytesOf(wideToy(1), { options: { 'flash-attn': 'off' } })).toEqual({
      fullAttention: 2 * ELEMENTS,
    });
  });

  test('are padded on a card where rows are no multiple of 512', () => {
    // A row of 128 in q8_0 is 136 bytes; 384 more elements are 408 bytes, 512 in steps of 128: once for keys, once for values.
    expect(bytesOf(wideToy(1), types('q8_0'), 'cuda')).toEqual({ fullAttention: 2 * (136 * 8192 + 512) });
  });
});

test('a latent has keys alone', () => {
  const deepseek = toy({ latent: { ...LATENT, kvRank: 512, ropeDim: 64 } }, [['latent'], ['latent']]);
  // 576 × 2 bytes a token and layer.
  expect(bytesOf(deepseek, { contextTokens: 8192 })).toEqual({ latent: 2 * 576 * 2 * 8192 });
});

test.each([
  ['q8_0', 612 * 8192 + 512],
  ['q4_0', 324 * 8192 + 256],
])('a latent in %s is padded on a card', (type, bytes) => {
  const deepseek = toy({ latent: { ...LATENT, kvRank: 512, ropeDim: 64 } }, [['latent']]);
  expect(bytesOf(deepseek, types(type), 'cuda')).toEqual({ latent: bytes });
});

describe('bytes of a state', () => {
  const net = toy({ net: DELTA_NET }, [['net'], ['net']]);

  test('are floats, aligned to 32 on the host', () => {
    // 96 × 4 = 384; 60 × 4 = 240 → 256.
    expect(bytesOf(net, {})).toEqual({ recurrentState: 2 * (384 + 256) });
  });

  test('are one row for each sequence', () => {
    // 3 × 384 = 1,152; 3 × 240 = 720 → 736.
    expect(bytesOf(net, { sequences: 3 })).toEqual({ recurrentState: 2 * (1152 + 736) });
  });

  test.each([
    ['the context', { contextTokens: 131_072 }],
    ['the cache type', types('q8_0')],
    ['one cache for all', { options: { 'kv-unified': true } }],
  ])('do not depend on %s', (_, request) => {
    expect(bytesOf(net, request)).toEqual(bytesOf(net, {}));
  });
});

test('windows and whole layers are counted apart', () => {
  const mixed = wideToy(0, {
    blocks: {
      local: { kind: 'sliding', heads: 2, kvHeads: 1, headDim: 128, window: 1024 },
      global: { kind: 'full', heads: 2, kvHeads: 1, headDim: 128 },
    },
    layers: [{ repeat: 2, pattern: [['local'], ['global']] }],
  });
  // 512 bytes a cell: 2 layers × 1,536 cells, 2 layers × 8,192 cells. Every second layer of the family is whole.
  const counted = bytesOf(mixed, {}, 'host', 'gpt-oss');
  expect(counted).toEqual({ slidingWindow: 2 * 1536 * 512, fullAttention: 2 * 8192 * 512 });
  // Llama's loader reads no windows.
  expect(bytesOf(mixed, {}, 'host', 'llama')).toEqual({ fullAttention: 4 * 8192 * 512 });
});

test('a layer without attention has values where they lie transposed', () => {
  const { blocks, ...rest } = wideToy(1);
  const mixed = { ...rest, blocks, layers: [{ pattern: [['attention', 'dense'], ['dense']] }] };
  // 128 elements of keys and of values in 16 bits, 8,192 cells; without flash attention a second 128 of values.
  expect(bytesOf(mixed, {}, 'host', 'deci')).toEqual({ fullAttention: 512 * 8192 });
  expect(bytesOf(mixed, { options: { 'flash-attn': 'off' } }, 'host', 'deci')).toEqual({
    fullAttention: 768 * 8192,
  });
});

test('a run of layers has its own share', () => {
  const prepared = preparedToy(wideToy(5));
  const bytes = (from: number, to: number) =>
    cacheBytes(prepared.caches, settings({}), { from, to }, 'host').get('fullAttention');
  expect([bytes(0, 2), bytes(2, 5), bytes(3, 3)]).toEqual([2 * 512 * 8192, 3 * 512 * 8192, undefined]);
});
