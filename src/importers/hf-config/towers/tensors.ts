import type { Tower } from '../../../schema/model.js';

type TowerTensor = Tower['tensors'][number];

/** What a linear or a norm of a tower has beside its weight, and how many equal ones there are. */
interface More {
  readonly bias?: boolean;
  readonly count?: number;
}

/** One tensor. */
export const tensor = (name: string, shape: number[], count = 1): TowerTensor => ({
  name,
  shape,
  ...(count > 1 ? { count } : {}),
});

/** A matrix from `columns` to `rows`, perhaps with a bias. */
export const linear = (
  name: string,
  [rows, columns]: readonly [number, number],
  more: More = {},
): TowerTensor[] => [
  tensor(`${name}.weight`, [rows, columns], more.count),
  ...(more.bias ? [tensor(`${name}.bias`, [rows], more.count)] : []),
];

/** A norm: a weight, and a bias where it is a layer norm. */
export const norm = (name: string, width: number, more: More = {}): TowerTensor[] => [
  tensor(`${name}.weight`, [width], more.count),
  ...(more.bias ? [tensor(`${name}.bias`, [width], more.count)] : []),
];

/** How the layers of a vision transformer are built. */
export interface Layers {
  readonly count: number;
  readonly width: number;
  readonly inner: number;
  /** Width of queries, keys and values, where it is not `width`. */
  readonly inside?: number;
  readonly attentionBias?: boolean;
  readonly feedForwardBias?: boolean;
  readonly normBias?: boolean;
  /** Gate, up and down in place of up and down. */
  readonly gated?: boolean;
  readonly name?: string;
}

/** Attention, a feed-forward and two norms, layer by layer. */
export function layerTensors({
  count,
  width,
  inner,
  inside = width,
  gated,
  name = 'layers',
  ...has
}: Layers): TowerTensor[] {
  const attention = { count, ...(has.attentionBias ? { bias: true } : {}) };
  const feedForward = { count, ...(has.feedForwardBias ? { bias: true } : {}) };
  const norms = { count, ...(has.normBias ? { bias: true } : {}) };
  return [
    ...['q_proj', 'k_proj', 'v_proj'].flatMap((part) =>
      linear(`${name}.${part}`, [inside, width], attention),
    ),
    ...linear(`${name}.o_proj`, [width, inside], attention),
    ...(gated ? linear(`${name}.gate_proj`, [inner, width], feedForward) : []),
    ...linear(`${name}.up_proj`, [inner, width], feedForward),
    ...linear(`${name}.down_proj`, [width, inner], feedForward),
    ...norm(`${name}.norm1`, width, norms),
    ...norm(`${name}.norm2`, width, norms),
  ];
}
