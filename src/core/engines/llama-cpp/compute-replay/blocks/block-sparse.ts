import type { Block } from '../../../../../schema/model.js';
import { isQuantised } from '../../../../quant/ggml-types.js';
import { type Build, norm, put, weight } from '../build.js';
import {
  add,
  addInPlace,
  arange,
  cast,
  concat,
  cont,
  flashAttention,
  getRows,
  mulMat,
  permute,
  poolMax,
  repeat,
  reshape,
  rope,
  scale,
  setRows,
  topOf,
  transpose,
  view,
} from '../ops.js';
import { type Size, scaled, times } from '../size.js';
import { stridesOf, type Tensor } from '../tensor.js';
import { cache, cachesOf, storeRows, storeValues, turnedBy } from './caches.js';

type Attention = Extract<Block, { kind: 'full' | 'sliding' | 'chunked' }>;
type Indexer = Extract<Block, { kind: 'indexer' }>;

/** What attention to chosen blocks of positions reads. */
export interface BlockSources {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  /** The layer's normed input, from which the indexer takes its own queries and keys. */
  readonly cur: Tensor;
}

/** What attention over the caches needs of them and of the indexer. */
interface Parts {
  readonly build: Build;
  readonly attention: Attention;
  readonly indexer: Indexer;
  readonly q: Tensor;
  /** Queries and stored keys of the indexer. */
  readonly queries: Tensor;
  readonly keys: Tensor;
  /** Stored keys and values of attention. */
  readonly k: Tensor;
  readonly v: Tensor;
}

/** Without flash attention, or with one cache for several sequences, all cells are read: `src/models/minimax-m3.cpp`. */
export const readsBlocks = ({ flashAttention, separate, sizes }: Build): boolean =>
  flashAttention && (separate || sizes.sequences === 1);

/**
 * Attention to blocks of positions that an indexer chose: `src/models/minimax-m3.cpp`. One token of each sequence
 * gathers their cells; several see them through a mask, sequence by sequence.
 */
export function attendBlocks(
  build: Build,
  attention: Attention,
  indexer: Indexer,
  { q, k, v, cur }: BlockSources,
  layer: number,
): Tensor {
  const { tokens, cells, streams } = build.sizes;
  const placed = (name: 'q' | 'k', heads: number): Tensor => {
    const states = mulMat(weight(build, `indexer.${name}_proj.weight`, layer), cur);
    const byHead = reshape(states, [indexer.headDim, heads, tokens]);
    return rope(norm(build, byHead, `indexer.${name}_norm.weight`, layer), build.positions());
  };
  const stored = cache(build, 'k', indexer.headDim, cells, layer);
  put(build, storeRows(build, stored, placed('k', 1), build.blockInputs().keyIndices));

  const inputs = build.cacheInputs(false);
  const turned = {
    q: turnedBy(inputs.keyTurn, q),
    k: turnedBy(inputs.keyTurn, k),
    v: turnedBy(inputs.valueTurn, v),
  };
  for (const state of [turned.q, turned.k, turned.v]) put(build, state);
  const caches = cachesOf(build, attention, layer);
  put(build, storeRows(build, caches.k, turned.k, inputs.keyIndices));
  put(build, storeValues(build, caches.v, turned.v, inputs.valueIndices));
  const parts: Parts = {
    ...{ build, attention, indexer },
    q: turned.q,
    queries: placed('q', indexer.heads),
    keys: view(stored, [indexer.headDim, 1, cells, streams]),
    k: caches.keys,
    v: caches.values,
  };
  return turnedBy(inputs.valueTurn, build.singleToken ? gathered(parts) : masked(parts));
}

/** Every sequence on its own, one behind the other. */
function masked(parts: Parts): Tensor {
  const count = parts.build.sizes.streams as number;
  const [first, ...more] = Array.from({ length: count }, () => maskedSequence(parts));
  return more.reduce((all, one) => concat(all, one, 1), first!);
}

/** One sequence: a mask over its cells, made of the blocks that each head chose. */
function maskedSequence({ build, attention, indexer, q, queries, keys, k, v }: Parts): Tensor {
  const { streamTokens, cells, blocks, chosen } = build.sizes;
  const { heads, kvHeads, headDim, valueDim = headDim } = attention;
  const inputs = build.blockInputs();
  const each = times(streamTokens, kvHeads);
  const positions = scaled(blocks, indexer.blockTokens!);
  const part = (a: Tensor, ...ne: Size[]) => view(a, ne, stridesOf(a));
  const rows = (a: Tensor, count: Size) => {
    const [element, row] = stridesOf(a);
    return view(a, [count, 1, streamTokens], [element, row, row, times(row, streamTokens)]);
  };

  const indexed = getRows(part(keys, indexer.headDim, cells), part(inputs.cells, positions));
  const asked = reshape(part(queries, indexer.headDim, kvHeads, streamTokens), [indexer.headDim, each]);
  const scores = reshape(mulMat(indexed, asked), [positions, kvHeads, streamTokens]);
  const seen = addInPlace(scores, rows(inputs.positionMask, positions));
  const bias = rows(inputs.bias, blocks);
  const best = topOf(add(poolMax(seen, blocks), bias), chosen);

  const hidden = repeat(cast(scale(bias), 'F16'), [blocks, kvHeads, streamTokens]);
  const open = reshape(scale(cast(best, 'F32')), [1, chosen, each]);
  const ofBlocks = setRows(reshape(hidden, [1, blocks, each]), open, reshape(best, [chosen, each]));
  const byHead = cont(permute(reshape(ofBlocks, [blocks, kvHeads, streamTokens])));
  const byBlock = cont(transpose(reshape(byHead, [blocks, each])));
  const ofCells = cont(transpose(getRows(byBlock, part(inputs.blockOfCell, cells))));
  const causal = part(inputs.causal(), cells, streamTokens, 1);
  const joint = addInPlace(reshape(ofCells, [cells, streamTokens, kvHeads]), causal);
  const mask = cast(reshape(joint, [cells, streamTokens, 1, kvHeads]), 'F16');

  const groups = (a: Tensor, dim: number) => view(a, [dim, cells, 1, kvHeads], stridesOf(a));
  const queriesOfOne = part(q, headDim, heads, streamTokens);
  return attended(attention, queriesOfOne, groups(k, headDim), groups(v, valueDim), mask);
}

/** One token of every sequence: keys, values and mask of the chosen cells are gathered. */
function gathered({ build, attention, indexer, q, queries, keys, k, v }: Parts): Tensor {
  const { cells, blocks, chosen, streams } = build.sizes;
  const { kvHeads, headDim, valueDim = headDim } = attention;
  const blockTokens = indexer.blockTokens!;
  const inputs = build.blockInputs();
  const positions = scaled(blocks, blockTokens);
  const perHead = scaled(chosen, blockTokens);
  const all = scaled(perHead, kvHeads);
  const channels = scaled(streams, kvHeads);

  const indexed = getRows(view(keys, [indexer.headDim, cells, streams], stridesOf(keys)), inputs.cells);
  const scores = mulMat(
    reshape(indexed, [indexer.headDim, positions, 1, streams]),
    reshape(queries, [indexer.headDim, kvHeads, 1, streams]),
  );
  const seen = addInPlace(scores, reshape(inputs.positionMask, [positions, 1, 1, streams]));
  const best = topOf(add(poolMax(seen, blocks), reshape(inputs.bias, [blocks, 1, 1, streams])), chosen);

  const starts = reshape(scale(cast(best, 'F32')), [1, chosen, kvHeads, streams]);
  const spread = repeat(starts, [blockTokens, chosen, kvHeads, streams]);
  const places = add(spread, reshape(arange(blockTokens), [blockTokens, 1, 1]));
  const positionIds = cast(reshape(places, [all, streams]), 'I32');
  const cellIds = getRows(reshape(inputs.cellValues, [1, positions, streams]), positionIds);
  const byHead = reshape(cellIds, [blockTokens, chosen, kvHeads, streams]);
  const rows = add(scale(byHead), reshape(arange(kvHeads), [1, 1, kvHeads]));
  const rowIds = cast(reshape(rows, [all, streams]), 'I32');

  const heads = (a: Tensor, dim: number) => view(a, [dim, scaled(cells, kvHeads), streams], stridesOf(a));
  const chosenKeys = getRows(heads(k, headDim), rowIds);
  const chosenValues = getRows(heads(v, valueDim), rowIds);
  const chosenMask = getRows(reshape(inputs.positionMask, [1, positions, streams]), positionIds);
  const grouped = (a: Tensor, dim: number, type: Build['kvTypeK']): Tensor => {
    const wanted = isQuantised(type) ? 'F16' : type;
    const channelled = reshape(a, [dim, perHead, 1, channels]);
    return channelled.type === wanted ? channelled : cast(channelled, wanted);
  };
  const keysOfGroups = grouped(chosenKeys, headDim, build.kvTypeK);
  const valuesOfGroups = grouped(chosenValues, valueDim, build.kvTypeV);
  const mask = cast(reshape(chosenMask, [perHead, 1, 1, channels]), 'F16');
  return attended(attention, q, keysOfGroups, valuesOfGroups, mask);
}

/** One call for all groups of heads, which stand where sequences usually do. */
function attended({ heads, kvHeads }: Attention, q: Tensor, k: Tensor, v: Tensor, mask: Tensor): Tensor {
  const ofGroup = heads / kvHeads;
  const channels = k.ne[3];
  const tokens = q.ne[2];
  const rows = mask.ne[1];
  const grouped = reshape(q, [q.ne[0], ofGroup, channels, rows]);
  const queries = view(grouped, [q.ne[0], rows, ofGroup, channels], stridesOf(grouped));
  const mixed = flashAttention(queries, k, v, mask, undefined);
  const flat = [scaled(mixed.ne[0], heads), tokens];
  // Two dimensions change places: nothing moves where one of them is 1.
  if (rows === 1 || channels === 1) return reshape(mixed, flat);
  return reshape(cont(view(mixed, mixed.ne, stridesOf(mixed))), flat);
}
