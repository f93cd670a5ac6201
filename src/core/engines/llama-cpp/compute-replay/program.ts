import { type Allocations, cardBytes } from './allocator.js';
import { type FreeList, newFreeList } from './free-list.js';
import type { Repeat } from './layers.js';
import { asPolynomial, keyOf, type Size } from './size.js';
import { bytesOf } from './tensor.js';

/** In the place of a size: the block is given back. */
export const GIVES_BACK = -1;

/** Steps that run more than once. */
export interface Loop {
  readonly from: number;
  readonly to: number;
  readonly times: number;
  /** Blocks of the round before that the steps give back, and the blocks that the next round will give back for them. */
  readonly before: Int32Array;
  readonly after: Int32Array;
}

/** What happens in one buffer, as pairs of a block and the number of its size. */
export interface BufferProgram {
  readonly steps: Int32Array;
  readonly loops: readonly Loop[];
  readonly blocks: number;
  readonly onCard: boolean;
}

/** Sizes as sums of products, one after the other: size `i` has the terms from `ends[i - 1]` to `ends[i]`. */
export interface SizeTable {
  readonly ends: Int32Array;
  readonly products: Int32Array;
  readonly factors: Float64Array;
}

/** What a graph takes and gives back on every device, with sizes that wait for the values of a request. */
export interface Program {
  readonly sizes: SizeTable;
  /** Buffers that differ, and which of them each device has, cards first. */
  readonly buffers: readonly BufferProgram[];
  readonly bufferOf: readonly number[];
  readonly workspace: Workspace;
}

/** Memory that every replay of a program writes anew. */
export interface Workspace {
  readonly list: FreeList;
  /** Sizes rounded up for the host and for cards. */
  readonly onHost: Float64Array;
  readonly onCard: Float64Array;
  /** Address and size of each block. */
  readonly offsets: Float64Array;
  readonly held: Float64Array;
}

function newWorkspace(sizes: number, blocks: number): Workspace {
  return {
    list: newFreeList(),
    onHost: new Float64Array(sizes),
    onCard: new Float64Array(sizes),
    offsets: new Float64Array(blocks),
    held: new Float64Array(blocks),
  };
}

/** Sizes that occur, each once, with its number. */
interface Sizes {
  readonly all: Size[];
  readonly numbers: Map<string, number>;
}

function numberOf({ all, numbers }: Sizes, size: Size): number {
  const key = keyOf(size);
  const known = numbers.get(key);
  if (known !== undefined) return known;
  numbers.set(key, all.length);
  return all.push(size) - 1;
}

/**
 * The events of a graph as a program.
 *
 * @returns `undefined` where layers that should repeat have different events
 */
export function programFrom(
  allocated: Allocations,
  repeats: readonly Repeat[],
  host: number,
): Program | undefined {
  const sizes: Sizes = { all: [], numbers: new Map() };
  const buffers: BufferProgram[] = [];
  const bufferOf: number[] = [];
  for (const [device, steps] of stepsOf(allocated, host, sizes).entries()) {
    const loops = repeats.map((repeat) => loopOf(steps, repeat));
    if (loops.includes(undefined)) return undefined;
    const buffer: BufferProgram = {
      steps: Int32Array.from(steps.list),
      loops: (loops as Loop[]).filter(({ from, to }) => to > from),
      blocks: steps.taken,
      onCard: device < host,
    };
    const known = buffers.findIndex((other) => isSameBuffer(buffer, other));
    bufferOf.push(known < 0 ? buffers.push(buffer) - 1 : known);
  }
  const blocks = Math.max(...buffers.map((buffer) => buffer.blocks));
  return {
    sizes: sizeTable(sizes.all),
    buffers,
    bufferOf,
    workspace: newWorkspace(sizes.all.length, blocks),
  };
}

const isSameBuffer = (one: BufferProgram, other: BufferProgram): boolean =>
  one.onCard === other.onCard &&
  one.steps.length === other.steps.length &&
  one.loops.length === other.loops.length &&
  one.loops.every(
    ({ from, times }, index) => from === other.loops[index]!.from && times === other.loops[index]!.times,
  ) &&
  one.steps.every((step, index) => step === other.steps[index]);

/** Steps of one device, blocks numbered in the order of their taking. */
interface Steps {
  readonly list: number[];
  taken: number;
  /** Where each layer begins in the list, and how many blocks were taken before. */
  readonly marks: { readonly step: number; readonly taken: number }[];
}

/** The events of every device as its steps. */
function stepsOf({ events, marks }: Allocations, host: number, sizes: Sizes): Steps[] {
  const all = Array.from({ length: host + 1 }, (): Steps => ({ list: [], taken: 0, marks: [] }));
  const numbers = new Int32Array(events.length);
  let next = 0;
  const markUntil = (index: number) => {
    for (; next < marks.length && marks[next]! <= index; next++) {
      for (const steps of all) steps.marks.push({ step: steps.list.length, taken: steps.taken });
    }
  };
  events.forEach(({ takes, device, block, tensor }, index) => {
    markUntil(index);
    const steps = all[device]!;
    if (takes) {
      numbers[block] = steps.taken;
      steps.list.push(steps.taken++, numberOf(sizes, device < host ? cardBytes(tensor) : bytesOf(tensor)));
    } else {
      steps.list.push(numbers[block]!, GIVES_BACK);
    }
  });
  markUntil(events.length);
  return all;
}

/** The period of a repeat as a loop, if its steps are those of the period before it. */
function loopOf(steps: Steps, { from, period, times }: Repeat): Loop | undefined {
  const earlier = periodOf(steps, from - period, period);
  const body = periodOf(steps, from, period);
  const isSame =
    body.steps.length === earlier.steps.length &&
    body.steps.every((step, index) => step === earlier.steps[index]);
  if (!isSame) return undefined;
  return {
    from: body.from,
    to: body.to,
    times,
    before: Int32Array.from(body.carried),
    after: Int32Array.from(body.carried, (block) => block + body.taken - earlier.taken),
  };
}

interface Period {
  readonly from: number;
  readonly to: number;
  /** Blocks taken before. */
  readonly taken: number;
  /** Block and size of each step, the same in every round; blocks are named by when they were taken. */
  readonly steps: readonly number[];
  /** Blocks of the period before that are given back. */
  readonly carried: readonly number[];
}

const OLDER = 1 << 24;

function periodOf({ list, marks }: Steps, layer: number, period: number): Period {
  const [last, first, next] = [marks[layer - period]!, marks[layer]!, marks[layer + period]!];
  const steps: number[] = [];
  const carried: number[] = [];
  for (let step = first.step; step < next.step; step += 2) {
    const block = list[step]!;
    const size = list[step + 1]!;
    const isCarried = block < first.taken && block >= last.taken;
    if (isCarried && size === GIVES_BACK) carried.push(block);
    // Older blocks keep their number, far from all distances.
    steps.push(block >= last.taken ? block - first.taken : block + OLDER, size);
  }
  return { from: first.step, to: next.step, taken: first.taken, steps, carried };
}

function sizeTable(sizes: readonly Size[]): SizeTable {
  const polynomials = sizes.map(asPolynomial);
  let end = 0;
  return {
    ends: Int32Array.from(polynomials, ({ products }) => {
      end += products.length;
      return end;
    }),
    products: Int32Array.from(polynomials.flatMap(({ products }) => products)),
    factors: Float64Array.from(polynomials.flatMap(({ factors }) => factors)),
  };
}
