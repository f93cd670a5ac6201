import type { Architecture, Block } from '../../../../schema/model.js';
import { type GgmlType, isQuantised } from '../../../quant/ggml-types.js';
import { stackOf } from '../../../tensors/stack.js';
import type { GraphFamily } from './families.js';
import { expand, type Graph, newGraph } from './graph.js';
import { add, cast, input, layerNorm, mul, mulMat, rmsNorm, view } from './ops.js';
import { type Size, scaled, times } from './size.js';
import { shape, type Tensor, tensor } from './tensor.js';
import { findWeight, type Weight, type Weights } from './weights.js';

/** Dimensions that differ from request to request: variables of a program, or numbers. */
export interface Dimensions {
  readonly sequenceTokens: Size;
  /** Tokens of a sequence again, where each looks at each. */
  readonly seenTokens: Size;
  readonly sequences: Size;
  readonly rows: Size;
  readonly cells: Size;
  readonly windowCells: Size;
  readonly blocks: Size;
  readonly chosen: Size;
}

/** What decides which tensors a graph has. Everything else is a variable of its sizes. */
export interface Structure {
  readonly dimensions: Dimensions;
  readonly architecture: Architecture;
  readonly family: GraphFamily;
  /** Layers that add a part of a wider embedding. */
  readonly deepstackLayers: number;
  /** Name of the norm before the feed-forward. */
  readonly ffnNorm: string;
  /** Names of the norms behind mixer and feed-forward. */
  readonly postNorms: readonly [string, string];
  readonly flashAttention: boolean;
  readonly kvTypeK: GgmlType;
  readonly kvTypeV: GgmlType;
  /** Every sequence has a cache of its own. */
  readonly separate: boolean;
  /** There is one token of every sequence. */
  readonly singleToken: boolean;
  /** Device of a layer, of its cache, and of one of its weights or one outside of the stack. */
  readonly deviceOfLayer: (layer: number) => number;
  readonly deviceOfCache: (layer: number) => number;
  readonly deviceOfWeight: (weight: Weight, layer: number | undefined) => number;
  readonly weights: Weights;
}

/** Inputs of one kind of cache: `src/llama-graph.cpp:build_attn_inp_kv_impl, build_attn_inp_kv_iswa`. */
export interface CacheInputs {
  readonly keyIndices: Tensor;
  readonly valueIndices: Tensor;
  readonly mask: Tensor;
  /** Hadamard matrices that turn a quantised cache. */
  readonly keyTurn: Tensor | undefined;
  readonly valueTurn: Tensor | undefined;
}

/** Inputs of an indexer's cache: `src/llama-graph.cpp:build_attn_inp_k_dsa_impl`. */
export interface IndexerInputs extends Pick<CacheInputs, 'keyIndices' | 'mask'> {
  readonly turn: Tensor;
}

/** Inputs of an indexer that chooses blocks of positions: `src/models/minimax-m3.cpp:llm_graph_input_msa`. */
export interface BlockInputs {
  readonly keyIndices: Tensor;
  /** Blocks that are always chosen. */
  readonly bias: Tensor;
  readonly positionMask: Tensor;
  /** The cell of each position, as an index and as a number. */
  readonly cells: Tensor;
  readonly cellValues: Tensor;
  readonly blockOfCell: Tensor;
  /** The mask of attention, in 32-bit floats. */
  readonly causal: () => Tensor;
}

/** How much is left of what was before, by head: `src/models/minimax-01.cpp:llm_graph_input_la`. */
export interface DecayInputs {
  readonly slopes: Tensor;
  readonly ofQueries: Tensor;
  readonly ofKeys: Tensor;
  readonly ofPairs: Tensor;
}

interface Sizes extends Dimensions {
  readonly tokens: Size;
  /** Separate caches, and the tokens of one. */
  readonly streams: Size;
  readonly streamTokens: Size;
}

/** A graph under construction. */
export interface Build extends Structure {
  readonly graph: Graph;
  readonly sizes: Sizes;
  readonly positions: () => Tensor;
  readonly positionScale: () => Tensor;
  readonly outputIds: () => Tensor;
  readonly cacheInputs: (windowed: boolean) => CacheInputs;
  readonly indexerInputs: () => IndexerInputs;
  readonly decayInputs: () => DecayInputs;
  readonly blockInputs: () => BlockInputs;
  /** Cells that the last indexer chose. */
  chosenCells: Tensor | undefined;
  /** Rows of recurrent state that the sequences read, and those that only move. */
  readonly stateIds: () => { readonly main: Tensor; readonly extra: Tensor };
  /** The layer whose cache others share, with a window or without: `src/llama-model.cpp:create_memory`. */
  readonly sharedLayer: (windowed: boolean) => number;
  /** A weight of a layer, or of none, that may be absent. */
  readonly find: (name: string, layer?: number) => Tensor | undefined;
}

export function newBuild(structure: Structure): Build {
  const { family } = structure;
  const sizes = sizesOf(structure);
  const { tokens, rows, sequences } = sizes;
  const full = once(() => cacheInputs(structure, sizes, false));
  const windowed = once(() => cacheInputs(structure, sizes, true));
  return {
    ...structure,
    graph: newGraph(),
    sizes,
    positions: once(() => input('inp_pos', 'I32', [scaled(tokens, family.positionsPerToken ?? 1)])),
    positionScale: once(() => input('inp_attn_scale', 'F32', [1, 1, tokens])),
    outputIds: once(() => input('out_ids', 'I32', [rows])),
    cacheInputs: (inWindow) => (inWindow ? windowed() : full()),
    blockInputs: once(() => blockInputs(structure, sizes, full().mask)),
    decayInputs: once(() => decayInputs(structure, sizes)),
    indexerInputs: once(() => indexerInputs(structure, sizes)),
    chosenCells: undefined,
    stateIds: once(() => stateIds(sequences)),
    sharedLayer: (inWindow) => firstSharing(structure) - (inWindow ? 2 : 1),
    find: finder(structure),
  };
}

const firstSharing = ({ architecture }: Structure): number =>
  stackOf(architecture).findIndex((steps) => steps.flat().some((block) => 'sharedKv' in block));

function sizesOf({ dimensions, separate }: Structure): Sizes {
  const { sequenceTokens, sequences } = dimensions;
  const tokens = times(sequenceTokens, sequences);
  return {
    ...dimensions,
    tokens,
    streams: separate ? sequences : 1,
    streamTokens: separate ? sequenceTokens : tokens,
  };
}

/** A weight that must be there. */
export function weight(build: Build, name: string, layer?: number): Tensor {
  const found = build.find(name, layer);
  if (!found) throw new RangeError(`the graph needs ${name} in layer ${layer}`);
  return found;
}

/** Root mean square norm, or one that subtracts the mean too, with weights and perhaps biases: `src/llama-graph.cpp:build_norm`. */
export function norm(build: Build, a: Tensor, name: string, layer?: number): Tensor {
  const out = mul(build.family.layerNorms ? layerNorm(a) : rmsNorm(a), weight(build, name, layer));
  const bias = build.find(name.replace(/weight$/, 'bias'), layer);
  return bias ? add(out, bias) : out;
}

/** Product with a matrix, and its bias where there is one. */
export function project(build: Build, cur: Tensor, name: string, layer: number): Tensor {
  const out = mulMat(weight(build, `${name}.weight`, layer), cur);
  const bias = build.find(`${name}.bias`, layer);
  return bias ? add(out, bias) : out;
}

export const put = (build: Build, a: Tensor): Tensor => expand(build.graph, a);

/** Whether any layer sees a window: then the engine keeps two caches, `src/llama-kv-cache-iswa.cpp`. */
export const hasWindows = ({ architecture }: Structure): boolean =>
  Object.values(architecture.blocks).some(isWindowed);

export const isWindowed = ({ kind }: Block): boolean => kind === 'sliding' || kind === 'chunked';

type Attention = Extract<Block, { kind: 'full' | 'sliding' | 'chunked' }>;

/** Attention whose keys and values are kept head by head. */
const attentionOf = ({ architecture }: Structure): Attention[] =>
  Object.values(architecture.blocks).filter(
    (block): block is Attention => block.kind === 'full' || isWindowed(block),
  );

/** Elements of the widest layer's values: `src/llama-hparams.cpp:n_embd_v_gqa_max`. */
export const widestValues = (structure: Structure): number =>
  Math.max(
    0,
    ...attentionOf(structure).map(({ kvHeads, headDim, valueDim = headDim }) => kvHeads * valueDim),
  );

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function finder({ weights, deviceOfWeight }: Structure): Build['find'] {
  const byLayer = new Map<number | undefined, Map<string, Tensor | undefined>>();
  return (name, layer) => {
    let made = byLayer.get(layer);
    if (!made) {
      made = new Map();
      byLayer.set(layer, made);
    }
    if (made.has(name)) return made.get(name);
    const found = findWeight(weights, name, layer);
    const leaf =
      found &&
      tensor('NONE', found.type, shape(found.ne), [], {
        name: layer === undefined ? name : `blk.${layer}.${name}`,
        place: deviceOfWeight({ ...found, name }, layer),
        weight: true,
      });
    made.set(name, leaf);
    return leaf;
  };
}

const TURN = 64;

function cacheInputs(structure: Structure, sizes: Sizes, windowed: boolean): CacheInputs {
  const { flashAttention, kvTypeK, kvTypeV } = structure;
  const { tokens, streamTokens, streams } = sizes;
  const cells = windowed ? sizes.windowCells : sizes.cells;
  const headDim = attentionOf(structure).find((block) => isWindowed(block) === windowed)?.headDim ?? 0;
  const { keyDim, valueDim } = firstHeads(structure);
  const turns = (type: GgmlType, dim: number) => isQuantised(type) && headDim > 0 && dim % TURN === 0;
  const turn = (size: number) => input('attn_inp_rot', 'F32', [size, size]);
  return {
    keyIndices: input('attn_inp_k_idxs', 'I64', [tokens]),
    // Without flash attention values lie transposed, and every element has an index.
    valueIndices: input('attn_inp_v_idxs', 'I64', [
      flashAttention ? tokens : scaled(tokens, widestValues(structure)),
    ]),
    mask: input('attn_inp_kq_mask', flashAttention ? 'F16' : 'F32', [cells, streamTokens, 1, streams]),
    keyTurn: turns(kvTypeK, keyDim) ? turn(largestTurn(headDim)) : undefined,
    valueTurn: turns(kvTypeV, valueDim) ? turn(TURN) : undefined,
  };
}

/** The mask suits the fused kernel, and the turn is always there: `src/llama-kv-cache.cpp:llama_kv_cache()`. */
function indexerInputs({ architecture }: Structure, sizes: Sizes): IndexerInputs {
  const { tokens, cells, streams, streamTokens } = sizes;
  const indexer = Object.values(architecture.blocks).find((block) => block.kind === 'indexer');
  const size = largestTurn(indexer?.headDim ?? 0);
  return {
    keyIndices: input('attn_inp_k_idxs', 'I64', [tokens]),
    mask: input('attn_inp_kq_mask', 'F16', [cells, streamTokens, 1, streams]),
    turn: input('attn_inp_rot', 'F32', [size, size]),
  };
}

function blockInputs({ architecture }: Structure, sizes: Sizes, mask: Tensor): BlockInputs {
  const { tokens, cells, blocks, streams } = sizes;
  const indexer = Object.values(architecture.blocks).find((block) => block.kind === 'indexer');
  const positions = scaled(blocks, indexer?.blockTokens ?? 1);
  return {
    keyIndices: input('attn_inp_k_idxs', 'I64', [tokens]),
    bias: input('msa_bias', 'F32', [blocks, tokens]),
    positionMask: input('msa_pos_mask', 'F32', [positions, tokens]),
    cells: input('msa_pos_slot', 'I32', [positions, streams]),
    cellValues: input('msa_pos_slot', 'F32', [positions, streams]),
    blockOfCell: input('msa_cell_blk', 'I32', [cells, streams]),
    causal: once(() => cast(mask, 'F32')),
  };
}

function decayInputs({ architecture }: Structure, sizes: Sizes): DecayInputs {
  const { sequenceTokens, seenTokens, sequences } = sizes;
  const lightning = Object.values(architecture.blocks).find((block) => block.kind === 'lightning');
  const heads = lightning?.heads ?? 0;
  return {
    slopes: input('slopes', 'F32', [heads]),
    ofQueries: input('q_decay_exp', 'F32', [1, heads, sequenceTokens, sequences]),
    ofKeys: input('k_decay_exp', 'F32', [1, heads, seenTokens, sequences]),
    ofPairs: input('diag_decay_exp', 'F32', [seenTokens, sequenceTokens, heads, sequences]),
  };
}

/** Heads of the first layer decide for all, keys and values apart: `src/llama-kv-cache.cpp:llama_kv_cache()`. */
function firstHeads(structure: Structure): { keyDim: number; valueDim: number } {
  const first = stackOf(structure.architecture)[0]!.flat();
  const attention = attentionOf(structure);
  const { headDim = 0, valueDim = headDim } =
    attention.find((block) => first.includes(block)) ?? attention[0] ?? {};
  return { keyDim: headDim, valueDim };
}

/** Largest power of two, 64 at least, that divides the head: `src/llama-kv-cache.cpp:build_input_k_rot`. */
function largestTurn(headDim: number): number {
  let size = TURN;
  while (headDim % (2 * size) === 0) size *= 2;
  return size;
}

/** `src/llama-graph.cpp:build_rs_inp_impl`; a full memory has as many rows as sequences. */
function stateIds(sequences: Size): { main: Tensor; extra: Tensor } {
  const ids = input('rs_s_copy', 'I32', [sequences]);
  return { main: view(ids, [sequences]), extra: view(ids, [0]) };
}
