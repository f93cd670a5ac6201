import type { Block } from '../../../../../schema/model.js';
import { type Build, norm, put, weight } from '../build.js';
import { columns, concat, headColumns, mul, mulMat, permute, reshape, rope, unary, view } from '../ops.js';
import { stridesOf, type Tensor } from '../tensor.js';
import { mixHeads } from './attention.js';
import { cache, storeRows } from './caches.js';
import { chosenCells, maskOfChosen } from './indexer.js';

type Latent = Extract<Block, { kind: 'latent' }>;

/**
 * Latent attention with absorbed projections: every head reads one latent, which is key and value at once.
 * Source: `src/models/deepseek2.cpp`, `src/llama-graph.cpp:build_attn(llm_graph_input_attn_k *, …)`.
 */
export function latent(
  build: Build,
  block: Latent,
  cur: Tensor,
  layer: number,
  beside: readonly Block[],
): Tensor {
  const { kvRank, ropeDim } = block;
  const { tokens, cells, streams } = build.sizes;
  const compressedQueries = queryLatent(build, block, cur, layer);
  const indexer = beside.find((other) => other.kind === 'indexer');
  if (indexer && compressedQueries)
    build.chosenCells = chosenCells(build, indexer, { cur, compressed: compressedQueries }, layer);
  const joint = mulMat(weight(build, 'attn_kv_a_mqa.weight', layer), cur);
  const positions = positioned(build, block, headColumns(joint, ropeDim, 1));
  const compressed = norm(build, columns(joint, kvRank), 'attn_kv_a_norm.weight', layer);
  const values = reshape(compressed, [kvRank, 1, tokens]);
  const keys = concat(values, positions);
  const queries = absorbedQueries(build, block, compressedQueries ?? cur, layer);
  for (const state of [queries, values, keys]) put(build, state);

  const inputs = build.cacheInputs(false);
  const stored = cache(build, 'k', kvRank + ropeDim, cells, layer);
  put(build, storeRows(build, stored, keys, inputs.keyIndices));
  const k = view(stored, [kvRank + ropeDim, 1, cells, streams]);
  const v = view(k, [kvRank, 1, cells, streams], stridesOf(k));
  const decompress = weight(build, 'attn_v_b.weight', layer);
  const mixed = mixHeads(build, {
    q: queries,
    k,
    v,
    mask: build.chosenCells ? maskOfChosen(build, inputs.mask, build.chosenCells) : inputs.mask,
    decompress,
    valuesLieTransposed: false,
  });
  const gate = build.find('attn_gate.weight', layer);
  const out = gate ? mul(mixed, unary(mulMat(gate, cur))) : mixed;
  return mulMat(weight(build, 'attn_output.weight', layer), out);
}

function absorbedQueries(build: Build, block: Latent, cur: Tensor, layer: number): Tensor {
  const { heads, nopeDim, ropeDim } = block;
  const q = reshape(
    mulMat(weight(build, block.queryRank ? 'attn_q_b.weight' : 'attn_q.weight', layer), cur),
    [nopeDim + ropeDim, heads, build.sizes.tokens],
  );
  const plain = permute(columns(q, nopeDim));
  const absorbed = permute(mulMat(weight(build, 'attn_k_b.weight', layer), plain));
  return concat(absorbed, positioned(build, block, columns(q, ropeDim)));
}

const positioned = (build: Build, block: Latent, a: Tensor): Tensor =>
  block.rope === false ? a : rope(a, build.positions());

/** What queries come from where they have a low rank. */
function queryLatent(build: Build, { queryRank }: Latent, cur: Tensor, layer: number): Tensor | undefined {
  if (!queryRank) return undefined;
  const compressed = mulMat(weight(build, 'attn_q_a.weight', layer), cur);
  return norm(build, compressed, 'attn_q_a_norm.weight', layer);
}
