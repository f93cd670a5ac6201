import type { Block } from '../../../../../schema/model.js';
import { type Build, norm, put, weight } from '../build.js';
import { add, cont, mul, mulMat, permute, reshape, scale, transpose, unary, view } from '../ops.js';
import type { Size } from '../size.js';
import { stridesOf, type Tensor } from '../tensor.js';
import { readStates, stateOf, writeStates } from './recurrent.js';

type Lightning = Extract<Block, { kind: 'lightning' }>;

/** Queries, keys and values as `[headDim, heads, tokens, sequences]`. */
interface States {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
}

/** Lightning attention: linear over the runs before, and every token to every one before it in its run: `src/models/minimax-01.cpp`. */
export function lightning(build: Build, block: Lightning, cur: Tensor, layer: number): Tensor {
  const { heads, headDim } = block;
  const { sequences, sequenceTokens, tokens } = build.sizes;
  const width = heads * headDim;
  const matrix = (name: string) => weight(build, `${name}.weight`, layer);
  // The engine keeps a convolution's state of no elements: nothing of it is used, but it is in the graph.
  readStates(build, stateOf(build, 'r', 0, layer));
  const { slopes } = build.decayInputs();
  const slope = scale(slopes);
  const bySequence = reshape(cur, [cur.ne[0], sequenceTokens, 1, sequences]);
  const states = split(build, block, unary(mulMat(matrix('attn_qkv'), bySequence)));
  const state = stateOf(build, 's', width * headDim, layer);
  const before = reshape(readStates(build, state), [headDim, headDim, heads, sequences]);

  const values = cont(transpose(permute(states.v)));
  const mixed = put(build, mixedOf(build, states, before, values));
  const kept = mul(before, reshape(unary(scale(slope)), [1, 1, heads]));
  writeStates(build, add(kept, written(build, states, values)), state, [width * headDim, sequences]);

  const out = reshape(cont(permute(mixed)), [width, sequenceTokens, 1, sequences]);
  const normed = norm(build, out, 'attn_norm_2.weight', layer);
  const gated = mul(unary(mulMat(matrix('attn_gate'), bySequence)), normed);
  const projected = mulMat(matrix('attn_output'), gated);
  return reshape(projected, [projected.ne[0], tokens]);
}

/** Keys and values count tokens as what others look at, so that both counts can stand in one size. */
function split({ sizes }: Build, { heads, headDim }: Lightning, joint: Tensor): States {
  const { sequences, sequenceTokens, seenTokens } = sizes;
  const all = reshape(joint, [3 * headDim, heads, sequenceTokens, sequences]);
  const part = (tokens: Size) => view(all, [headDim, heads, tokens, sequences], stridesOf(all));
  return { q: part(sequenceTokens), k: part(seenTokens), v: part(seenTokens) };
}

/** What queries find in the state of the runs before, and in their own run. */
function mixedOf(build: Build, { q, k }: States, before: Tensor, values: Tensor): Tensor {
  const { ofQueries, ofPairs } = build.decayInputs();
  const earlier = mulMat(before, permute(mul(q, decay(ofQueries))));
  const products = mul(mulMat(permute(k), permute(q)), decay(ofPairs));
  return add(earlier, mulMat(values, products));
}

/** What keys and values of this run add to the state. */
function written(build: Build, { k }: States, values: Tensor): Tensor {
  const { ofKeys } = build.decayInputs();
  return mulMat(cont(transpose(permute(mul(k, decay(ofKeys))))), values);
}

const decay = (exponents: Tensor): Tensor => unary(scale(exponents));
