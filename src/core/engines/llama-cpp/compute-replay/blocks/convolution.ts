import { type Build, weight } from '../build.js';
import { add, columns, concat, reshape, ssmConv, transpose, unary } from '../ops.js';
import type { Tensor } from '../tensor.js';
import { readStates, stateOf, writeStates } from './recurrent.js';

/** A short convolution over time: how many channels it has, and how many inputs it looks back. */
interface Convolution {
  readonly channels: number;
  readonly kept: number;
}

/** The last inputs of the run before. */
interface Tail extends Convolution {
  readonly state: Tensor;
  readonly rows: Tensor;
}

export function readTail(build: Build, { channels, kept }: Convolution, layer: number): Tail {
  const state = stateOf(build, 'r', kept * channels, layer);
  const rows = reshape(readStates(build, state), [kept, channels, build.sizes.sequences]);
  return { channels, kept, state, rows };
}

/** Convolved inputs, with a bias, through SiLU; the last ones are kept for the next run: `src/models/mamba-base.cpp`. */
export function convolved(
  build: Build,
  cur: Tensor,
  { channels, kept, ...tail }: Tail,
  layer: number,
): Tensor {
  const rows = concat(tail.rows, transpose(cur));
  writeStates(build, columns(rows, kept), tail.state, [kept * channels, build.sizes.sequences]);
  const mixed = ssmConv(rows, weight(build, 'ssm_conv1d.weight', layer));
  return unary(add(mixed, weight(build, 'ssm_conv1d.bias', layer)));
}
