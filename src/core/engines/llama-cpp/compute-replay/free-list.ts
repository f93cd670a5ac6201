/** `ggml-alloc.c:MAX_FREE_BLOCKS`. */
const MOST_BLOCKS = 256;

/** Free memory of one buffer, in order of address; one block has no end, and only blocks of no bytes lie behind it. */
export interface FreeList {
  readonly offsets: Float64Array;
  readonly sizes: Float64Array;
  count: number;
  /** Furthest byte ever taken: the size of the buffer. */
  most: number;
}

const ENDLESS = Number.POSITIVE_INFINITY;

export const newFreeList = (): FreeList =>
  emptied({
    offsets: new Float64Array(MOST_BLOCKS),
    sizes: new Float64Array(MOST_BLOCKS),
    count: 0,
    most: 0,
  });

/** The same list with nothing taken. */
export function emptied(list: FreeList): FreeList {
  list.offsets[0] = 0;
  list.sizes[0] = ENDLESS;
  list.count = 1;
  list.most = 0;
  return list;
}

/**
 * Takes a block and returns its address: the smallest free block that is large enough, the later of two equal
 * ones, and the endless last one only where no other fits. Source: `ggml-alloc.c:ggml_dyn_tallocr_alloc`.
 */
export function take(list: FreeList, bytes: number): number {
  const { offsets, sizes } = list;
  const last = list.count - 1;
  let best = last;
  let bestSize = ENDLESS;
  for (let block = 0; block < last; block++) {
    const size = sizes[block]!;
    if (size >= bytes && size <= bestSize) {
      best = block;
      bestSize = size;
    }
  }
  const offset = offsets[best]!;
  const end = offset + bytes;
  if (bestSize === bytes) {
    removeBlock(list, best);
  } else {
    offsets[best] = end;
    sizes[best]! -= bytes;
  }
  if (end > list.most) list.most = end;
  return offset;
}

/**
 * Gives a block back and joins it with its neighbours: `ggml-alloc.c:ggml_dyn_tallocr_free_bytes`.
 *
 * A block of no bytes may lie behind the endless one or inside what is taken; it stays in the list until something
 * meets it, so the list is searched from its start as the engine does.
 */
export function free(list: FreeList, offset: number, bytes: number): void {
  const { offsets, sizes, count } = list;
  const end = offset + bytes;
  for (let block = 0; block < count; block++) {
    const start = offsets[block]!;
    if (start + sizes[block]! === offset) {
      sizes[block]! += bytes;
      joinWithNext(list, block);
      return;
    }
    if (start === end) {
      offsets[block] = offset;
      sizes[block]! += bytes;
      if (block > 0) joinWithNext(list, block - 1);
      return;
    }
  }
  insertBlock(list, offset, bytes);
}

function joinWithNext(list: FreeList, block: number): void {
  const { offsets, sizes } = list;
  if (block + 1 >= list.count || offsets[block]! + sizes[block]! !== offsets[block + 1]) return;
  sizes[block]! += sizes[block + 1]!;
  removeBlock(list, block + 1);
}

function removeBlock(list: FreeList, block: number): void {
  const { offsets, sizes } = list;
  const last = --list.count;
  for (let index = block; index < last; index++) {
    offsets[index] = offsets[index + 1]!;
    sizes[index] = sizes[index + 1]!;
  }
}

function insertBlock(list: FreeList, offset: number, bytes: number): void {
  const { offsets, sizes } = list;
  let block = 0;
  while (block < list.count && offsets[block]! < offset) block++;
  for (let index = list.count++; index > block; index--) {
    offsets[index] = offsets[index - 1]!;
    sizes[index] = sizes[index - 1]!;
  }
  offsets[block] = offset;
  sizes[block] = bytes;
}
