import { expect, test } from 'vitest';
import { cacheOf } from '../../../src/core/cache/index.js';
import { ATTENTION, DELTA_NET, DENSE, LATENT, MAMBA2, MOE } from '../toys.js';

test.each([
  // One key-value head of 4.
  ['full attention', ATTENTION, { grows: true, part: 'fullAttention', keyElements: 4, valueElements: 4 }],
  [
    'a sliding window',
    { ...ATTENTION, kind: 'sliding', window: 7 },
    { grows: true, part: 'slidingWindow', keyElements: 4, valueElements: 4, window: 7 },
  ],
  [
    'a chunk',
    { ...ATTENTION, kind: 'chunked', window: 9 },
    { grows: true, part: 'slidingWindow', keyElements: 4, valueElements: 4, window: 9 },
  ],
  // The latent 4 and the rotary 2: once, whatever the heads.
  ['a latent', LATENT, { grows: true, part: 'latent', keyElements: 6, valueElements: 0 }],
  // (4 − 1) × (2 × 2 × 3 + 4 × 5) = 96; 4 × 3 × 5 = 60.
  [
    'a gated delta net',
    DELTA_NET,
    { grows: false, part: 'recurrentState', convElements: 96, stateElements: 60 },
  ],
  // (4 − 1) × (12 + 2 × 2 × 5) = 96; 12 × 5 = 60.
  ['Mamba-2', MAMBA2, { grows: false, part: 'recurrentState', convElements: 96, stateElements: 60 }],
  // (4 − 1) × 3 × 2 × 5 = 90; 2 × 5 × 5 = 50.
  [
    'Kimi Delta Attention',
    { kind: 'kda', heads: 2, headDim: 5, convKernel: 4 },
    { grows: false, part: 'recurrentState', convElements: 90, stateElements: 50 },
  ],
  // 2 × 5 × 5 = 50.
  [
    'lightning attention',
    { kind: 'lightning', heads: 2, headDim: 5 },
    { grows: false, part: 'recurrentState', convElements: 0, stateElements: 50 },
  ],
  // (4 − 1) × 12 = 36; 12 × 5 = 60.
  [
    'Mamba',
    { kind: 'mamba1', innerSize: 12, stateDim: 5, timeRank: 2, convKernel: 4 },
    { grows: false, part: 'recurrentState', convElements: 36, stateElements: 60 },
  ],
  // Keys and values of 9 tokens, 2 heads of 5: 2 × 9 × 10 = 180.
  [
    'attention to an image',
    { kind: 'cross', heads: 4, kvHeads: 2, headDim: 5, memoryTokens: 9 },
    { grows: false, part: 'crossAttention', memoryElements: 180 },
  ],
  // One key, whatever the heads.
  [
    'an indexer',
    { kind: 'indexer', heads: 4, headDim: 5 },
    { grows: true, part: 'indexer', keyElements: 5, valueElements: 0 },
  ],
  [
    'an indexer of compressed tokens',
    { kind: 'indexer', heads: 4, headDim: 5, ratio: 4 },
    { grows: true, part: 'indexer', keyElements: 5, valueElements: 0, tokensPerEntry: 4 },
  ],
  // Key and value at once.
  [
    'one key for all heads',
    { kind: 'shared', heads: 4, headDim: 5, queryRank: 3, outputGroups: 2, outputRank: 3, window: 7 },
    { grows: true, part: 'slidingWindow', keyElements: 5, valueElements: 0, window: 7 },
  ],
  [
    'a compressor',
    { kind: 'compressor', headDim: 5, ratio: 4 },
    { grows: true, part: 'latent', keyElements: 5, valueElements: 0, tokensPerEntry: 4 },
  ],
] as const)('%s keeps so much', (_, block, cache) => {
  expect(cacheOf(block)).toEqual(cache);
});

test('keys and values of an earlier layer are kept there', () => {
  expect(cacheOf({ ...ATTENTION, sharedKv: true })).toBeUndefined();
});

test.each([DENSE, MOE])('a $kind feed-forward keeps nothing', (block) => {
  expect(cacheOf(block)).toBeUndefined();
});
