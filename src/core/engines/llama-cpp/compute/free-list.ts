/** `ggml-alloc.c:MAX_FREE_BLOCKS`. */
const MOST_BLOCKS = 256;

/** Free memory of one buffer, in order of address; the last block has no end. */
export interface FreeList {
  readonly offsets: Float64Array;
  readonly sizes: Float64Array;
  count: number;
  /** Furthest byte ever taken: the size of the buffer. */
  most: number;
}

const ENDLESS = Number.MAX_SAFE_INTEGER;

export const newFreeList = (): FreeList => reset({ offsets: new Float64Array(MOST_BLOCKS), sizes: new Float64Array(MOST_BLOCKS), count: 0, most: 0 });

export function reset(list: FreeList): FreeList {
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
  const left = sizes[best]! - bytes;
  if (best === last) {
    offsets[best] = offset + bytes;
  } else if (left === 0) {
    removeBlock(list, best);
  } else {
    offsets[best] = offset + bytes;
    sizes[best] = left;
  }
  if (offset + bytes > list.most) list.most = offset + bytes;
  return offset;
}

/** Gives a block back and joins it with its neighbours: `ggml-alloc.c:ggml_dyn_tallocr_free_bytes`. */
export function free(list: FreeList, offset: number, bytes: number): void {
  const { offsets, sizes } = list;
  for (let block = 0; block < list.count; block++) {
    if (offsets[block]! + sizes[block]! === offset) {
      sizes[block]! += bytes;
      joinWithNext(list, block);
      return;
    }
    if (offset + bytes === offsets[block]!) {
      offsets[block] = offset;
      if (block < list.count - 1) sizes[block]! += bytes;
      if (block > 0) joinWithNext(list, block - 1);
      return;
    }
  }
  insertBlock(list, offset, bytes);
}

function joinWithNext(list: FreeList, block: number): void {
  const { offsets, sizes } = list;
  if (block >= list.count - 1 || offsets[block]! + sizes[block]! !== offsets[block + 1]) return;
  const endless = block + 1 === list.count - 1;
  sizes[block] = endless ? ENDLESS : sizes[block]! + sizes[block + 1]!;
  removeBlock(list, block + 1);
}

function removeBlock(list: FreeList, block: number): void {
  const { offsets, sizes } = list;
  list.count--;
  for (let index = block; index < list.count; index++) {
    offsets[index] = offsets[index + 1]!;
    sizes[index] = sizes[index + 1]!;
  }
}

function insertBlock(list: FreeList, offset: number, bytes: number): void {
  const { offsets, sizes } = list;
  let block = list.count;
  while (block > 0 && offsets[block - 1]! >= offset) {
    offsets[block] = offsets[block - 1]!;
    sizes[block] = sizes[block - 1]!;
    block--;
  }
  offsets[block] = offset;
  sizes[block] = bytes;
  list.count++;
}
