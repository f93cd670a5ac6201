import { stackOf } from '../../../tensors/stack.js';
import type { Placement } from '../placement.js';
import type { Settings } from '../settings.js';
import { allocations, cardBytes, type Event } from './allocator.js';
import { allLayers, dimensionsOf, scheduled } from './compile.js';
import { type FreeList, free, newFreeList, take } from './free-list.js';
import { CARD_ALIGNMENT, HOST_ALIGNMENT } from './replay.js';
import { evaluated, productValues } from './size.js';
import type { ComputeModel } from './structure.js';
import { bytesOf, type Op, type Tensor } from './tensor.js';

/** A tensor that is alive when a buffer reaches its size. */
export interface AliveTensor {
  /** What it is: an input by its name, else the operation and the weight that it goes by. */
  readonly name: string;
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
 * @example computePeaks(llama8b, settings, oneCard).cards[0].alive[0].name // 'MUL_MAT output.weight'
 */
export function computePeaks(
  model: ComputeModel,
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
  const alive = [...held.values()].map((one) => ({ name: nameOf(one.tensor), bytes: one.bytes }));
  const used = alive.reduce((sum, one) => sum + one.bytes, 0);
  return { bytes, alive: alive.sort((one, other) => other.bytes - one.bytes), holes: bytes - used };
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

const VIEWS: ReadonlySet<Op> = new Set(['VIEW', 'RESHAPE', 'PERMUTE', 'TRANSPOSE']);

const isWeight = ({ weight, name }: Tensor): boolean => weight || name.endsWith('.weight');

/** By the tensor that took the block; a later one may have taken it over in place. */
function nameOf({ op, name, src }: Tensor): string {
  const [first] = src;
  if (op === 'NONE' || !first) return name;
  if (VIEWS.has(op)) return nameOf(first);
  const weight = src.find(isWeight);
  return weight ? `${op} ${weight.name}` : `${op} of ${nameOf(first)}`;
}
