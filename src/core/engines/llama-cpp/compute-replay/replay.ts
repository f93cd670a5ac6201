import { emptied, free, take } from './free-list.js';
import {
  type BufferProgram,
  GIVES_BACK,
  type Loop,
  type Program,
  type SizeTable,
  type Workspace,
} from './program.js';

/** Alignment of blocks, bytes: `ggml-backend.cpp` for the host, `ggml-cuda.cu` for cards. */
export const HOST_ALIGNMENT = 32;
export const CARD_ALIGNMENT = 128;

/**
 * Bytes of every buffer of a program for one request.
 *
 * @param values of all products of variables: `productValues`
 * @returns the cards in order, the host last
 */
export function replay(program: Program, values: Float64Array): number[] {
  const { sizes, buffers, bufferOf, workspace } = program;
  evaluate(sizes, values, workspace);
  const totals = buffers.map((buffer) => bufferBytes(buffer, workspace));
  return bufferOf.map((buffer) => totals[buffer]!);
}

function evaluate(
  { ends, products, factors }: SizeTable,
  values: Float64Array,
  { onHost, onCard }: Workspace,
): void {
  let term = 0;
  for (let size = 0; size < ends.length; size++) {
    let sum = 0;
    for (const end = ends[size]!; term < end; term++) sum += factors[term]! * values[products[term]!]!;
    onHost[size] = Math.ceil(sum / HOST_ALIGNMENT) * HOST_ALIGNMENT;
    onCard[size] = Math.ceil(sum / CARD_ALIGNMENT) * CARD_ALIGNMENT;
  }
}

/** A buffer while it runs: its free memory, and where each block lies. */
interface Buffer extends Pick<Workspace, 'list' | 'offsets' | 'held'> {
  readonly steps: Int32Array;
  readonly sizes: Float64Array;
}

function bufferBytes({ steps, loops, onCard }: BufferProgram, workspace: Workspace): number {
  const { offsets, held } = workspace;
  const list = emptied(workspace.list);
  const buffer: Buffer = { list, steps, sizes: onCard ? workspace.onCard : workspace.onHost, offsets, held };
  let done = 0;
  for (const loop of loops) {
    run(buffer, done, loop.from);
    repeat(buffer, loop);
    done = loop.to;
  }
  run(buffer, done, steps.length);
  return list.most;
}

function run({ list, steps, sizes, offsets, held }: Buffer, from: number, to: number): void {
  for (let step = from; step < to; step += 2) {
    const block = steps[step]!;
    const size = steps[step + 1]!;
    if (size === GIVES_BACK) {
      free(list, offsets[block]!, held[block]!);
    } else {
      const bytes = sizes[size]!;
      held[block] = bytes;
      offsets[block] = take(list, bytes);
    }
  }
}

/**
 * Runs a loop until the memory looks as it did in an earlier round: from there on nothing new can happen, and only
 * what is left of the last cycle remains to be run.
 */
function repeat(buffer: Buffer, loop: Loop): void {
  let seen: Snapshot | undefined = snapshot(buffer, loop.before, 0);
  let left = loop.times;
  while (left > 0) {
    run(buffer, loop.from, loop.to);
    left--;
    const round = loop.times - left;
    if (seen && isAsBefore(buffer, loop, seen)) {
      left %= round - seen.round;
      seen = undefined;
    } else if (seen && round >= 2 * seen.round) {
      seen = snapshot(buffer, loop.after, round);
    }
    if (left > 0) carry(buffer, loop);
  }
}

/** What a round took and the next one gives back takes the place of what it gave back itself. */
function carry({ offsets, held }: Buffer, { before, after }: Loop): void {
  for (let index = 0; index < before.length; index++) {
    offsets[before[index]!] = offsets[after[index]!]!;
    held[before[index]!] = held[after[index]!]!;
  }
}

interface Snapshot {
  readonly round: number;
  readonly free: Float64Array;
  readonly carried: Float64Array;
}

function snapshot({ list, offsets }: Buffer, carried: Int32Array, round: number): Snapshot {
  const free = new Float64Array(2 * list.count);
  for (let block = 0; block < list.count; block++) {
    free[2 * block] = list.offsets[block]!;
    free[2 * block + 1] = list.sizes[block]!;
  }
  return { round, free, carried: Float64Array.from(carried, (block) => offsets[block]!) };
}

function isAsBefore({ list, offsets }: Buffer, { after }: Loop, { free, carried }: Snapshot): boolean {
  if (free.length !== 2 * list.count) return false;
  for (let block = 0; block < list.count; block++) {
    if (free[2 * block] !== list.offsets[block] || free[2 * block + 1] !== list.sizes[block]) return false;
  }
  for (let index = 0; index < after.length; index++) {
    if (carried[index] !== offsets[after[index]!]) return false;
  }
  return true;
}
