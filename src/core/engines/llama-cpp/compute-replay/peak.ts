import { stackOf } from '../../../tensors/stack.js';
import type { Placement } from '../placement.js';
import type { PreparedModel } from '../prepare.js';
import type { Settings } from '../settings.js';
import { allocations, cardBytes, type Event } from './allocator.js';
import { allLayers, dimensionsOf, scheduled } from './compile.js';
import { type FreeList, free, newFreeList, take } from './free-list.js';
import { CARD_ALIGNMENT, HOST_ALIGNMENT } from './replay.js';
import { evaluated, productValues } from './size.js';
import { bytesOf, type Op, type Tensor } from './tensor.js';

/** Tensors of one name that are alive when a buffer reaches its size. */
export interface AliveTensor {
  /** What they are: an input, or the result of an operation and the weight that it goes by. */
  readonly name: string;
  readonly count: number;
  /** All of them together. */
  readonly bytes: number;
}

/** The moment that decides the size of a buffer. */
export interface Peak {
  readonly bytes: number;
  /** Largest first. */
  readonly alive: readonly AliveTensor[];
  /** Free memory between them, which nothing fitted into. */
  readonly holes: number;
}

/**
 * What is alive in every compute buffer when it is largest. Builds the whole graph: slow, for explanations.
 *
 * @example computePeaks(llama8b, settings, oneCard).cards[0].alive[0].name // 'product with output.weight'
 */
export function computePeaks(
  model: PreparedModel,
  settings: Settings,
  placement: Placement,
): { cards: Peak[]; host: Peak } {
  const host = placement.cards.length;
  const dimensions = dimensionsOf(model, settings);
  const values = productValues(dimensions);
  const layers = allLayers(stackOf(model.model.architecture));
  const { plan } = scheduled({ model, settings, placement }, layers, dimensions);
  const { events } = allocations(plan, []);
  const peaks = Array.from({ length: host + 1 }, (_, device) => {
    const alignment = device < host ? CARD_ALIGNMENT : HOST_ALIGNMENT;
    const sizeOf = (tensor: Tensor): number =>
      Math.ceil(evaluated(device < host ? cardBytes(tensor) : bytesOf(tensor), values) / alignment) *
      alignment;
    return peakOf(
      events.filter((event) => event.device === device),
      sizeOf,
    );
  });
  return { cards: peaks.slice(0, host), host: peaks[host]! };
}

interface Held {
  readonly offset: number;
  readonly bytes: number;
  readonly tensor: Tensor;
}

/** Two runs over the events: the first finds when the buffer grew last, the second stops there. */
function peakOf(events: readonly Event[], sizeOf: (tensor: Tensor) => number): Peak {
  let grew = 0;
  let before = 0;
  const bytes = walk(events, sizeOf, (list, index) => {
    if (list.most > before) grew = index + 1;
    before = list.most;
  }).list.most;
  const { held } = walk(events.slice(0, grew), sizeOf);
  const alive = grouped(held.values());
  const used = alive.reduce((sum, one) => sum + one.bytes, 0);
  return { bytes, alive, holes: bytes - used };
}

function walk(
  events: readonly Event[],
  sizeOf: (tensor: Tensor) => number,
  each: (list: FreeList, index: number) => void = () => {},
): { list: FreeList; held: Map<number, Held> } {
  const list = newFreeList();
  const held = new Map<number, Held>();
  events.forEach(({ takes, block, tensor }, index) => {
    const known = held.get(block);
    if (takes) {
      const bytes = sizeOf(tensor);
      held.set(block, { offset: take(list, bytes), bytes, tensor });
    } else if (known) {
      free(list, known.offset, known.bytes);
      held.delete(block);
    }
    each(list, index);
  });
  return { list, held };
}

/** Tensors that are called the same, together. */
function grouped(held: Iterable<Held>): AliveTensor[] {
  const groups = new Map<string, AliveTensor>();
  for (const { tensor, bytes } of held) {
    const name = nameOf(tensor);
    const known = groups.get(name) ?? { name, count: 0, bytes: 0 };
    groups.set(name, { name, count: known.count + 1, bytes: known.bytes + bytes });
  }
  return [...groups.values()].sort((one, other) => other.bytes - one.bytes);
}

/** Inputs of the graph and results of operations, in words. */
const INPUTS: Readonly<Record<string, string>> = {
  inp_tokens: 'token ids',
  inp_embd: 'embeddings given in place of tokens',
  inp_pos: 'positions',
  inp_attn_scale: 'attention scales',
  out_ids: 'numbers of the rows that are put out',
  attn_inp_kq_mask: 'attention mask',
  attn_inp_k_idxs: 'cells for the keys',
  attn_inp_v_idxs: 'cells for the values',
  attn_inp_rot: 'matrix that turns the cache',
  rs_s_copy: 'numbers of the states',
  slopes: 'slopes of the decay',
  q_decay_exp: 'decay of the queries',
  k_decay_exp: 'decay of the keys',
  diag_decay_exp: 'decay between tokens',
  msa_bias: 'blocks always chosen',
  msa_pos_mask: 'mask of the positions',
  msa_pos_slot: 'cells of the positions',
  msa_cell_blk: 'blocks of the cells',
  dsv4_state_pos: 'places in runs',
  dsv4_state_read_idxs: 'tokens of entries',
  dsv4_state_write_idxs: 'cells of entries',
  dsv4_state_write_pos: 'positions of entries',
  dsv4_state_persist_src_idxs: 'tokens that are kept',
  dsv4_state_persist_dst_idxs: 'places of tokens that are kept',
};
const RESULTS: Partial<Record<Op, string>> = {
  MUL_MAT: 'product with',
  MUL_MAT_ID: 'products of the chosen experts with',
  GET_ROWS: 'rows of',
  GLU: 'gated',
  ROPE: 'rotated',
  CONCAT: 'joined',
  CONT: 'copied',
  CPY: 'converted',
  RMS_NORM: 'normed',
  MUL: 'scaled',
  ADD: 'biased with',
  ARGSORT: 'order of',
  SOFT_MAX: 'softmax of',
  FLASH_ATTN_EXT: 'attention of',
  DSV4_HC_PRE: 'mixture of',
  DSV4_HC_POST: 'streams with',
  GATED_DELTA_NET: 'delta net of',
  LIGHTNING_INDEXER: 'scores of',
  POOL_2D: 'largest of',
};

const VIEWS: ReadonlySet<Op> = new Set(['VIEW', 'RESHAPE', 'PERMUTE', 'TRANSPOSE']);

const isWeight = ({ weight, name }: Tensor): boolean => weight || name.endsWith('.weight');

/** By the tensor that took the block; a later one may have taken it over in place. */
function nameOf({ op, name, src }: Tensor): string {
  const [first] = src;
  if (op === 'NONE' || !first) return INPUTS[name] ?? (name || 'hidden state of the card before');
  if (VIEWS.has(op)) return nameOf(first);
  const weight = src.find(isWeight);
  if (op === 'ADD' && !weight) return 'hidden state';
  return `${RESULTS[op] ?? op} ${weight ? weight.name : nameOf(first)}`;
}
