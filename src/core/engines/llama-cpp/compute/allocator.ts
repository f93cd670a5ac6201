import { type GgmlType, isQuantised } from '../../../quant/ggml-types.js';
import type { Schedule } from './scheduler.js';
import { plus, type Size, scaled } from './size.js';
import { bytesOf, elementsOf, type Op, rowSize, sameLayout, type Tensor, UNASSIGNED } from './tensor.js';

/** One block taken or given back in a device's buffer. */
export interface Event {
  readonly kind: 'take' | 'free';
  readonly device: number;
  /** Number that the block has from when it is taken until it is given back. */
  readonly slot: number;
  readonly tensor: Tensor;
}

/** `ggml-alloc.c:ggml_op_can_inplace`, for the operations that planned graphs have. */
const IN_PLACE: ReadonlySet<Op> = new Set([
  'FILL', 'SCALE', 'ADD', 'ADD_ID', 'MUL', 'DIV', 'UNARY', 'ROPE', 'RMS_NORM', 'CLAMP', 'SOFT_MAX',
]);

/**
 * What a graph takes and gives back, in order: `ggml/src/ggml-alloc.c:ggml_gallocr_alloc_graph_impl`.
 *
 * A slot is the lowest number that is free, so that equal layers have equal events.
 */
export function allocations({ leafs, nodes }: Schedule): Event[] {
  const state: State = { events: [], slots: [] };
  for (const leaf of leafs) allocate(state, leaf, leaf.device);
  for (const node of nodes) {
    if (node.root && node.op !== 'NONE') node.root.views++;
    if (node.input) allocate(state, node, node.device);
    for (const source of node.src) {
      source.children++;
      if (source.input) allocate(state, source, node.device);
    }
  }
  for (const node of nodes) {
    for (const source of node.src) allocate(state, source, node.device);
    allocate(state, node, node.device);
    for (const source of node.src) release(state, source);
  }
  return state.events;
}

interface State {
  readonly events: Event[];
  /** Slots in use, by device. */
  readonly slots: boolean[][];
}

const isOwn = ({ slot }: Tensor): boolean => slot !== UNASSIGNED;

function allocate(state: State, of: Tensor, device: number): void {
  if (isOwn(of) || of.root || of.place !== undefined) return;
  const heir = IN_PLACE.has(of.op) ? of.src.find((source) => canTakeOver(of, source)) : undefined;
  if (heir) {
    of.slot = heir.slot;
    of.device = heir.device;
    heir.slot = UNASSIGNED;
    return;
  }
  const used = (state.slots[device] ??= []);
  const free = used.indexOf(false);
  of.slot = free < 0 ? used.length : free;
  used[of.slot] = true;
  of.device = device;
  state.events.push({ kind: 'take', device, slot: of.slot, tensor: of });
}

/** Views are never owned, so a block passes only from a tensor that is whole. */
const canTakeOver = (of: Tensor, source: Tensor): boolean =>
  isOwn(source) && !source.output && source.children === 1 && source.views === 0 && sameLayout(of, source);

function release(state: State, source: Tensor): void {
  source.children--;
  if (source.children > 0 || source.views > 0) return;
  if (!source.root) return give(state, source);
  source.root.views--;
  if (source.root.views === 0 && source.root.children === 0) give(state, source.root);
}

function give(state: State, of: Tensor): void {
  if (!isOwn(of) || of.output) return;
  state.events.push({ kind: 'free', device: of.device, slot: of.slot, tensor: of });
  state.slots[of.device]![of.slot] = false;
  of.slot = UNASSIGNED;
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
