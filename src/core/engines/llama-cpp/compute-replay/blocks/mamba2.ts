import type { Block } from '../../../../../schema/model.js';
import { type Build, norm, weight } from '../build.js';
import { add, columns, cont, glu, headColumns, mul, mulMat, reshape, ssmScan, view } from '../ops.js';
import type { Tensor } from '../tensor.js';
import { convolved, readTail } from './convolution.js';
import { readStates, stateOf, writeStates } from './recurrent.js';

type Mamba2 = Extract<Block, { kind: 'mamba2' }>;

/** State space model: `src/models/mamba-base.cpp:build_mamba2_layer`. */
export function mamba2(build: Build, block: Mamba2, cur: Tensor, layer: number): Tensor {
  const { heads, headDim, stateDim, groups } = block;
  const { sequences, sequenceTokens, tokens } = build.sizes;
  const width = heads * headDim;
  const tail = readTail(build, { channels: channelsOf(block), kept: block.convKernel - 1 }, layer);
  const projected = mulMat(weight(build, 'ssm_in.weight', layer), cur);
  const joint = reshape(projected, [projected.ne[0], sequenceTokens, sequences]);
  const gate = headColumns(joint, headDim, heads);
  const mixed = convolved(build, columns(joint, channelsOf(block)), tail, layer);

  const x = headColumns(mixed, headDim, heads);
  const b = headColumns(mixed, stateDim, groups);
  const c = headColumns(mixed, stateDim, groups);
  const steps = add(cont(columns(joint, heads)), weight(build, 'ssm_dt.bias', layer));
  const state = stateOf(build, 's', width * stateDim, layer);
  const scanned = readStates(build, state, (states, ids) => {
    const split = reshape(states, [stateDim, headDim, heads, sequences]);
    return ssmScan([split, x, steps, weight(build, 'ssm_a', layer), b, c, ids]);
  });
  writeStates(build, view(scanned, [width * stateDim, sequences, 1]), state, [
    width * stateDim,
    sequences,
    1,
  ]);

  const out = view(scanned, [headDim, heads, sequenceTokens, sequences]);
  const skipped = add(out, mul(x, weight(build, 'ssm_d', layer)));
  const gated = glu(cont(gate), skipped);
  const grouped = reshape(gated, [width / groups, groups, sequenceTokens, sequences]);
  const normed = reshape(norm(build, grouped, 'ssm_norm.weight', layer), [width, tokens]);
  return mulMat(weight(build, 'ssm_out.weight', layer), normed);
}

const channelsOf = ({ heads, headDim, groups, stateDim }: Mamba2): number =>
  heads * headDim + 2 * groups * stateDim;
