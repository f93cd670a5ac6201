import { blockElements, type GgmlType, rowBytes } from '../../../quant/ggml-types.js';
import { plus, product, type Size, same, scaled, times } from './size.js';

export type ElementType = GgmlType | 'I32' | 'I64';

/** Sizes or strides, fastest dimension first. */
export type Shape = readonly [Size, Size, Size, Size];

/** Operations of ggml, by its own names; one that is a leaf has `NONE`. */
export type Op =
  | 'NONE'
  | 'ADD'
  | 'ADD_ID'
  | 'ARANGE'
  | 'ARGSORT'
  | 'CLAMP'
  | 'CONCAT'
  | 'CONT'
  | 'CPY'
  | 'DIV'
  | 'DSV4_HC_COMB'
  | 'DSV4_HC_POST'
  | 'DSV4_HC_PRE'
  | 'FILL'
  | 'FLASH_ATTN_EXT'
  | 'GATED_DELTA_NET'
  | 'GET_ROWS'
  | 'GLU'
  | 'LIGHTNING_INDEXER'
  | 'MUL'
  | 'MUL_MAT'
  | 'MUL_MAT_ID'
  | 'NORM'
  | 'PAD'
  | 'PERMUTE'
  | 'POOL_2D'
  | 'REPEAT'
  | 'RESHAPE'
  | 'RMS_NORM'
  | 'ROPE'
  | 'SCALE'
  | 'SET_ROWS'
  | 'SOFT_MAX'
  | 'SQR'
  | 'SQRT'
  | 'SSM_CONV'
  | 'SSM_SCAN'
  | 'SUM_ROWS'
  | 'TOP_K'
  | 'TRANSPOSE'
  | 'UNARY'
  | 'VIEW';

/** One tensor of a graph, as far as its memory depends on it. */
export interface Tensor {
  readonly op: Op;
  readonly name: string;
  readonly type: ElementType;
  readonly ne: Shape;
  /** Strides in bytes; absent where the tensor is contiguous. */
  readonly nb: Shape | undefined;
  /** The scheduler puts copies in the place of sources on other devices. */
  readonly src: Tensor[];
  /** The tensor whose memory a view shares; never itself a view. */
  readonly root: Tensor | undefined;
  /** Device of a weight or a cache, which have their memory already. */
  readonly place: number | undefined;
  readonly weight: boolean;
  /** The graph input and output flags of ggml. */
  input: boolean;
  output: boolean;
  /** Device that computes it; `UNASSIGNED` before the scheduler ran. */
  device: number;
  /** Bookkeeping of the allocator. */
  children: number;
  views: number;
  block: number;
}

export const UNASSIGNED = -1;

/** What a new tensor may say beside its shape. */
export interface Extra {
  readonly name?: string;
  readonly nb?: Shape | undefined;
  readonly root?: Tensor;
  readonly place?: number;
  readonly weight?: boolean;
  readonly input?: boolean;
}

const NOTHING: Extra = {};

/** Written out in full, so that all tensors are alike to the JavaScript engine. */
export const tensor = (op: Op, type: ElementType, ne: Shape, src: Tensor[], extra = NOTHING): Tensor => ({
  op,
  type,
  ne,
  src,
  name: extra.name ?? '',
  nb: extra.nb,
  root: extra.root,
  place: extra.place,
  weight: extra.weight ?? false,
  input: extra.input ?? false,
  output: false,
  device: UNASSIGNED,
  children: 0,
  views: 0,
  block: UNASSIGNED,
});

/** A shape with ones in the place of missing dimensions. */
export const shape = (ne: readonly Size[]): Shape => [ne[0]!, ne[1] ?? 1, ne[2] ?? 1, ne[3] ?? 1];

const PLAIN = { I32: 4, I64: 8 } as const;
const isPlain = (type: ElementType): type is keyof typeof PLAIN => type === 'I32' || type === 'I64';

/** Elements in one block of a type. */
const blockOf = (type: ElementType): number => (isPlain(type) ? 1 : blockElements(type));

/** Bytes of one block of a type. */
const blockBytes = (type: ElementType): number =>
  isPlain(type) ? PLAIN[type] : rowBytes(type, blockElements(type));

/** Bytes of a row: `ggml.c:ggml_row_size`. */
export const rowSize = (type: ElementType, elements: Size): Size =>
  scaled(elements, blockBytes(type) / blockOf(type));

export const elementsOf = ({ ne }: Tensor): Size => product(ne);

/** Strides of a tensor, in bytes. */
export function stridesOf({ nb, type, ne }: Tensor): Shape {
  if (nb) return nb;
  const row = rowSize(type, ne[0]);
  const plane = times(row, ne[1]);
  return [blockBytes(type), row, plane, times(plane, ne[2])];
}

/** Bytes from the first to the last element, gaps of a view included: `ggml.c:ggml_nbytes`. */
export function bytesOf(of: Tensor): Size {
  const { nb, type, ne } = of;
  if (!nb) return rowSize(type, product(ne));
  if (ne.includes(0)) return 0;
  const first =
    blockOf(type) === 1 ? plus(nb[0], span(ne[0], nb[0])) : scaled(times(ne[0], nb[0]), 1 / blockOf(type));
  return [1, 2, 3].reduce((sum, axis) => plus(sum, span(ne[axis]!, nb[axis]!)), first);
}

const span = (count: Size, stride: Size): Size => times(plus(count, -1), stride);

/** Type, shape and strides equal: `ggml-impl.h:ggml_are_same_layout`. */
export function sameLayout(a: Tensor, b: Tensor): boolean {
  if (a.type !== b.type || !a.ne.every((size, axis) => same(size, b.ne[axis]!))) return false;
  if (!a.nb && !b.nb) return true;
  const strides = stridesOf(b);
  return stridesOf(a).every((stride, axis) => same(stride, strides[axis]!));
}
