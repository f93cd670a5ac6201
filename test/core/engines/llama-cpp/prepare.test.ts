import { describe, expect, test } from 'vitest';
import { bufferBytes } from '../../../../src/core/engines/llama-cpp/prepare.js';
import { ATTENTION, MOE, preparedToy, toy, wideToy } from '../../toys.js';

describe('bufferBytes', () => {
  test.each([
    // 16 rows blocks of 144 bytes × 4,096 rows.
    ['Q4_K', [4096, 4096], 'host', 9_437_184],
    ['Q4_K', [4096, 4096], 'cuda', 9_437_184],
    // 40 bytes, in steps of 32 and of 128.
    ['F32', [10], 'host', 64],
    ['F32', [10], 'cuda', 128],
    // 10 rows of 144 bytes; on a card one more block at the end, then steps of 128.
    ['Q4_K', [256, 10], 'host', 1440],
    ['Q4_K', [256, 10], 'cuda', 1664],
    // Plain numbers are not padded to 512.
    ['F16', [256, 10], 'cuda', 5120],
    // 1,408 lacks 128 of 3 × 512: 4 blocks of 22 bytes more, 44 × 22 × 2 + 88 = 2,024 → 2,048.
    ['Q5_0', [1408, 2], 'cuda', 2048],
    // The padding comes once a tensor, not once an expert.
    ['Q4_K', [256, 10, 4], 'cuda', 6016],
  ] as const)('%s %j in a buffer of the %s', (type, ne, kind, bytes) => {
    expect(bufferBytes(type, ne, kind)).toBe(bytes);
  });
});

describe('prepare', () => {
  // Attention 2 × 256 × 256 + 2 × 128 × 256, feed-forward 3 × 512 × 256, in 16 bits; two norms of 256 floats.
  const LAYER = 2 * (131_072 + 65_536) + 2 * 393_216 + 2048;
  const TABLE = 2 * 1000 * 256;
  const LAST_NORM = 1024;

  test('counts the bytes of the file', () => {
    expect(preparedToy(wideToy(3)).fileBytes).toBe(3 * LAYER + 2 * TABLE + LAST_NORM);
  });

  test('counts tied embeddings once', () => {
    expect(preparedToy(wideToy(3, { tiedEmbeddings: true })).fileBytes).toBe(3 * LAYER + TABLE + LAST_NORM);
  });

  test('counts rows that no token uses nowhere', () => {
    const padded = preparedToy(wideToy(1, { paddingRows: 100 }));
    expect(padded.fileBytes).toBe(LAYER + 2 * 2 * 900 * 256 + LAST_NORM);
    expect(padded.vocabSize).toBe(900);
  });

  test('adds up roles layer by layer', () => {
    const attention = preparedToy(wideToy(3)).roles.find(({ role }) => role === 'attention');
    expect([...attention!.upTo.host]).toEqual([0, 393_216, 2 * 393_216, 3 * 393_216]);
  });

  test('counts types with their bytes', () => {
    expect(Object.fromEntries(preparedToy(wideToy(3)).tensorTypes)).toEqual({
      // Table, head, and 7 matrices a layer.
      F16: { count: 23, bytes: 3 * (LAYER - 2048) + 2 * TABLE },
      F32: { count: 7, bytes: 3 * 2048 + LAST_NORM },
    });
  });

  test('counts layers for further tokens among all layers where the file keeps them', () => {
    const mtp = { modules: 1, layer: ['attention', 'dense'] };
    expect(preparedToy(wideToy(3, { mtp }), { family: 'glm4moe' })).toMatchObject({
      layers: 3,
      layersAll: 4,
    });
    expect(preparedToy(wideToy(3, { mtp }), { family: 'llama' })).toMatchObject({ layers: 3, layersAll: 3 });
  });

  test('keeps skipped layers in the file and out of the roles', () => {
    const kept = preparedToy(wideToy(3, { mtp: { modules: 1, layer: ['attention', 'dense'] } }), {
      family: 'glm4moe',
    });
    // A projection 256 × 512 and three norms beside the layer.
    expect(kept.fileBytes).toBe(4 * LAYER + 2 * TABLE + LAST_NORM + 2 * 131_072 + 3 * 1024);
    expect([...kept.roles.find(({ role }) => role === 'attention')!.upTo.host]).toEqual([
      0, 393_216, 786_432, 1_179_648, 1_179_648,
    ]);
  });

  test('takes the window that the engine has for chunks, whatever the model says', () => {
    const chunked = toy({ local: { ...ATTENTION, kind: 'chunked', window: 100 } }, [['local']]);
    expect(preparedToy(chunked, { family: 'llama4' }).caches[0]?.cache).toMatchObject({ window: 8192 });
    expect(preparedToy(chunked, { family: 'llama' }).caches[0]?.cache).toMatchObject({ window: 100 });
  });

  test('knows the largest stack of experts', () => {
    // Down has 4 rows × 8 × 4 experts in 16 bits: 256 bytes, as gate and up.
    expect(
      preparedToy(toy({ attention: ATTENTION, moe: MOE }, [['attention', 'moe']])).largestExpertBytes,
    ).toBe(256);
    expect(preparedToy(wideToy(1)).largestExpertBytes).toBe(0);
  });

  // The model type "70B" of llama.cpp: 80 layers of grouped-query attention. Its values get 5 bits in a mix of 3.
  test.each([
    ['80 layers of two heads a group', 80, { heads: 2, kvHeads: 1 }, 'llama', 80],
    ['79 layers', 79, { heads: 2, kvHeads: 1 }, 'llama', 0],
    ['80 layers with a key-value head for each head', 80, { heads: 2, kvHeads: 2 }, 'llama', 0],
    ['80 layers of an architecture without that type', 80, { heads: 2, kvHeads: 1 }, 'llama4', 0],
  ])('gives values more bits in %s', (_, layers, heads, family, values) => {
    const { blocks } = wideToy(1);
    const architecture = wideToy(layers, {
      blocks: { ...blocks, attention: { kind: 'full', headDim: 128, ...heads } },
    });
    const { tensorTypes } = preparedToy(architecture, { quant: 'Q3_K_S', family });
    expect(tensorTypes.get('Q5_K')?.count ?? 0).toBe(values);
  });
});
