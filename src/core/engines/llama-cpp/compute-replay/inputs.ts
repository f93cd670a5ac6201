import { type GgmlType, isQuantised } from '../../../quant/ggml-types.js';
import { stackOf } from '../../../tensors/stack.js';
import { RUNS } from '../families.js';
import { attentionOf, isWindowed, type Sizes, type Structure, widestValues } from './graph-facts.js';
import { once } from './once.js';
import { cast, input } from './ops.js';
import { type Size, scaled } from './size.js';
import type { Tensor } from './tensor.js';

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

/** Inputs of a cache with one entry for a run of tokens: `src/llama-graph.cpp:dsv4_build_comp_inputs`. */
export interface EntryInputs {
  /** The place of every token in its run. */
  readonly places: Tensor;
  /** What the runs still open at the end keep, and where. */
  readonly keptFrom: Tensor;
  readonly keptTo: Tensor;
  /** Tokens of the new entries, the cells and positions of those. */
  readonly tokens: Tensor;
  readonly cells: Tensor;
  readonly positions: Tensor;
  readonly mask: Tensor;
  readonly turn: Tensor | undefined;
}

/** Inputs of attention that compresses: those of its window, of short and long runs, and of the indexer of short ones. */
export interface CompressingInputs {
  readonly window: Pick<CacheInputs, 'keyIndices' | 'mask' | 'keyTurn'>;
  readonly short: EntryInputs;
  readonly long: EntryInputs;
  readonly index: EntryInputs;
}

/** How much is left of what was before, by head: `src/models/minimax-01.cpp:llm_graph_input_la`. */
export interface DecayInputs {
  readonly slopes: Tensor;
  readonly ofQueries: Tensor;
  readonly ofKeys: Tensor;
  readonly ofPairs: Tensor;
}

const TURN = 64;

export function cacheInputs(structure: Structure, sizes: Sizes, windowed: boolean): CacheInputs {
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
export function indexerInputs({ architecture }: Structure, sizes: Sizes): IndexerInputs {
  const { tokens, cells, streams, streamTokens } = sizes;
  const indexer = Object.values(architecture.blocks).find((block) => block.kind === 'indexer');
  const size = largestTurn(indexer?.headDim ?? 0);
  return {
    keyIndices: input('attn_inp_k_idxs', 'I64', [tokens]),
    mask: input('attn_inp_kq_mask', 'F16', [cells, streamTokens, 1, streams]),
    turn: input('attn_inp_rot', 'F32', [size, size]),
  };
}

export function blockInputs({ architecture }: Structure, sizes: Sizes, mask: Tensor): BlockInputs {
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

/** `src/llama-graph.cpp:build_inp_dsv4` */
export function compressingInputs(structure: Structure, sizes: Sizes): CompressingInputs {
  const { architecture, flashAttention, kvTypeK } = structure;
  const { tokens, streamTokens, streams, windowCells, entries, blocks } = sizes;
  const all = Object.values(architecture.blocks);
  const headDim = all.find((block) => block.kind === 'shared')?.headDim ?? 0;
  const indexDim = all.find((block) => block.kind === 'indexer')?.headDim ?? 0;
  const turn = (dim: number) => input('attn_inp_rot', 'F32', [largestTurn(dim), largestTurn(dim)]);
  // `src/llama-kv-cache.cpp:llama_kv_cache()`: keys as wide as those of the indexer are always turned.
  const turns = (isQuantised(kvTypeK) && headDim % TURN === 0) || headDim === indexDim;
  const turnOfKeys = () => (turns ? turn(headDim) : undefined);
  const mask = (type: 'F16' | 'F32', cells: Size) =>
    input('attn_inp_kq_mask', type, [cells, streamTokens, 1, streams]);
  const maskType = flashAttention ? 'F16' : 'F32';
  const inputsOf = (run: number, overlap: boolean): Omit<EntryInputs, 'mask' | 'turn'> => {
    const count = Math.floor((tokens as number) / run) + (streams as number);
    const kept = Math.min(tokens as number, run * (overlap ? 2 : 1) * (streams as number));
    const ids = (name: string, ne: Size) => input(`dsv4_${name}`, 'I32', [ne]);
    return {
      places: ids('state_pos', tokens),
      keptFrom: ids('state_persist_src_idxs', kept),
      keptTo: ids('state_persist_dst_idxs', kept),
      tokens: ids('state_read_idxs', (overlap ? 2 : 1) * run * count),
      cells: input('dsv4_state_write_idxs', 'I64', [count]),
      positions: ids('state_write_pos', count),
    };
  };
  return {
    window: {
      keyIndices: input('attn_inp_k_idxs', 'I64', [tokens]),
      mask: mask(maskType, windowCells),
      keyTurn: turnOfKeys(),
    },
    short: { ...inputsOf(RUNS.short, true), mask: mask(maskType, entries), turn: turnOfKeys() },
    long: { ...inputsOf(RUNS.long, false), mask: mask(maskType, blocks), turn: turnOfKeys() },
    // The fused kernel takes a mask in half precision, and its keys are always turned.
    index: { ...inputsOf(RUNS.short, true), mask: mask('F16', entries), turn: turn(indexDim) },
  };
}

export function decayInputs({ architecture }: Structure, sizes: Sizes): DecayInputs {
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
