import { type Build, put } from '../build.js';
import { copy, getRows, reshape, scaleInPlace, view } from '../ops.js';
import type { Size } from '../size.js';
import { stridesOf, type Tensor, tensor } from '../tensor.js';

/** A kind of state of a layer, one row a sequence, always in 32-bit floats. */
export function stateOf(build: Build, which: 'r' | 's', elements: number, layer: number): Tensor {
  const place = build.deviceOfCache(layer);
  return tensor('NONE', 'F32', [elements, build.sizes.sequences, 1, 1], [], {
    name: `cache_${which}_l${layer}`,
    place,
  });
}

/**
 * States of the sequences of the batch, read by `read`; the others are moved: `src/llama-graph.cpp:build_rs`.
 */
export function readStates(build: Build, state: Tensor, read = getRows): Tensor {
  const { main, extra } = build.stateIds();
  const states = reshape(state, state.ne);
  put(build, scaleInPlace(view(states, [state.ne[0]])));
  const out = put(build, read(states, main));
  const moved = getRows(states, extra);
  put(build, copy(moved, view(state, [state.ne[0], 0], stridesOf(state))));
  return out;
}

/** Writes rows of states back. */
export const writeStates = (build: Build, from: Tensor, state: Tensor, ne: readonly Size[]): void => {
  put(build, copy(from, view(state, ne)));
};
