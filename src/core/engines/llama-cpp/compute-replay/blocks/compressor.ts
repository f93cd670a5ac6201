import { type Build, norm, put, weight } from '../build.js';
import type { EntryInputs } from '../inputs.js';
import {
  add,
  concat,
  cont,
  getRows,
  mul,
  mulMat,
  reshape,
  rope,
  scale,
  setRows,
  softMax,
  sumRows,
  transpose,
  view,
} from '../ops.js';
import { type Size, times } from '../size.js';
import { stridesOf, type Tensor, tensor } from '../tensor.js';
import { cache, storeRows, turnedBy } from './caches.js';

/** What makes entries out of runs of tokens. */
export interface Compressor {
  /** What its weights are called in front. */
  readonly prefix: 'attn_compressor' | 'indexer_compressor';
  readonly headDim: number;
  /** Tokens of a run. */
  readonly run: number;
  /** Each entry reads two runs. */
  readonly overlaps: boolean;
  readonly inputs: EntryInputs;
  /** Cells of its cache. */
  readonly cells: Size;
}

/** Values and scores of tokens: weights of a mean, before they are one. */
interface Scored {
  readonly values: Tensor;
  readonly scores: Tensor;
}

/**
 * Makes the entries of the runs that the tokens complete, stores them, and keeps what runs still open need:
 * `src/models/deepseek4.cpp:build_attention_impl`.
 *
 * @returns the cache of entries
 */
export function compress(build: Build, compressor: Compressor, cur: Tensor, layer: number): Tensor {
  const { prefix, headDim, cells, inputs } = compressor;
  const matrix = (name: string) => weight(build, `${prefix}_${name}.weight`, layer);
  const made: Scored = {
    values: mulMat(matrix('kv'), cur),
    scores: add(mulMat(matrix('gate'), cur), getRows(matrix('ape'), inputs.places)),
  };
  const kept: Scored = {
    values: keptOf(build, compressor, 'kv', layer),
    scores: keptOf(build, compressor, 'score', layer),
  };
  const known: Scored = {
    values: concat(view(kept.values, kept.values.ne), made.values, 1),
    scores: concat(view(kept.scores, kept.scores.ne), made.scores, 1),
  };
  const entries = entriesOf(build, compressor, known, layer);
  const stored = cache(build, 'k', headDim, cells, layer);
  put(build, storeRows(build, stored, turnedBy(inputs.turn, entries), inputs.cells));
  const keep = (from: Tensor, into: Tensor) => setRows(into, getRows(from, inputs.keptFrom), inputs.keptTo);
  for (const one of [keep(made.values, kept.values), keep(made.scores, kept.scores)]) put(build, one);
  return stored;
}

/** What was kept of runs that were open: values or scores, in 32-bit floats. */
function keptOf(
  build: Build,
  { headDim, run, overlaps }: Compressor,
  what: 'kv' | 'score',
  layer: number,
): Tensor {
  const runs = overlaps ? 2 : 1;
  const ne = [runs * headDim, times(runs * run, build.sizes.streams), 1, 1] as const;
  const state = tensor('NONE', 'F32', ne, [], {
    name: `dsv4_state_${what}_l${layer}`,
    place: build.deviceOfCache(layer),
  });
  return view(state, ne);
}

/** Means of the values of a run, or of two, for every channel by its scores; normed, and turned by position. */
function entriesOf(build: Build, compressor: Compressor, known: Scored, layer: number): Tensor {
  const { prefix, inputs } = compressor;
  const { values, scores } = compressor.overlaps ? overlapping(compressor, known) : single(compressor, known);
  const byToken = (a: Tensor) => cont(transpose(a));
  const means = sumRows(mul(byToken(values), softMax(byToken(scores))));
  const normed = norm(build, cont(transpose(means)), `${prefix}_norm.weight`, layer);
  return rope(normed, inputs.positions);
}

/** Tokens of each run, as `[headDim, run, entries]`. */
function single({ headDim, run, inputs }: Compressor, { values, scores }: Scored): Scored {
  const rows = (a: Tensor) => reshape(getRows(a, inputs.tokens), [headDim, run, inputs.cells.ne[0]]);
  return { values: rows(values), scores: rows(scores) };
}

/** Tokens of a run and of the one before, each of which has numbers of its own for either place. */
function overlapping({ headDim, run, inputs }: Compressor, { values, scores }: Scored): Scored {
  const entries = inputs.cells.ne[0];
  const rows = {
    values: getRows(withEnd(values), inputs.tokens),
    scores: getRows(withEnd(scores), inputs.tokens),
  };
  const half = (a: Tensor) =>
    reshape(cont(view(a, [headDim, times(run, entries)], stridesOf(a))), [headDim, run, entries]);
  const before = { values: half(rows.values), scores: half(rows.scores) };
  const now = { values: half(rows.values), scores: half(rows.scores) };
  return {
    values: concat(before.values, now.values, 1),
    scores: concat(before.scores, now.scores, 1),
  };
}

/** With a row of nothing, for the run before the first. */
const withEnd = (a: Tensor): Tensor => concat(a, reshape(scale(view(a, [a.ne[0]])), [a.ne[0], 1]), 1);
