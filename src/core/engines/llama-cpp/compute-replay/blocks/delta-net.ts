import type { Build } from '../build.js';
import { gatedDeltaNet, reshape, rmsNorm, scale, view } from '../ops.js';
import type { Tensor } from '../tensor.js';
import { readStates, stateOf, writeStates } from './recurrent.js';

/** What a delta net reads, in the order of its kernel: queries, keys, values, decays, and how far a state is written. */
type Sources = readonly [Tensor, Tensor, Tensor, Tensor, Tensor];

/**
 * The fused kernel over the states of the sequences, which it leaves written: `src/models/delta-net-base.cpp`.
 *
 * @returns `[dim, heads, tokens of a sequence, sequences]`
 */
export function deltaNet(
  build: Build,
  sources: Sources,
  { heads, dim }: { readonly heads: number; readonly dim: number },
  layer: number,
): Tensor {
  const { sequences, sequenceTokens } = build.sizes;
  const elements = heads * dim * dim;
  const state = stateOf(build, 's', elements, layer);
  const before = reshape(readStates(build, state), [dim, dim, heads, sequences]);
  const fused = gatedDeltaNet([...sources, before]);
  writeStates(build, view(fused, [dim, dim, heads, sequences]), state, [elements, sequences]);
  return view(fused, [dim, heads, sequenceTokens, sequences]);
}

/** Normalised to length one: `build_gdn_l2_norm`. */
export const ofUnitLength = (a: Tensor): Tensor => scale(rmsNorm(a));
