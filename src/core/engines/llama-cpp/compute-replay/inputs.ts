import { type GgmlType, isQuantised } from '../../../quant/ggml-types.js';
import { stackOf } from '../../../tensors/stack.js';
import { attentionOf, isWindowed, type Sizes, type Structure, widestValues } from './graph-facts.js';
import { once } from './once.js';
import { cast, input } from './ops.js';
import { scaled } from './size.js';
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
