import type { Block } from '../../../../../schema/model.js';
import { type Build, norm, weight } from '../build.js';
import {
  add,
  columns,
  concat,
  cont,
  headColumns,
  mul,
  mulMat,
  repeat,
  reshape,
  ssmConv,
  transpose,
  unary,
} from '../ops.js';
import type { Tensor } from '../tensor.js';
import { deltaNet, ofUnitLength } from './delta-net.js';
import { readStates, stateOf, writeStates } from './recurrent.js';

type GatedDeltaNet = Extract<Block, { kind: 'gatedDeltaNet' }>;

/** Linear attention with the fused kernel: `src/models/qwen3next.cpp, qwen35.cpp:build_layer_attn_linear`. */
export function gatedDeltaNet(build: Build, block: GatedDeltaNet, cur: Tensor, layer: number): Tensor {
  const { valueHeads, valueDim } = block;
  const { sequences, sequenceTokens, tokens } = build.sizes;
  const joint = mulMat(weight(build, 'attn_qkv.weight', layer), cur);
  const qkv = reshape(joint, [joint.ne[0], sequenceTokens, sequences]);
  const z = mulMat(weight(build, 'attn_gate.weight', layer), cur);
  const { beta, decay } = steps(build, block, cur, layer);

  const rows = convolutionRows(build, block, qkv, layer);
  const mixed = unary(ssmConv(rows, weight(build, 'ssm_conv1d.weight', layer)));
  const v = headColumns(mixed, valueDim, valueHeads);
  const [q, k] = [keyStates(build, block, mixed, layer), keyStates(build, block, mixed, layer)];
  const heads = { heads: valueHeads, dim: valueDim };
  const out = deltaNet(build, [q, k, v, decay, beta], heads, layer);
  const gate = unary(reshape(z, [valueDim, valueHeads, sequenceTokens, sequences]));
  const gated = mul(norm(build, out, 'ssm_norm.weight', layer), gate);
  const flat = reshape(gated, [valueDim * valueHeads, sequenceTokens, sequences]);
  const projected = mulMat(weight(build, 'ssm_out.weight', layer), flat);
  return reshape(projected, [projected.ne[0], tokens]);
}

/** How far a state is written and how much of it is kept, for each head and token: from one matrix or from two. */
function steps(
  build: Build,
  block: GatedDeltaNet,
  cur: Tensor,
  layer: number,
): { beta: Tensor; decay: Tensor } {
  const { keyHeads, valueHeads } = block;
  const { sequences, sequenceTokens } = build.sizes;
  const byHead = (a: Tensor) => reshape(a, [1, valueHeads, sequenceTokens, sequences]);
  const decayOf = (alpha: Tensor) => {
    const biased = unary(add(alpha, weight(build, 'ssm_dt.bias', layer)));
    return byHead(mul(biased, weight(build, 'ssm_a', layer)));
  };
  const joint = build.find('ssm_ba.weight', layer);
  if (!joint) {
    const beta = unary(byHead(mulMat(weight(build, 'ssm_beta.weight', layer), cur)));
    const alpha = mulMat(weight(build, 'ssm_alpha.weight', layer), cur);
    return { beta, decay: decayOf(reshape(alpha, [valueHeads, sequenceTokens, sequences])) };
  }
  const perKey = valueHeads / keyHeads;
  const both = reshape(mulMat(joint, cur), [2 * perKey, keyHeads, sequenceTokens, sequences]);
  const beta = unary(cont(columns(both, perKey)));
  const alpha = cont(columns(both, perKey), [valueHeads, sequenceTokens, sequences]);
  return { beta: byHead(beta), decay: decayOf(alpha) };
}

/** Rows of the short convolution; the last ones are kept: `src/models/delta-net-base.cpp:build_conv_state`. */
function convolutionRows(build: Build, block: GatedDeltaNet, qkv: Tensor, layer: number): Tensor {
  const channels = 2 * block.keyHeads * block.keyDim + block.valueHeads * block.valueDim;
  const kept = block.convKernel - 1;
  const state = stateOf(build, 'r', kept * channels, layer);
  const before = reshape(readStates(build, state), [kept, channels, build.sizes.sequences]);
  const rows = concat(before, transpose(qkv));
  writeStates(build, columns(rows, kept), state, [kept * channels, build.sizes.sequences]);
  return rows;
}

/**
 * Queries or keys, normalised to length one. They are repeated for the value heads that share them where the file has
 * those heads side by side, as `ssm_ba` has.
 */
function keyStates(build: Build, block: GatedDeltaNet, mixed: Tensor, layer: number): Tensor {
  const { keyHeads, keyDim, valueHeads } = block;
  const { sequences, sequenceTokens, tokens } = build.sizes;
  const states = ofUnitLength(headColumns(mixed, keyDim, keyHeads));
  if (keyHeads === valueHeads || !build.find('ssm_ba.weight', layer)) return states;
  const shared = valueHeads / keyHeads;
  const repeated = repeat(reshape(states, [keyDim, 1, keyHeads, tokens]), [keyDim, shared, keyHeads, tokens]);
  return reshape(repeated, [keyDim, valueHeads, sequenceTokens, sequences]);
}
