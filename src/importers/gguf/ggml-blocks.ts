/** The type of a tensor in a file: elements and bytes of one block. */
export interface GgmlBlock {
  readonly name: string;
  readonly elements: number;
  readonly bytes: number;
}

/**
 * Types by their number in a file, as [name, elements, bytes] of a block.
 * Source: llama.cpp v0.5.0 `ggml/include/ggml.h:ggml_type`, `gguf-py/gguf/constants.py:GGML_QUANT_SIZES`.
 */
const BLOCKS: Readonly<Record<number, readonly [string, number, number]>> = {
  0: ['F32', 1, 4],
  1: ['F16', 1, 2],
  2: ['Q4_0', 32, 18],
  3: ['Q4_1', 32, 20],
  6: ['Q5_0', 32, 22],
  7: ['Q5_1', 32, 24],
  8: ['Q8_0', 32, 34],
  9: ['Q8_1', 32, 36],
  10: ['Q2_K', 256, 84],
  11: ['Q3_K', 256, 110],
  12: ['Q4_K', 256, 144],
  13: ['Q5_K', 256, 176],
  14: ['Q6_K', 256, 210],
  15: ['Q8_K', 256, 292],
  16: ['IQ2_XXS', 256, 66],
  17: ['IQ2_XS', 256, 74],
  18: ['IQ3_XXS', 256, 98],
  19: ['IQ1_S', 256, 50],
  20: ['IQ4_NL', 32, 18],
  21: ['IQ3_S', 256, 110],
  22: ['IQ2_S', 256, 82],
  23: ['IQ4_XS', 256, 136],
  24: ['I8', 1, 1],
  25: ['I16', 1, 2],
  26: ['I32', 1, 4],
  27: ['I64', 1, 8],
  28: ['F64', 1, 8],
  29: ['IQ1_M', 256, 56],
  30: ['BF16', 1, 2],
  34: ['TQ1_0', 256, 54],
  35: ['TQ2_0', 256, 66],
  39: ['MXFP4', 32, 17],
  40: ['NVFP4', 64, 36],
  41: ['Q1_0', 128, 18],
  42: ['Q2_0', 64, 18],
};

/** Numbers that once were types, and that llama.cpp refuses today. */
const REMOVED: Readonly<Record<number, string>> = {
  4: 'Q4_2',
  5: 'Q4_3',
  31: 'Q4_0_4_4',
  32: 'Q4_0_4_8',
  33: 'Q4_0_8_8',
  36: 'IQ4_NL_4_4',
  37: 'IQ4_NL_4_8',
  38: 'IQ4_NL_8_8',
};

/** From here on the numbers are those of the fork ik_llama.cpp. */
const FIRST_OF_FORK = 97;

/**
 * The type that a number in a file stands for; `undefined` where there is none.
 *
 * @example ggmlBlock(12) // { name: 'Q4_K', elements: 256, bytes: 144 }
 */
export function ggmlBlock(id: number): GgmlBlock | undefined {
  const block = BLOCKS[id];
  return block && { name: block[0], elements: block[1], bytes: block[2] };
}

/**
 * The number that stands for a type in a file.
 *
 * @example ggmlTypeId('Q4_K') // 12
 */
export function ggmlTypeId(name: string): number | undefined {
  const found = Object.entries(BLOCKS).find(([, block]) => block[0] === name);
  return found && Number(found[0]);
}

/**
 * Why a number is no type, in words.
 *
 * @example whyNoType(31) // 'the type Q4_0_4_4, which llama.cpp no longer reads'
 */
export function whyNoType(id: number): string {
  const removed = REMOVED[id];
  if (removed) return `the type ${removed}, which llama.cpp no longer reads`;
  return id >= FIRST_OF_FORK && id < 512
    ? `the type ${id}, which only the fork ik_llama.cpp may read`
    : `the type ${id}, which does not exist`;
}
