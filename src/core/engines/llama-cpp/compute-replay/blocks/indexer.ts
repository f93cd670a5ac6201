import type { Block } from '../../../../../schema/model.js';
import { type Build, put, weight } from '../build.js';
import {
  add,
  cont,
  fill,
  layerNorm,
  lightningIndexer,
  mul,
  mulMat,
  reshape,
  rope,
  scale,
  setRows,
  topOf,
  view,
} from '../ops.js';
import { stridesOf, type Tensor, tensor } from '../tensor.js';
import { cache, storeRows } from './caches.js';

type Indexer = Extract<Block, { kind: 'indexer' }>;

/** What an indexer reads: the layer's normed input, and the latent of the queries. */
interface IndexerSources {
  readonly cur: Tensor;
  readonly compressed: Tensor;
}

/**
 * The cells that attention reads, chosen by narrow queries and keys in the fused kernel.
 * Source: `src/models/deepseek32.cpp`, "lightning indexer".
 */
export function chosenCells(
  build: Build,
  block: Indexer,
  { cur, compressed }: IndexerSources,
  layer: number,
): Tensor {
  const { heads, headDim } = block;
  const { tokens, cells, streams, streamTokens } = build.sizes;
  const { keyIndices, mask, turn } = build.indexerInputs();
  const matrix = (name: string) => weight(build, `indexer.${name}`, layer);
  const turned = (a: Tensor) => mulMat(turn, rope(a, build.positions()));

  const normed = add(
    mul(layerNorm(mulMat(matrix('attn_k.weight'), cur)), matrix('k_norm.weight')),
    matrix('k_norm.bias'),
  );
  const keys = turned(reshape(normed, [headDim, 1, tokens]));
  const stored = cache(build, 'k', headDim, cells, layer);
  put(build, storeRows(build, stored, keys, keyIndices));

  const q = turned(reshape(mulMat(matrix('attn_q_b.weight'), compressed), [headDim, heads, tokens]));
  const weights = mulMat(matrix('proj.weight'), cur);
  const parts = { q, stored, weights: scale(view(weights, [heads, streamTokens, 1, streams])), mask };
  return bestScored(build, block, parts);
}

/** What the kernel scores cells by: queries, the cache of keys, weights of the heads for each token, and who sees whom. */
interface Scored {
  readonly q: Tensor;
  readonly stored: Tensor;
  readonly weights: Tensor;
  readonly mask: Tensor;
}

/** Numbers of the cells that score best, for every token. */
export function bestScored(
  build: Build,
  { heads, headDim }: Indexer,
  { q, stored, weights, mask }: Scored,
): Tensor {
  const { streams, streamTokens, chosen } = build.sizes;
  const queries = view(q, [headDim, heads, streamTokens, streams]);
  const keys = view(stored, [headDim, 1, stored.ne[1], streams]);
  return cont(topOf(lightningIndexer(queries, keys, weights, mask), chosen));
}

/** A mask that lets attention see the chosen cells alone: `src/llama-graph.cpp:build_attn(llm_graph_input_attn_k_dsa *, …)`. */
export function maskOfChosen(
  build: Build,
  mask: Tensor,
  chosen: Tensor,
  zeroType: 'F16' | 'F32' = 'F32',
): Tensor {
  const { streams, streamTokens } = build.sizes;
  const cells = mask.ne[0];
  const [element, row, plane] = stridesOf(mask);
  const hidden = view(fill(mask), [1, cells, streamTokens, streams], [element, element, row, plane]);
  const ids = view(chosen, [chosen.ne[0], streamTokens, streams]);
  const zeros = tensor('NONE', zeroType, [1, chosen.ne[0], streamTokens, streams], [], {
    name: 'zeros for the chosen cells',
  });
  const seen = setRows(hidden, fill(zeros), ids);
  return add(view(seen, [cells, streamTokens, 1, streams], [element, row, plane, plane]), mask);
}
