import { isQuantised } from '../../../quant/ggml-types.js';
import type { Schedule } from './scheduler.js';
import { plus, type Size, scaled } from './size.js';
import { bytesOf, elementsOf, type Op, rowSize, sameLayout, type Tensor, UNASSIGNED } from './tensor.js';

/** One block taken or given back in a device's buffer. */
export interface Event {
  readonly takes: boolean;
  readonly device: number;
  /** Number of the block: how many were taken before it. */
  readonly block: number;
  readonly tensor: Tensor;
}

/** All events of a graph in order, and how many there were before each marked node. */
export interface Allocations {
  readonly events: readonly Event[];
  readonly marks: readonly number[];
}

/** `ggml-alloc.c:ggml_op_can_inplace`, for the operations that planned graphs have. */
const IN_PLACE: ReadonlySet<Op> = new Set([
  'FILL',
  'SCALE',
  'ADD',
  'ADD_ID',
  'MUL',
  'DIV',
  'SQR',
  'SQRT',
  'UNARY',
  'ROPE',
  'RMS_NORM',
  'CLAMP',
  'SOFT_MAX',
]);

/**
 * What a graph takes and gives back, in order: `ggml/src/ggml-alloc.c:ggml_gallocr_alloc_graph_impl`.
 *
 * @param marked nodes whose place among the events is wanted, in order
 */
export function allocations({ leafs, splits }: Schedule, marked: readonly Tensor[]): Allocations {
  const nodes = splits.length === 1 ? splits[0]!.nodes : splits.flatMap((split) => split.nodes);
  const state: State = { events: [], taken: 0 };
  const marks: number[] = [];
  for (const leaf of leafs) clear(leaf);
  for (const node of nodes) clear(node);
  for (const leaf of leafs) allocate(state, leaf, leaf.device);
  for (const node of nodes) count(state, node);
  for (const node of nodes) {
    if (node === marked[marks.length]) marks.push(state.events.length);
    for (const source of node.src) allocate(state, source, node.device);
    allocate(state, node, node.device);
    for (const source of node.src) release(state, source);
  }
  return { events: state.events, marks };
}

interface State {
  readonly events: Event[];
  taken: number;
}

function clear(tensor: Tensor): void {
  tensor.children = 0;
  tensor.views = 0;
  tensor.block = UNASSIGNED;
}

/** Who needs what; inputs get their memory before anything else. */
function count(state: State, node: Tensor): void {
  if (node.root && node.op !== 'NONE') node.root.views++;
  if (node.input) allocate(state, node, node.device);
  for (const source of node.src) {
    source.children++;
    if (source.input) allocate(state, source, node.device);
  }
}

const isOwn = ({ block }: Tensor): boolean => block !== UNASSIGNED;

function allocate(state: State, of: Tensor, device: number): void {
  if (isOwn(of) || of.root || of.place !== undefined) return;
  const heir = IN_PLACE.has(of.op) ? of.src.find((source) => canTakeOver(of, source)) : undefined;
  if (heir) {
    of.block = heir.block;
    of.device = heir.device;
    heir.block = UNASSIGNED;
    return;
  }
  of.block = state.taken++;
  of.device = device;
  state.events.push({ takes: true, device, block: of.block, tensor: of });
}

/** Views are never owned, so a block passes only from a tensor that is whole. */
const canTakeOver = (of: Tensor, source: Tensor): boolean =>
  isOwn(source) && !source.output && source.children === 1 && source.views === 0 && sameLayout(of, source);

/** A source that was read; a view that nobody needs any more lets go of what it views. */
function release(state: State, source: Tensor): void {
  source.children--;
  if (source.children > 0 || source.views > 0) return;
  const { root } = source;
  if (root) root.views--;
  if (!root) give(state, source);
  else if (root.views === 0 && root.children === 0) give(state, root);
}

function give(state: State, of: Tensor): void {
  if (!isOwn(of) || of.output) return;
  state.events.push({ takes: false, device: of.device, block: of.block, tensor: of });
  of.block = UNASSIGNED;
}

/** CUDA pads the last row of a quantised tensor to this many elements. */
const ROW_PADDING = 512;

/**
 * Bytes that a tensor takes on a card: padded rows of quantised copies, and half-precision copies of a cache of
 * another type behind the result of flash attention.
 * Source: `ggml-cuda.cu:ggml_backend_cuda_buffer_type_get_alloc_size`, `fattn.cu:ggml_cuda_flash_attn_ext_get_alloc_size`.
 */
export function cardBytes(of: Tensor): Size {
  const bytes = bytesOf(of);
  if (of.op === 'FLASH_ATTN_EXT') return plus(bytes, scratchBytes(of));
  const over = typeof of.ne[0] === 'number' ? of.ne[0] % ROW_PADDING : 0;
  if (!over || of.type === 'I32' || of.type === 'I64' || !isQuantised(of.type)) return bytes;
  return plus(bytes, rowSize(of.type, ROW_PADDING - over));
}

/** Copies of keys and of values. Cells come in multiples of 256, so each is a whole number of alignments. */
function scratchBytes({ src }: Tensor): Size {
  const [, keys, values] = src;
  const half = (a: Tensor): Size => (a.type === 'F16' ? 0 : scaled(elementsOf(a), 2));
  const sharesKeys = values!.root !== undefined && values!.root === keys!.root;
  return plus(half(keys!), sharesKeys ? 0 : half(values!));
}
