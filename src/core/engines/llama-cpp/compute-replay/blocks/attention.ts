import type { Block } from '../../../../../schema/model.js';
import { type Build, norm, project, put } from '../build.js';
import { hasWindows, isWindowed } from '../graph-facts.js';
import {
  cast,
  clamp,
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
  softCapped,
  softMax,
  transpose,
  unary,
  view,
} from '../ops.js';
import { type Size, times } from '../size.js';
import type { Tensor } from '../tensor.js';
import { attendBlocks, readsBlocks } from './block-sparse.js';
import { cachesOf, storeRows, storeValues, turnedBy } from './caches.js';

type Attention = Extract<Block, { kind: 'full' | 'sliding' | 'chunked' }>;

/** Grouped-query attention, from the normed hidden state to what joins the residual. */
export function attention(
  build: Build,
  block: Attention,
  cur: Tensor,
  layer: number,
  beside: readonly Block[],
): Tensor {
  const { gate, ...states } = projected(build, block, cur, layer);
  const positions = positioned(build, block, states, layer);
  const [q, k] = build.family.normsAfterRope ? normed(build, positions, layer) : positions;
  const indexer = beside.find((other) => other.kind === 'indexer');
  const read = { q, k, v: states.v };
  const mixed =
    indexer && isWhole(read) && readsBlocks(build)
      ? attendBlocks(build, block, indexer, { ...read, cur }, layer)
      : attend(build, block, read, layer);
  const out = gate ? mul(mixed, unary(gate)) : gatedBeside(build, block, { cur, mixed }, layer);
  return project(build, out, 'attn_output', layer);
}

/** Queries, keys and values by heads, out of one matrix or three: `src/llama-graph.cpp:build_qkv`. */
function projected(
  build: Build,
  block: Attention,
  cur: Tensor,
  layer: number,
): NewStates & { readonly gate?: Tensor } {
  const { heads, kvHeads, headDim, valueDim = headDim } = block;
  if (build.find('attn_qkv.weight', layer)) {
    const all = project(build, cur, 'attn_qkv', layer);
    const joint = build.family.clampsStates ? clamp(all) : all;
    const [q, k] = normedHeads(
      build,
      block,
      [headColumns(joint, headDim, heads), headColumns(joint, headDim, kvHeads)],
      layer,
    );
    return { q, k, v: headColumns(joint, valueDim, kvHeads) };
  }
  const joint = project(build, cur, 'attn_q', layer);
  const own = block.sharedKv ? { k: undefined, v: undefined } : ownStates(build, block, cur, layer);
  if (!hasJointGate(build, block, layer)) return { q: shaped(build, block, joint, 'q', layer), ...own };
  const { tokens } = build.sizes;
  const split = reshape(joint, [2 * headDim, heads, tokens]);
  const q = headNorm(build, columns(split, headDim), 'attn_q_norm', layer);
  return { q, ...own, gate: cont(columns(split, headDim), [headDim * heads, tokens]) };
}

/** Keys and values; keys may serve as values before they are normed and turned. */
function ownStates(build: Build, block: Attention, cur: Tensor, layer: number): { k: Tensor; v: Tensor } {
  const { kvHeads, headDim, valueDim = headDim } = block;
  const keys = project(build, cur, 'attn_k', layer);
  const values = block.valueIsKey ? keys : project(build, cur, 'attn_v', layer);
  const v = reshape(values, [valueDim, kvHeads, build.sizes.tokens]);
  return { k: shaped(build, block, keys, 'k', layer), v: build.family.normsValues ? rmsNorm(v) : v };
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
  (qkNorm === 'head' || qkNorm === 'heads') && !family.normsAfterRope;

const normedHeads = (build: Build, block: Attention, heads: QueriesAndKeys, layer: number): QueriesAndKeys =>
  hasNormedHeads(build, block) ? normed(build, heads, layer) : heads;

const normed = (build: Build, [q, k]: QueriesAndKeys, layer: number): QueriesAndKeys => [
  headNorm(build, q, 'attn_q_norm', layer),
  k && headNorm(build, k, 'attn_k_norm', layer),
];

/** Rope, or what a family does in its place. */
function positioned(
  build: Build,
  block: Attention,
  { q, k }: Pick<NewStates, 'q' | 'k'>,
  layer: number,
): QueriesAndKeys {
  const { architecture, family } = build;
  const turns = architecture.rope !== undefined && block.rope !== false;
  const scaledByPosition = (queries: Tensor) =>
    hasPositionScale(build, turns) ? mul(queries, build.positionScale()) : queries;
  const scaledBefore = (queries: Tensor) =>
    family.scales?.includes('queries') ? scale(scaledByPosition(queries)) : scaledByPosition(queries);
  if (!turns) return [scaledBefore(q), k];
  // Long or short, their sizes are the same: `src/llama-model.cpp:get_rope_factors`.
  const factors = build.find('rope_freqs.weight', layer) ?? build.find('rope_factors_short.weight', layer);
  const placed = (a: Tensor) => {
    const turned = rope(a, build.positions(), factors);
    return hasPlainNorm(build) ? rmsNorm(turned) : turned;
  };
  return [scaledBefore(placed(q)), k && placed(k)];
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

const isWhole = (states: NewStates): states is States => states.k !== undefined && states.v !== undefined;

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

type QueriesAndKeys = [Tensor, Tensor | undefined];

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
  const softCap = build.family.softCaps?.includes('attention') === true;
  const read = { q, k: caches.keys, v: caches.values, mask: inputs.mask };
  const sources = { ...read, sinks, softCap, valuesLieTransposed };
  const mixed = mixHeads(build, sources);
  return turnedBy(valueTurn, mixed);
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
