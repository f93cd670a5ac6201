import type { Block } from '../../../../../schema/model.js';
import { type Build, hasWindows, isWindowed, norm, put, weight, widestValues } from '../build.js';
import {
  add,
  cast,
  columns,
  cont,
  flashAttention,
  mul,
  mulMat,
  pad,
  permute,
  reshape,
  rmsNorm,
  rope,
  scale,
  setRows,
  softMax,
  transpose,
  unary,
  view,
} from '../ops.js';
import { type Size, scaled, times } from '../size.js';
import { elementsOf, rowSize, type Tensor, tensor } from '../tensor.js';

type Attention = Extract<Block, { kind: 'full' | 'sliding' | 'chunked' }>;

/** Grouped-query attention, from the normed hidden state to what joins the residual. */
export function attention(build: Build, block: Attention, cur: Tensor, layer: number): Tensor {
  const { heads, headDim } = block;
  const { tokens } = build.sizes;
  const joint = project(build, cur, 'attn_q', layer);
  const split = block.outputGate ? reshape(joint, [2 * headDim, heads, tokens]) : undefined;
  const q = split
    ? headNorm(build, columns(split, headDim), 'attn_q_norm', layer)
    : shaped(build, block, joint, 'q', layer);
  const own = block.sharedKv ? undefined : ownStates(build, block, cur, layer);
  const [queries, keys] = positioned(build, block, { q, k: own?.k }, layer);
  const mixed = attend(build, block, { q: queries, k: keys, v: own?.v }, layer);
  const gated = split ? mul(mixed, unary(cont(columns(split, headDim), [headDim * heads, tokens]))) : mixed;
  return biased(build, mulMat(weight(build, 'attn_output.weight', layer), gated), 'attn_output', layer);
}

/** Keys and values; keys may serve as values before they are normed and turned. */
function ownStates(build: Build, block: Attention, cur: Tensor, layer: number): { k: Tensor; v: Tensor } {
  const { kvHeads, headDim } = block;
  const keys = project(build, cur, 'attn_k', layer);
  const values = block.valueIsKey ? keys : project(build, cur, 'attn_v', layer);
  const v = reshape(values, [headDim, kvHeads, build.sizes.tokens]);
  return { k: shaped(build, block, keys, 'k', layer), v: build.family.normsValues ? rmsNorm(v) : v };
}

const biased = (build: Build, a: Tensor, name: string, layer: number): Tensor => {
  const bias = build.find(`${name}.bias`, layer);
  return bias ? add(a, bias) : a;
};

const project = (build: Build, cur: Tensor, name: string, layer: number): Tensor =>
  biased(build, mulMat(weight(build, `${name}.weight`, layer), cur), name, layer);

const headNorm = (build: Build, a: Tensor, name: string, layer: number): Tensor =>
  build.find(`${name}.weight`, layer) ? norm(build, a, `${name}.weight`, layer) : a;

/** Queries or keys by heads, normalised over the whole width before or over each head after. */
function shaped(build: Build, block: Attention, a: Tensor, which: 'q' | 'k', layer: number): Tensor {
  const name = `attn_${which}_norm`;
  const heads = which === 'q' ? block.heads : block.kvHeads;
  const wide = block.qkNorm === 'width' ? headNorm(build, a, name, layer) : a;
  const split = reshape(wide, [block.headDim, heads, build.sizes.tokens]);
  return block.qkNorm === 'head' ? headNorm(build, split, name, layer) : split;
}

/** Rope, or what a family does in its place. */
function positioned(
  build: Build,
  block: Attention,
  { q, k }: Pick<NewStates, 'q' | 'k'>,
  layer: number,
): [Tensor, Tensor | undefined] {
  const { architecture, family } = build;
  const scaledBefore = (queries: Tensor) => (family.scales?.includes('queries') ? scale(queries) : queries);
  const turns = architecture.rope !== undefined && block.rope !== false;
  if (!turns) return [scaledBefore(family.scalesByPosition ? mul(q, build.positionScale()) : q), k];
  const factors = build.find('rope_freqs.weight', layer);
  const placed = (a: Tensor) => {
    const turned = rope(a, build.positions(), factors);
    return hasPlainNorm(build) ? rmsNorm(turned) : turned;
  };
  return [scaledBefore(placed(q)), k && placed(k)];
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

/** Queries, and what is new in the cache; a layer that shares an earlier one's cache adds nothing. */
interface NewStates {
  readonly q: Tensor;
  readonly k: Tensor | undefined;
  readonly v: Tensor | undefined;
}

/** Cache and attention: `src/llama-graph.cpp:build_attn`. The order of the three expansions is the engine's. */
function attend(build: Build, block: Attention, states: NewStates, layer: number): Tensor {
  const inputs = build.cacheInputs(isWindowed(block));
  const { keyTurn, valueTurn } = inputs;
  const q = turnedBy(keyTurn, states.q);
  const k = states.k && turnedBy(keyTurn, states.k);
  const v = states.v && turnedBy(valueTurn, states.v);
  for (const state of hasWindows(build) ? [q, k, v] : [q, v, k]) if (state) put(build, state);
  const caches = cachesOf(build, block, block.sharedKv ? build.sharedLayer(isWindowed(block)) : layer);
  if (k) put(build, storeRows(build, caches.k, k, inputs.keyIndices));
  if (v) put(build, storeValues(build, caches.v, v, inputs.valueIndices));
  const sinks = build.find('attn_sinks.weight', layer);
  const valuesLieTransposed = !build.flashAttention;
  const sources = { q, k: caches.keys, v: caches.values, mask: inputs.mask, sinks, valuesLieTransposed };
  const mixed = mixHeads(build, sources);
  return turnedBy(valueTurn, mixed);
}

/** Product with a Hadamard matrix, if there is one: `src/llama-impl.h:llama_mul_mat_hadamard`. */
function turnedBy(turn: Tensor | undefined, a: Tensor): Tensor {
  if (!turn) return a;
  const size = turn.ne[0] as number;
  const rows = reshape(a, [size, scaled(elementsOf(a), 1 / size)]);
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
  const valueElements = build.flashAttention ? kvHeads * headDim : widestValues(build);
  const v = cache(build, 'v', valueElements, cells, layer);
  const keys = view(k, [headDim, kvHeads, cells, streams]);
  if (build.flashAttention) return { k, v, keys, values: view(v, [headDim, kvHeads, cells, streams]) };
  const head = rowSize(kvTypeV, cells);
  const strides = [rowSize(kvTypeV, 1), scaled(head, headDim), head, scaled(head, valueElements)] as const;
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
  const rows = view(a, [times(a.ne[0], a.ne[1]), a.ne[2]]);
  const target = build.separate ? reshape(into, [into.ne[0], times(into.ne[1], into.ne[2])]) : into;
  return setRows(target, rows, ids);
}

/** `src/llama-kv-cache.cpp:cpy_v`. */
const storeValues = (build: Build, into: Tensor, v: Tensor, ids: Tensor): Tensor =>
  build.flashAttention ? storeRows(build, into, v, ids) : storeElements(into, v, ids);

/** One element a row, into values that lie transposed and are as wide as those of the widest layer. */
function storeElements(into: Tensor, v: Tensor, ids: Tensor): Tensor {
  const own = reshape(v, [times(v.ne[0], v.ne[1]), v.ne[2]]);
  const width = into.ne[0] as number;
  const rows = (own.ne[0] as number) < width ? pad(own, width) : own;
  return setRows(reshape(into, [1, elementsOf(into)]), reshape(rows, [1, elementsOf(rows)]), ids);
}

export interface HeadSources extends States {
  readonly mask: Tensor;
  readonly sinks?: Tensor | undefined;
  /** Brings values out of the latent, one matrix a head. */
  readonly decompress?: Tensor;
  readonly valuesLieTransposed: boolean;
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

function scores({ q, k, v, mask, sinks, decompress, valuesLieTransposed }: HeadSources): Tensor {
  const weights = softMax(mulMat(k, q), mask, sinks);
  const mixed = mulMat(valuesLieTransposed ? v : cont(transpose(v)), weights);
  const out = permute(decompress ? mulMat(decompress, mixed) : mixed);
  return cont(out, merged(out));
}

const merged = ({ ne }: Tensor): Size[] => [times(ne[0], ne[1]), times(ne[2], ne[3])];
