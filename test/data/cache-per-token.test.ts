import { expect, test } from 'vitest';
import { openCatalog } from '../../src/catalog/index.js';
import type { CachePart } from '../../src/core/cache/index.js';
import { sheetOf } from '../../src/core/sheet.js';

const catalog = openCatalog();

// Bytes that one more token adds at 16 bits, by kind of layer, worked by hand: layers × elements × 2.
const ROWS: readonly (readonly [string, Partial<Record<CachePart, number>>])[] = [
  // Keys and values of 8 heads of 128.
  ['llama-3.1-8b', { fullAttention: 32 * 2 * 8 * 128 * 2 }],
  ['mixtral-8x7b', { fullAttention: 32 * 2 * 8 * 128 * 2 }],
  // Every fourth of 48 layers sees everything: 196,608 a token in all.
  ['llama-4-maverick', { slidingWindow: 36 * 2 * 8 * 128 * 2, fullAttention: 12 * 2 * 8 * 128 * 2 }],
  // Every second layer sees 128 tokens.
  ['gpt-oss-20b', { slidingWindow: 12 * 2 * 8 * 64 * 2, fullAttention: 12 * 2 * 8 * 64 * 2 }],
  // Every sixth of 62 layers sees everything.
  ['gemma-3-27b', { slidingWindow: 52 * 2 * 16 * 128 * 2, fullAttention: 10 * 2 * 16 * 128 * 2 }],
  // The last 20 of 35 layers keep nothing; of the first 15 every fifth sees everything, with heads of 512.
  ['gemma-4-e2b', { slidingWindow: 12 * 2 * 256 * 2, fullAttention: 3 * 2 * 512 * 2 }],
  // Keys of 192, values of 128: 4 heads in 9 layers, 8 in 39.
  ['mimo-v2-flash', { fullAttention: 9 * 4 * (192 + 128) * 2, slidingWindow: 39 * 8 * (192 + 128) * 2 }],
  // The latent of 512 and the turning 64: once.
  ['deepseek-v3', { latent: 61 * (512 + 64) * 2 }],
  ['kimi-k2-instruct', { latent: 61 * (512 + 64) * 2 }],
  // An indexer key of 128 in every layer.
  ['deepseek-v3.2', { latent: 61 * (512 + 64) * 2, indexer: 61 * 128 * 2 }],
  ['glm-5', { latent: 78 * (512 + 64) * 2, indexer: 78 * 128 * 2 }],
  // 43 layers with a window of one entry of 512; 21 of them keep one of 512 and an indexer key of 128 for every 4
  // tokens, 20 one of 512 for every 128.
  [
    'deepseek-v4-flash',
    {
      slidingWindow: 43 * 512 * 2,
      latent: (21 * 512 * 2) / 4 + (20 * 512 * 2) / 128,
      indexer: (21 * 128 * 2) / 4,
    },
  ],
  // Layers with a state of fixed size add nothing: 12 of 48, 10 of 80, 4 of 32, 7 of 27, 4 of 40 keep tokens.
  ['qwen3-next-80b-a3b', { fullAttention: 12 * 2 * 2 * 256 * 2 }],
  ['minimax-text-01', { fullAttention: 10 * 2 * 8 * 128 * 2 }],
  ['jamba-v0.1', { fullAttention: 4 * 2 * 8 * 128 * 2 }],
  ['kimi-linear-48b-a3b', { latent: 7 * (512 + 64) * 2 }],
  ['kimi-k3', { latent: 24 * (512 + 64) * 2 }],
  // Every layer sees everything; an indexer key of 128 in those with experts.
  ['minimax-m3', { fullAttention: 60 * 2 * 4 * 128 * 2, indexer: 57 * 128 * 2 }],
  ['granite-4.0-h-small', { fullAttention: 4 * 2 * 8 * 128 * 2 }],
  // 8 of 40 layers look at the image alone.
  ['llama-3.2-11b-vision', { fullAttention: 32 * 2 * 8 * 128 * 2 }],
];

test.each(ROWS)('a token of %s adds what its layers keep', (id, wanted) => {
  const { cacheBytesPerToken } = sheetOf(catalog.model(catalog.findModel(id)!));
  expect(Object.fromEntries(cacheBytesPerToken.map(({ part, bytes }) => [part, bytes]))).toEqual(wanted);
});
