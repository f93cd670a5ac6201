import type { GgmlType } from '../../../quant/ggml-types.js';
import { EMBEDDING } from '../placement.js';
import type { GgufPiece } from '../tensors.js';

/** A weight as the file holds it, named without its layer; `ne` has the row length first. */
export interface Weight extends Pick<GgufPiece, 'place'> {
  readonly name: string;
  readonly ne: readonly number[];
  readonly type: GgmlType;
  /** A stack of experts. */
  readonly routed: boolean;
}

/** The weights of a model that are loaded: those outside the stack, and those of each layer. */
export interface Weights {
  readonly outside: readonly Weight[];
  readonly layers: readonly (readonly Weight[])[];
}

/** What a tied model computes its logits with: a second copy of the embedding, which the file does not have. */
export const TIED_OUTPUT = 'tied_output.weight';

/** A weight by its name, for a layer or outside of the stack. */
export function findWeight({ outside, layers }: Weights, name: string, layer?: number): Weight | undefined {
  if (name === TIED_OUTPUT) {
    const { place: _, ...embedding } = named(outside, EMBEDDING)!;
    return embedding;
  }
  if (layer === undefined) return named(outside, name);
  const own = named(layers[layer] ?? [], name);
  if (own) return own;
  const shared = named(outside, name);
  return shared?.place === 'everyDevice' ? shared : undefined;
}

const named = (weights: readonly Weight[], name: string): Weight | undefined =>
  weights.find((weight) => weight.name === name);
