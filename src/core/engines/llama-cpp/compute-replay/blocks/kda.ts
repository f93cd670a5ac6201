import type { Block } from '../../../../../schema/model.js';
import { type Build, norm, weight } from '../build.js';
import {
  add,
  columns,
  concat,
  cont,
  mul,
  mulMat,
  reshape,
  scale,
  ssmConv,
  transpose,
  unary,
  view,
} from '../ops.js';
import { type Shape, stridesOf, type Tensor } from '../tensor.js';
import { deltaNet, ofUnitLength } from './delta-net.js';
import { readStates, stateOf, writeStates } from './recurrent.js';

type Kda = Extract<Block, { kind: 'kda' }>;

/** Kimi Delta Attention: a decay for every channel of every head, `src/models/kimi-linear.cpp`. */
export function kda(build: Build, block: Kda, cur: Tensor, layer: number): Tensor {
  const { heads, headDim } = block;
  const { sequences, sequenceTokens, tokens } = build.sizes;
  const width = heads * headDim;
  const perToken = [headDim, heads, tokens];
  const matrix = (name: string) => weight(build, `${name}.weight`, layer);
  const behindRank = (name: 'f' | 'g') =>
    mulMat(matrix(`ssm_${name}_b`), mulMat(matrix(`ssm_${name}_a`), cur));

  const [q, k, v] = convolvedStates(build, block, cur, layer);
  const decay = decayOf(build, block, behindRank('f'), layer);
  const beta = unary(reshape(mulMat(matrix('ssm_beta'), cur), [1, heads, sequenceTokens, sequences]));
  const sources = [ofUnitLength(q), ofUnitLength(k), v, decay, beta] as const;
  const out = reshape(cont(deltaNet(build, sources, { heads, dim: headDim }, layer)), perToken);
  const normed = norm(build, out, 'ssm_norm.weight', layer);
  const gate = block.fullRankGate ? mulMat(matrix('ssm_g'), cur) : behindRank('g');
  const gated = mul(normed, unary(reshape(gate, perToken)));
  return mulMat(matrix('attn_output'), cont(gated, [width, tokens]));
}

/** Logarithms of what every channel of a head keeps of its state. */
function decayOf(build: Build, { heads, headDim }: Kda, raw: Tensor, layer: number): Tensor {
  const { sequences, sequenceTokens, tokens } = build.sizes;
  const biased = add(raw, weight(build, 'ssm_dt.bias', layer));
  const rates = reshape(weight(build, 'ssm_a', layer), [1, heads, 1]);
  const byHead = (a: Tensor) => reshape(a, [headDim, heads, tokens]);
  const decay = build.family.boundsDecay
    ? scale(unary(scale(mul(byHead(biased), rates))))
    : mul(byHead(unary(biased)), rates);
  return reshape(decay, [headDim, heads, sequenceTokens, sequences]);
}

/** Queries, keys and values through a short convolution each; one row of state holds what all three look back on. */
function convolvedStates(build: Build, block: Kda, cur: Tensor, layer: number): [Tensor, Tensor, Tensor] {
  const { heads, headDim, convKernel } = block;
  const { sequences, sequenceTokens, tokens } = build.sizes;
  const width = heads * headDim;
  const kept = convKernel - 1;
  const state = stateOf(build, 'r', 3 * kept * width, layer);
  const before = readStates(build, state);
  const convolved = (name: 'q' | 'k' | 'v'): Tensor => {
    const projected = mulMat(weight(build, `attn_${name}.weight`, layer), cur);
    const inputs = reshape(projected, [width, sequenceTokens, sequences]);
    const rows = concat(view(before, [kept, width, sequences], third(before, kept)), transpose(inputs));
    writeStates(build, columns(rows, kept), state, [kept, width, sequences]);
    const kernel = reshape(weight(build, `ssm_conv1d_${name}.weight`, layer), [convKernel, width]);
    const mixed = unary(reshape(ssmConv(rows, kernel), [width, tokens]));
    return reshape(mixed, [headDim, heads, sequenceTokens, sequences]);
  };
  return [convolved('q'), convolved('k'), convolved('v')];
}

/** Strides of a third of a row of state, as rows of so many inputs. */
function third(state: Tensor, kept: number): Shape {
  const [element, row] = stridesOf(state);
  return [element, (element as number) * kept, row, row];
}
