/**
 * Elements and bytes of one block of each type; a row is a whole number of blocks.
 * Read in llama.cpp v0.5.0 `ggml/src/ggml-common.h` and `gguf-py/gguf/constants.py:GGML_QUANT_SIZES`.
 */
const BLOCKS = {
  F32: [1, 4],
  I32: [1, 4],
  F16: [1, 2],
  BF16: [1, 2],
  Q4_0: [32, 18],
  Q4_1: [32, 20],
  Q5_0: [32, 22],
  Q5_1: [32, 24],
  Q8_0: [32, 34],
  Q2_K: [256, 84],
  Q3_K: [256, 110],
  Q4_K: [256, 144],
  Q5_K: [256, 176],
  Q6_K: [256, 210],
  IQ1_S: [256, 50],
  IQ1_M: [256, 56],
  IQ2_XXS: [256, 66],
  IQ2_XS: [256, 74],
  IQ2_S: [256, 82],
  IQ3_XXS: [256, 98],
  IQ3_S: [256, 110],
  IQ4_NL: [32, 18],
  IQ4_XS: [256, 136],
  TQ1_0: [256, 54],
  TQ2_0: [256, 66],
  Q1_0: [128, 18],
  Q2_0: [64, 18],
  MXFP4: [32, 17],
  NVFP4: [64, 36],
} as const satisfies Record<string, readonly [number, number]>;

export type GgmlType = keyof typeof BLOCKS;

/** Elements in one block of a type. */
export const blockElements = (type: GgmlType): number => BLOCKS[type][0];

/** Whether rows of this type are blocks rather than plain numbers. */
export const isQuantised = (type: GgmlType): boolean => BLOCKS[type][0] > 1;

/**
 * Bytes of `elements` weights of a type; `elements` must fill whole blocks.
 *
 * @example rowBytes('Q4_K', 256) // 144
 */
export function rowBytes(type: GgmlType, elements: number): number {
  const [blockSize, blockBytes] = BLOCKS[type];
  return (elements / blockSize) * blockBytes;
}
