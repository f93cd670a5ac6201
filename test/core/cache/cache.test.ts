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
] as const)('%s keeps so much', (_, block, cache) => {
  expect(cacheOf(block)).toEqual(cache);
});

test.each([DENSE, MOE])('a $kind feed-forward keeps nothing', (block) => {
  expect(cacheOf(block)).toBeUndefined();
});
