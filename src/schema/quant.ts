import * as z from 'zod';
import { sources } from './sources.js';

export const ggmlType = z.enum([
  'F32',
  'I32',
  'F16',
  'BF16',
  'Q4_0',
  'Q4_1',
  'Q5_0',
  'Q5_1',
  'Q8_0',
  'Q2_K',
  'Q3_K',
  'Q4_K',
  'Q5_K',
  'Q6_K',
  'IQ1_S',
  'IQ1_M',
  'IQ2_XXS',
  'IQ2_XS',
  'IQ2_S',
  'IQ3_XXS',
  'IQ3_S',
  'IQ4_NL',
  'IQ4_XS',
  'TQ1_0',
  'TQ2_0',
  'Q1_0',
  'Q2_0',
  'MXFP4',
  'NVFP4',
]);

/** When a rule holds; all conditions of a rule must. Layers are counted as llama-quantize counts them. */
export const condition = z.enum([
  'moreBits',
  'firstEighth',
  'firstSixteenth',
  'middleThreeQuarters',
  'firstEighthOfSeen',
  'firstTwo',
  'firstFour',
  'gqaAtLeast4',
  'gqaOrExpertsAtLeast4',
  'eightExperts',
  'imatrix',
  'noImatrix',
]);

/** The first rule whose conditions hold gives the type; where none does, the tensor keeps the base. */
const rules = z.array(z.strictObject({ type: ggmlType, when: z.array(condition).optional() })).min(1);

const common = {
  $schema: z.string().optional(),
  name: z.string().min(1),
  about: z.string().min(1),
  sources,
};

/** A mix that `llama-quantize` writes: one base type and exceptions by kind of tensor. */
const ggufMix = z.strictObject({
  kind: z.literal('gguf-mix'),
  ...common,
  base: ggmlType,
  /** The output matrix, or the embedding where both are one. */
  output: ggmlType,
  tokenEmbedding: ggmlType.optional(),
  /** Stacked (three-dimensional) tensors. */
  stacked: ggmlType.optional(),
  attnV: rules.optional(),
  attnK: rules.optional(),
  attnQ: rules.optional(),
  attnOutput: rules.optional(),
  /** Attention output of models with exactly eight experts. */
  attnOutputOfEight: ggmlType.optional(),
  ffnDown: rules.optional(),
  ffnGateUp: rules.optional(),
  /** One of the mixes below 3 bits, which have rules of their own for models with eight experts. */
  lowBit: z.literal(true).optional(),
  /** `llama-quantize` writes it only with an importance matrix. */
  needsImatrix: z.literal(true).optional(),
});

/** No quantisation: every matrix in one type. */
const ggufPlain = z.strictObject({
  kind: z.literal('gguf-plain'),
  ...common,
  base: ggmlType,
  /** Stacked expert matrices, where the model was released with them quantised. */
  experts: ggmlType.optional(),
});

export const quantSchema = z.discriminatedUnion('kind', [ggufMix, ggufPlain]);

export type Quant = z.infer<typeof quantSchema>;

/** The weights of a GGUF file: every tensor with the type and the shape that it has there. */
export interface HeldWeights {
  readonly kind: 'gguf-file';
  /** What the file calls its mix: a label. */
  readonly name: string;
  /** The file, as messages call it. */
  readonly file: string;
  /** By full name; `ne` in ggml's order. */
  readonly tensors: ReadonlyMap<
    string,
    { readonly type: z.infer<typeof ggmlType>; readonly ne: readonly number[] }
  >;
}
export type GgufMix = z.infer<typeof ggufMix>;
export type Condition = z.infer<typeof condition>;
