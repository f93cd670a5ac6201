import type { Block } from '../../../../../schema/model.js';
import { type Build, type CacheInputs, hasWindows, norm, project, put } from '../build.js';
import {
  cast,
  columns,
  cont,
  flashAttention,
  headColumns,
  mul,
  mulMat,
  permute,
  reshape,
  rmsNorm,
  rope,
  scale,
  setRows,
  softCapped,
  softMax,
  transpose,
  unary,
  view,
} from '../ops.js';
import { type Size, scaled, times } from '../size.js';
import { elementsOf, rowSize, stridesOf, type Tensor, tensor } from '../tensor.js';

type Attention = Extract<Block, { kind: 'full' | 'sliding' | 'chunked' }>;

const isWindowed = ({ kind }: Attention): boolean => kind !== 'full';

/** Grouped-query attention, from the normed hidden state to what joins the residual. */
export function attention(build: Build, block: Attention, cur: Tensor, layer: number): Tensor {
  const { gate, ...states } = projected(build, block, cur, layer);
  const positions = positioned(build, block, states.q, states.k, layer);
  const [q, k] = build.family.normsAfterRope ? normed(build, positions, layer) : positions;
  const mixed = attend(build, block, { q, k, v: states.v }, layer);
  const out = gate ? mul(mixed, unary(gate)) : gatedBeside(build, block, { cur, mixed }, layer);
  return project(build, out, 'attn_output', layer);
}

/** Queries, keys and values by heads, out of one matrix or three: `src/llama-graph.cpp:build_qkv`. */
function projected(
  build: Build,
  block: Attention,
  cur: Tensor,
  layer: number,
): States & { readonly gate?: Tensor } {
  const { heads, kvHeads, headDim, valueDim = headDim } = block;
  const { tokens } = build.sizes;
  if (build.find('attn_qkv.weight', layer)) {
    const joint = project(build, cur, 'attn_qkv', layer);
    const [q, k] = normedHeads(
      build,
      block,
      [headColumns(joint, headDim, heads), headColumns(joint, headDim, kvHeads)],
      layer,
    );
    return { q, k, v: headColumns(joint, valueDim, kvHeads) };
  }
  const joint = project(build, cur, 'attn_q', layer);
  const k = shaped(build, block, project(build, cur, 'attn_k', layer), 'k', layer);
  const v = reshape(project(build, cur, 'attn_v', layer), [valueDim, kvHeads, tokens]);
  if (!hasJointGate(build, block, layer)) return { q: shaped(build, block, joint, 'q', layer), k, v };
  const split = reshape(joint, [2 * headDim, heads, tokens]);
  const q = headNorm(build, columns(split, headDim), 'attn_q_norm', layer);
  return { q, k, v, gate: cont(columns(split, headDim), [headDim * heads, tokens]) };
}

/** Whether queries and the gate on the output are one matrix. */
const hasJointGate = (build: Build, { outputGate }: Attention, layer: number): boolean =>
  outputGate === true && !build.find('attn_gate.weight', layer);

/** A gate out of a matrix of its own, as wide as the output or one number a head. */
function gatedBeside(
  build: Build,
  { heads, headDim, valueDim = headDim }: Attention,
  { cur, mixed }: { readonly cur: Tensor; readonly mixed: Tensor },
  layer: number,
): Tensor {
  const matrix = build.find('attn_gate.weight', layer);
  if (!matrix) return mixed;
  const gate = unary(mulMat(matrix, cur));
  if (matrix.ne[1] !== heads) return mul(mixed, gate);
  const { tokens } = build.sizes;
  const byHead = mul(reshape(mixed, [valueDim, heads, tokens]), reshape(gate, [1, heads, tokens]));
  return reshape(byHead, [valueDim * heads, tokens]);
}

const headNorm = (build: Build, a: Tensor, name: string, layer: number): Tensor =>
  build.find(`${name}.weight`, layer) ? norm(build, a, `${name}.weight`, layer) : a;

/** Queries or keys by heads, normalised over the whole width before or over each head after. */
function shaped(build: Build, block: Attention, a: Tensor, which: 'q' | 'k', layer: number): Tensor {
  const name = `attn_${which}_norm`;
  const heads = which === 'q' ? block.heads : block.kvHeads;
  const wide = block.qkNorm === 'width' ? headNorm(build, a, name, layer) : a;
  const split = reshape(wide, [block.headDim, heads, build.sizes.tokens]);
  return hasNormedHeads(build, block) ? headNorm(build, split, name, layer) : split;
}

const hasNormedHeads = ({ family }: Build, { qkNorm }: Attention): boolean =>
  qkNorm === 'head' && !family.normsAfterRope;

const normedHeads = (
  build: Build,
  block: Attention,
  heads: [Tensor, Tensor],
  layer: number,
): [Tensor, Tensor] => (hasNormedHeads(build, block) ? normed(build, heads, layer) : heads);

const normed = (build: Build, [q, k]: [Tensor, Tensor], layer: number): [Tensor, Tensor] => [
  headNorm(build, q, 'attn_q_norm', layer),
  headNorm(build, k, 'attn_k_norm', layer),
];

/** Rope, or what a family does in its place. */
function positioned(build: Build, block: Attention, q: Tensor, k: Tensor, layer: number): [Tensor, Tensor] {
  const { architecture, family } = build;
  const turns = architecture.rope !== undefined && block.rope !== false;
  const scaledByPosition = (queries: Tensor) =>
    hasPositionScale(build, turns) ? mul(queries, build.positionScale()) : queries;
  const scaledBefore = (queries: Tensor) =>
    family.scales?.includes('queries') ? scale(scaledByPosition(queries)) : scaledByPosition(queries);
  if (!turns) return [scaledBefore(q), k];
  // Long or short, their sizes are the same: `src/llama-model.cpp:get_rope_factors`.
  const factors = build.find('rope_freqs.weight', layer) ?? build.find('rope_factors_short.weight', layer);
  const turned = [q, k].map((a) => rope(a, build.positions(), factors));
  const [queries, keys] = hasPlainNorm(build) ? turned.map((a) => rmsNorm(a)) : turned;
  return [scaledBefore(queries!), keys!];
}

/** `src/models/llama4.cpp`, and `src/models/mistral3.cpp` by the key that `conversion/mistral3.py` writes. */
function hasPositionScale({ architecture, family }: Build, turns: boolean): boolean {
  if (family.scalesByPosition === 'withoutRope') return !turns;
  return family.scalesByPosition === 'withYarn' && architecture.rope?.scaling?.kind === 'yarn';
}

/** `src/models/llama4.cpp:load_arch_hparams`: use_kq_norm goes by the number of experts. */
function hasPlainNorm({ architecture, family }: Build): boolean {
  if (family.plainNormUnlessExperts === undefined) return false;
  return !Object.values(architecture.blocks).some(
    (block) => block.kind === 'moe' && block.experts === family.plainNormUnlessExperts,
  );
}

interface States {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
}

/** Cache and attention: `src/llama-graph.cpp:build_attn`. The order of the three expansions is the engine's. */
function attend(build: Build, block: Attention, states: States, layer: number): Tensor {
  const inputs = build.cacheInputs(isWindowed(block));
  const { keyTurn, valueTurn } = inputs;
  const q = keyTurn ? turned(states.q, keyTurn) : states.q;
  const k = keyTurn ? turned(states.k, keyTurn) : states.k;
  const v = valueTurn ? turned(states.v, valueTurn) : states.v;
  for (const state of hasWindows(build) ? [q, k, v] : [q, v, k]) put(build, state);
  const caches = cachesOf(build, block, layer);
  put(build, storeRows(build, caches.k, k, inputs.keyIndices));
  put(
    build,
    build.flashAttention
      ? storeRows(build, caches.v, v, inputs.valueIndices)
      : storeElements(caches.v, v, inputs),
  );
  const sinks = build.find('attn_sinks.weight', layer);
  const valuesLieTransposed = !build.flashAttention;
  const softCap = build.family.softCaps?.includes('attention') === true;
  const read = { q, k: caches.keys, v: caches.values, mask: inputs.mask };
  const sources = { ...read, sinks, softCap, valuesLieTransposed };
  const mixed = mixHeads(build, sources);
  return valueTurn ? turned(mixed, valueTurn) : mixed;
}

/** Product with a Hadamard matrix: `src/llama-impl.h:llama_mul_mat_hadamard`. */
function turned(a: Tensor, turn: Tensor): Tensor {
  const size = turn.ne[0] as number;
  const flat = [size, scaled(elementsOf(a), 1 / size)];
  const rows = a.nb ? cont(a, flat) : reshape(a, flat);
  return reshape(mulMat(turn, rows), a.ne);
}

interface Caches {
  readonly k: Tensor;
  readonly v: Tensor;
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** Both caches of a layer and what attention reads of them: `src/llama-kv-cache.cpp:get_k, get_v`. */
function cachesOf(build: Build, block: Attention, layer: number): Caches {
  const { kvTypeV, sizes } = build;
  const { streams } = sizes;
  const { kvHeads, headDim } = block;
  const cells = isWindowed(block) ? sizes.windowCells : sizes.cells;
  const k = cache(build, 'k', kvHeads * headDim, cells, layer);
  const v = cache(build, 'v', kvHeads * headDim, cells, layer);
  const keys = view(k, [headDim, kvHeads, cells, streams]);
  if (build.flashAttention) return { k, v, keys, values: view(v, [headDim, kvHeads, cells, streams]) };
  const head = rowSize(kvTypeV, cells);
  const strides = [
    rowSize(kvTypeV, 1),
    scaled(head, headDim),
    head,
    scaled(head, headDim * kvHeads),
  ] as const;
  return { k, v, keys, values: view(v, [cells, kvHeads, headDim, streams], strides) };
}

export function cache(build: Build, which: 'k' | 'v', elements: number, cells: Size, layer: number): Tensor {
  const type = which === 'k' ? build.kvTypeK : build.kvTypeV;
  const place = build.deviceOfCache(layer);
  return tensor('NONE', type, [elements, cells, build.sizes.streams, 1], [], {
    name: `cache_${which}_l${layer}`,
    place,
  });
}

/** One row a token: `src/llama-kv-cache.cpp:cpy_k`, and `cpy_v` with flash attention. */
export function storeRows(build: Build, into: Tensor, a: Tensor, ids: Tensor): Tensor {
  const rows = rowsOf(a);
  const target = build.separate ? reshape(into, [into.ne[0], times(into.ne[1], into.ne[2])]) : into;
  return setRows(target, rows, ids);
}

/** All heads of a token as one row; the rows stay as far apart as they are. */
function rowsOf(a: Tensor): Tensor {
  const [element, , row] = stridesOf(a);
  const plane = times(row, a.ne[2]);
  return view(a, [times(a.ne[0], a.ne[1]), a.ne[2]], a.nb && [element, row, plane, plane]);
}

/** One element a row, into values that lie transposed: `src/llama-kv-cache.cpp:cpy_v`. */
function storeElements(into: Tensor, v: Tensor, { valueIndices }: CacheInputs): Tensor {
  const flat = [times(v.ne[0], v.ne[1]), v.ne[2]];
  const rows = v.nb ? cont(v, flat) : reshape(v, flat);
  return setRows(reshape(into, [1, elementsOf(into)]), reshape(rows, [1, elementsOf(rows)]), valueIndices);
}

export interface HeadSources extends States {
  readonly mask: Tensor;
  readonly sinks?: Tensor | undefined;
  /** Brings values out of the latent, one matrix a head. */
  readonly decompress?: Tensor;
  readonly valuesLieTransposed: boolean;
  /** Logits are squeezed. */
  readonly softCap?: boolean;
}

/** Attention of all heads: `src/llama-graph.cpp:build_attn_mha`. The result is in the graph. */
export function mixHeads(build: Build, sources: HeadSources): Tensor {
  const { streams, streamTokens } = build.sizes;
  const q = permute(view(sources.q, [sources.q.ne[0], sources.q.ne[1], streamTokens, streams]));
  const parts = { ...sources, q, k: permute(sources.k), v: permute(sources.v) };
  return put(build, build.flashAttention ? flash(parts) : scores(parts));
}

function flash({ q, k, v, mask, sinks, decompress }: HeadSources): Tensor {
  const halved = (a: Tensor) => (a.type === 'F32' ? cast(a, 'F16') : a);
  const mixed = flashAttention(q, halved(k), halved(v), mask, sinks);
  const out = decompress ? cont(permute(mulMat(decompress, permute(mixed)))) : mixed;
  return reshape(out, merged(out));
}

function scores(sources: HeadSources): Tensor {
  const { q, k, v, mask, sinks, decompress, valuesLieTransposed } = sources;
  const products = mulMat(k, q);
  const weights = softMax(sources.softCap ? softCapped(products) : products, mask, sinks);
  const mixed = mulMat(valuesLieTransposed ? v : cont(transpose(v)), weights);
  const out = permute(decompress ? mulMat(decompress, mixed) : mixed);
  return cont(out, merged(out));
}

const merged = ({ ne }: Tensor): Size[] => [times(ne[0], ne[1]), times(ne[2], ne[3])];
