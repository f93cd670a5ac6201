import type { Block } from '../../../../../schema/model.js';
import type { Build } from '../build.js';
import { isWindowed, widestValues } from '../graph-facts.js';
import { cont, mulMat, pad, reshape, setRows, view } from '../ops.js';
import { type Size, scaled, times } from '../size.js';
import { elementsOf, rowSize, stridesOf, type Tensor, tensor } from '../tensor.js';

type Attention = Extract<Block, { kind: 'full' | 'sliding' | 'chunked' }>;

/** Product with a Hadamard matrix, if there is one: `src/llama-impl.h:llama_mul_mat_hadamard`. */
export function turnedBy(turn: Tensor | undefined, a: Tensor): Tensor {
  if (!turn) return a;
  const size = turn.ne[0] as number;
  const flat = [size, scaled(elementsOf(a), 1 / size)];
  const rows = a.nb ? cont(a, flat) : reshape(a, flat);
  return reshape(mulMat(turn, rows), a.ne);
}

export interface Caches {
  readonly k: Tensor;
  readonly v: Tensor;
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** Both caches of a layer and what attention reads of them: `src/llama-kv-cache.cpp:get_k, get_v`. */
export function cachesOf(build: Build, block: Attention, layer: number): Caches {
  const { kvTypeV, sizes } = build;
  const { streams } = sizes;
  const { kvHeads, headDim, valueDim = headDim } = block;
  const cells = isWindowed(block) ? sizes.windowCells : sizes.cells;
  const k = cache(build, 'k', kvHeads * headDim, cells, layer);
  const valueElements = build.flashAttention ? kvHeads * valueDim : widestValues(build);
  const v = cache(build, 'v', valueElements, cells, layer);
  const keys = view(k, [headDim, kvHeads, cells, streams]);
  if (build.flashAttention) return { k, v, keys, values: view(v, [valueDim, kvHeads, cells, streams]) };
  const head = rowSize(kvTypeV, cells);
  const strides = [rowSize(kvTypeV, 1), scaled(head, valueDim), head, scaled(head, valueElements)] as const;
  return { k, v, keys, values: view(v, [cells, kvHeads, valueDim, streams], strides) };
}

export function cache(build: Build, which: 'k' | 'v', elements: number, cells: Size, layer: number): Tensor {
  const type = which === 'k' ? build.kvTypeK : build.kvTypeV;
  const place = build.deviceOfCache(layer);
  return tensor('NONE', type, [elements, cells, build.sizes.streams, 1], [], {
    name: `cache_${which}_l${layer}`,
    place,
  });
}

/** One row a token: `src/llama-kv-cache.cpp:cpy_k`, and `cpy_v` with flash attention. */
export function storeRows(build: Build, into: Tensor, a: Tensor, ids: Tensor): Tensor {
  const rows = rowsOf(a);
  const target = build.separate ? reshape(into, [into.ne[0], times(into.ne[1], into.ne[2])]) : into;
  return setRows(target, rows, ids);
}

/** All heads of a token as one row; the rows stay as far apart as they are. */
function rowsOf(a: Tensor): Tensor {
  const [element, , row] = stridesOf(a);
  const plane = times(row, a.ne[2]);
  return view(a, [times(a.ne[0], a.ne[1]), a.ne[2]], a.nb && [element, row, plane, plane]);
}

/** `src/llama-kv-cache.cpp:cpy_v`. */
export const storeValues = (build: Build, into: Tensor, v: Tensor, ids: Tensor): Tensor =>
  build.flashAttention ? storeRows(build, into, v, ids) : storeElements(into, v, ids);

/** One element a row, into values that lie transposed and are as wide as those of the widest layer. */
function storeElements(into: Tensor, v: Tensor, ids: Tensor): Tensor {
  const flat = [times(v.ne[0], v.ne[1]), v.ne[2]];
  const own = v.nb ? cont(v, flat) : reshape(v, flat);
  const width = into.ne[0] as number;
  const rows = (own.ne[0] as number) < width ? pad(own, width) : own;
  return setRows(reshape(into, [1, elementsOf(into)]), reshape(rows, [1, elementsOf(rows)]), ids);
}
