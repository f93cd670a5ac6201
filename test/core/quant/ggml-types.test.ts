import { expect, test } from 'vitest';
import { blockElements, isQuantised, rowBytes } from '../../../src/core/quant/ggml-types.js';

test.each([
  ['F32', 256, 1024],
  ['F16', 256, 512],
  ['BF16', 256, 512],
  ['Q8_0', 32, 34],
  ['Q4_0', 32, 18],
  ['Q4_1', 32, 20],
  ['Q5_0', 32, 22],
  ['Q5_1', 32, 24],
  ['IQ4_NL', 32, 18],
  ['MXFP4', 32, 17],
  ['Q2_K', 256, 84],
  ['Q3_K', 256, 110],
  ['Q4_K', 256, 144],
  ['Q5_K', 256, 176],
  ['Q6_K', 256, 210],
  ['IQ4_XS', 256, 136],
  ['IQ1_S', 256, 50],
  ['IQ1_M', 256, 56],
  ['IQ2_XXS', 256, 66],
  ['IQ2_XS', 256, 74],
  ['IQ2_S', 256, 82],
  ['IQ3_XXS', 256, 98],
  ['IQ3_S', 256, 110],
  ['TQ1_0', 256, 54],
  ['TQ2_0', 256, 66],
  // Three blocks.
  ['Q4_K', 768, 432],
  ['Q1_0', 128, 18],
  ['Q2_0', 64, 18],
  ['NVFP4', 64, 36],
] as const)('%s: %i weights are %i bytes', (type, elements, bytes) => {
  expect(rowBytes(type, elements)).toBe(bytes);
});

test('plain numbers have blocks of one and are not quantised', () => {
  expect((['F32', 'F16', 'BF16'] as const).map((type) => [blockElements(type), isQuantised(type)])).toEqual([
    [1, false],
    [1, false],
    [1, false],
  ]);
});

test('blocks are quantised', () => {
  expect([isQuantised('Q8_0'), isQuantised('MXFP4'), isQuantised('Q6_K')]).toEqual([true, true, true]);
});
