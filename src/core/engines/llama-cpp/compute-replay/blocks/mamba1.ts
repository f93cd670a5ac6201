import type { Block } from '../../../../../schema/model.js';
import { type Build, norm, weight } from '../build.js';
import { add, columns, cont, glu, headColumns, mul, mulMat, reshape, ssmScan, view } from '../ops.js';
import type { Tensor } from '../tensor.js';
import { convolved, readTail } from './convolution.js';
import { readStates, stateOf, writeStates } from './recurrent.js';

type Mamba1 = Extract<Block, { kind: 'mamba1' }>;

/** State space model whose step, B and C come from its values: `src/models/mamba-base.cpp:build_mamba_layer`. */
export function mamba1(build: Build, block: Mamba1, cur: Tensor, layer: number): Tensor {
  const { innerSize, stateDim, timeRank, convKernel } = block;
  const { sequences, sequenceTokens, tokens } = build.sizes;
  const tail = readTail(build, { channels: innerSize, kept: convKernel - 1 }, layer);
  const joint = mulMat(
    weight(build, 'ssm_in.weight', layer),
    reshape(cur, [cur.ne[0], sequenceTokens, sequences]),
  );
  const gate = columns(joint, innerSize);
  const x = convolved(build, columns(joint, innerSize), tail, layer);

  const parts = mulMat(weight(build, 'ssm_x.weight', layer), x);
  const normed = (a: Tensor, name: string) => norm(build, a, `${name}.weight`, layer);
  const low = normed(columns(parts, timeRank), 'ssm_dt_norm');
  const b = normed(headColumns(parts, stateDim, 1), 'ssm_b_norm');
  const c = normed(headColumns(parts, stateDim, 1), 'ssm_c_norm');
  const steps = add(mulMat(weight(build, 'ssm_dt.weight', layer), low), weight(build, 'ssm_dt.bias', layer));
  const state = stateOf(build, 's', innerSize * stateDim, layer);
  const scanned = readStates(build, state, (states, ids) => {
    const split = reshape(states, [stateDim, 1, innerSize, sequences]);
    const values = reshape(x, [1, innerSize, sequenceTokens, sequences]);
    return ssmScan([split, values, steps, weight(build, 'ssm_a', layer), b, c, ids]);
  });
  writeStates(build, view(scanned, [innerSize * stateDim, sequences, 1]), state, [
    innerSize * stateDim,
    sequences,
    1,
  ]);

  const out = view(scanned, [innerSize, sequenceTokens, sequences]);
  const skipped = add(out, mul(x, weight(build, 'ssm_d', layer)));
  const mixed = mulMat(weight(build, 'ssm_out.weight', layer), glu(cont(gate), skipped));
  return reshape(mixed, [mixed.ne[0], tokens]);
}
