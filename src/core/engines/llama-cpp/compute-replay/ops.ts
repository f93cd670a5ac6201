import { plus, product, type Size, scaled, times } from './size.js';
import {
  type ElementType,
  elementsOf,
  type Op,
  rowSize,
  type Shape,
  shape,
  stridesOf,
  type Tensor,
  tensor,
} from './tensor.js';

// Every operation that the planned graphs use, with the shape of its result: `ggml/src/ggml.c`.

/** A leaf that the caller fills before each run. */
export const input = (name: string, type: ElementType, ne: readonly Size[]): Tensor =>
  tensor('NONE', type, shape(ne), [], { name, input: true });

/** A new tensor shaped like its first source: sums, products, norms, rotations, activations. */
function like(op: Op): (...src: (Tensor | undefined)[]) => Tensor {
  return (...src) => {
    const present = src.filter((source) => source !== undefined);
    return tensor(op, present[0]!.type, present[0]!.ne, present);
  };
}

export const add = like('ADD');
export const addId = like('ADD_ID');
export const mul = like('MUL');
export const div = like('DIV');
export const clamp = like('CLAMP');
export const scale = like('SCALE');
export const fill = like('FILL');
export const unary = like('UNARY');
export const glu = like('GLU');
export const rmsNorm = like('RMS_NORM');
export const layerNorm = like('NORM');
export const rope = like('ROPE');
export const softMax = like('SOFT_MAX');
export const square = like('SQR');
export const squareRoot = like('SQRT');

/** Squeezed by a hyperbolic tangent. */
export const softCapped = (a: Tensor): Tensor => scale(unary(scale(a)));

/** A gate and what it weighs lie in one row. */
export const gluOfHalves = (a: Tensor): Tensor =>
  tensor('GLU', a.type, [scaled(a.ne[0], 0.5), a.ne[1], a.ne[2], a.ne[3]], [a]);

export const mulMat = (a: Tensor, b: Tensor): Tensor =>
  tensor('MUL_MAT', 'F32', [a.ne[1], b.ne[1], b.ne[2], b.ne[3]], [a, b]);

export const mulMatId = (stack: Tensor, b: Tensor, ids: Tensor): Tensor =>
  tensor('MUL_MAT_ID', 'F32', [stack.ne[1], ids.ne[0], b.ne[2], 1], [stack, b, ids]);

export const getRows = (a: Tensor, ids: Tensor): Tensor =>
  tensor('GET_ROWS', a.type === 'I32' ? 'I32' : 'F32', [a.ne[0], ids.ne[0], ids.ne[1], ids.ne[2]], [a, ids]);

export const sumRows = (a: Tensor): Tensor => tensor('SUM_ROWS', a.type, [1, a.ne[1], a.ne[2], a.ne[3]], [a]);

export const repeat = (a: Tensor, ne: readonly Size[]): Tensor => tensor('REPEAT', a.type, shape(ne), [a]);

/** One tensor behind another, along a dimension: rows, planes or, as a rule, what is in a row. */
export function concat(a: Tensor, b: Tensor, along: 0 | 1 | 2 = 0): Tensor {
  const ne = a.ne.map((size, axis) => (axis === along ? plus(size, b.ne[axis]!) : size));
  return tensor('CONCAT', a.type, shape(ne), [a, b]);
}

/** The largest of every run of numbers, of which a row has so many. */
export const poolMax = (a: Tensor, runs: Size): Tensor =>
  tensor('POOL_2D', 'F32', [runs, a.ne[1], a.ne[2], a.ne[3]], [a]);

/** Whole numbers from 0. */
export const arange = (count: number): Tensor => tensor('ARANGE', 'F32', shape([count]), []);

/** Wider rows, what is new filled with zeros. */
export const pad = (a: Tensor, width: Size): Tensor =>
  tensor('PAD', a.type, [width, a.ne[1], a.ne[2], a.ne[3]], [a]);

/** A contiguous copy, in a shape of its own if one is given. */
export const cont = (a: Tensor, ne: readonly Size[] = a.ne): Tensor => tensor('CONT', a.type, shape(ne), [a]);

export const cast = (a: Tensor, type: ElementType): Tensor => tensor('CPY', type, a.ne, [a]);

/** Queries, keys, values, mask, and sinks if the layer has them. */
export function flashAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  mask: Tensor,
  sinks: Tensor | undefined,
): Tensor {
  const src = sinks ? [q, k, v, mask, sinks] : [q, k, v, mask];
  return tensor('FLASH_ATTN_EXT', 'F32', [v.ne[0], q.ne[2], q.ne[1], q.ne[3]], src);
}

/** Indices of the largest `count` of each row: a full sort and a view of its head. */
export function topK(a: Tensor, count: number): Tensor {
  const sorted = tensor('ARGSORT', 'I32', a.ne, [a]);
  return view(sorted, [count, a.ne[1], a.ne[2], a.ne[3]], stridesOf(sorted));
}

/** The largest `count` of each row, unordered and without a sort. */
export const topOf = (a: Tensor, count: Size): Tensor =>
  tensor('TOP_K', 'I32', [count, a.ne[1], a.ne[2], a.ne[3]], [a]);

/** Scores of all cells for every token. */
export const lightningIndexer = (q: Tensor, k: Tensor, weights: Tensor, mask: Tensor): Tensor =>
  tensor('LIGHTNING_INDEXER', 'F32', [k.ne[2], q.ne[2], 1, q.ne[3]], [q, k, weights, mask]);

/** Convolution of rows of `kernel - 1 + tokens` with a kernel: `[channels, tokens, sequences]`. */
export const ssmConv = (a: Tensor, kernel: Tensor): Tensor =>
  tensor(
    'SSM_CONV',
    'F32',
    [kernel.ne[1], plus(plus(a.ne[0], scaled(kernel.ne[0], -1)), 1), a.ne[2], 1],
    [a, kernel],
  );

/** Outputs of all tokens and the last states, in one row. Sources: states, x, dt, A, B, C, ids. */
export function ssmScan(src: readonly [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]): Tensor {
  const [states, x, , , , , ids] = src;
  const stateElements = product([states.ne[0], states.ne[1], states.ne[2], ids.ne[0]]);
  return tensor('SSM_SCAN', 'F32', [plus(elementsOf(x), stateElements), 1, 1, 1], [...src]);
}

/** Outputs of all tokens and the last states. Sources: q, k, v, gate, beta, state. */
export function gatedDeltaNet(src: readonly [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]): Tensor {
  const [size, heads, tokens, sequences] = src[2].ne;
  const rows = plus(times(tokens, sequences), times(size, sequences));
  return tensor('GATED_DELTA_NET', 'F32', [times(size, heads), rows, 1, 1], [...src]);
}

/** Weighed sum of the streams of every token. */
export const joinStreams = (streams: Tensor, weights: Tensor): Tensor =>
  tensor('DSV4_HC_PRE', 'F32', shape([streams.ne[0], streams.ne[2]]), [streams, weights]);

/** How much of each stream each other one keeps: factors and biases on raw numbers for each token. */
export const combineStreams = (raw: Tensor, factors: Tensor, biases: Tensor, streams: number): Tensor =>
  tensor('DSV4_HC_COMB', 'F32', shape([streams, streams, raw.ne[1]]), [raw, factors, biases]);

/** Streams with what a block made of them. */
export const spreadStreams = (made: Tensor, streams: Tensor, weights: Tensor, combined: Tensor): Tensor =>
  tensor('DSV4_HC_POST', 'F32', streams.ne, [made, streams, weights, combined]);

// Views: no memory of their own.

function viewOf(op: Op, a: Tensor, ne: Shape, nb: Shape | undefined, src: Tensor[]): Tensor {
  return tensor(op, a.type, ne, src, { root: a.root ?? a, nb });
}

/** Part of a tensor, with strides in bytes; contiguous without them. */
export const view = (a: Tensor, ne: readonly Size[], nb?: Shape): Tensor =>
  viewOf('VIEW', a, shape(ne), nb, [a]);

export const reshape = (a: Tensor, ne: readonly Size[]): Tensor =>
  viewOf('RESHAPE', a, shape(ne), undefined, [a]);

/** The first elements of every row, or as many from further on: the strides stay those of the whole. */
export const columns = (a: Tensor, count: number): Tensor =>
  view(a, [count, a.ne[1], a.ne[2], a.ne[3]], stridesOf(a));

/** Rows cut into heads, or part of every row. */
export function headColumns(a: Tensor, headDim: number, heads: number): Tensor {
  const [element, row, plane] = stridesOf(a);
  return view(a, [headDim, heads, a.ne[1], a.ne[2]], [element, rowSize(a.type, headDim), row, plane]);
}

/** Dimensions 1 and 2 exchanged: the only permutation of the planned graphs, its own inverse. */
export function permute(a: Tensor): Tensor {
  const nb = stridesOf(a);
  return viewOf('PERMUTE', a, [a.ne[0], a.ne[2], a.ne[1], a.ne[3]], [nb[0], nb[2], nb[1], nb[3]], [a]);
}

export function transpose(a: Tensor): Tensor {
  const nb = stridesOf(a);
  return viewOf('TRANSPOSE', a, [a.ne[1], a.ne[0], a.ne[2], a.ne[3]], [nb[1], nb[0], nb[2], nb[3]], [a]);
}

/** Writes rows of `b` into `a`, whose memory the result shares. */
export const setRows = (a: Tensor, b: Tensor, ids: Tensor): Tensor =>
  viewOf('SET_ROWS', a, a.ne, a.nb, [b, ids, a]);

/** Copies `a` into `b`, whose memory the result shares. */
export const copy = (a: Tensor, b: Tensor): Tensor => viewOf('CPY', b, b.ne, b.nb, [a, b]);

export const addInPlace = (a: Tensor, b: Tensor): Tensor => viewOf('ADD', a, a.ne, a.nb, [a, b]);

export const scaleInPlace = (a: Tensor): Tensor => viewOf('SCALE', a, a.ne, a.nb, [a]);
