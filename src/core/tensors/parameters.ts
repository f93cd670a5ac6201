import type { Model } from '../../schema/model.js';
import { layoutOf, type Part, type Role, type Tensor, type TensorLayout } from './index.js';

export interface Parameters {
  /** Trained parameters of the released model, towers included; no MTP modules, no buffers. */
  readonly total: number;
  /** The language model's share of it. */
  readonly text: number;
  /** `text` less the routed experts that one token is not sent to; embedding table and head in full. */
  readonly active: number;
  /** Parameters of modules for multi-token prediction, which `total` leaves out. */
  readonly mtp: number;
}

const product = (shape: readonly number[]): number => shape.reduce((all, dim) => all * dim, 1);

/** Elements of one list entry: all its equal tensors together. */
export const elementsOf = (part: Part): number => product(part.shape) * (part.count ?? 1);

/** Elements of it that one token uses. */
const activeElementsOf = (part: Part): number => product(part.shape) * (part.active ?? part.count ?? 1);

/** Trained elements of parts; buffers do not count. */
const trained = (parts: readonly Part[], elements: (part: Part) => number): number =>
  parts.reduce((total, part) => (part.buffer ? total : total + elements(part)), 0);

/** The same over layers; equal layers share one array and are summed once. */
function trainedInLayers(layers: readonly (readonly Part[])[], elements: (part: Part) => number): number {
  const sums = new Map<readonly Part[], number>();
  return layers.reduce((total, parts) => {
    const sum = sums.get(parts) ?? trained(parts, elements);
    sums.set(parts, sum);
    return total + sum;
  }, 0);
}

/**
 * Counts a model's parameters, by one rule for all models.
 *
 * @example countParameters(layoutOf(maverick.architecture)).active // 17184691200
 */
export function countParameters({ embedding, layers, output, mtp, vision }: TensorLayout): Parameters {
  const text = (elements: (part: Part) => number): number =>
    trained(embedding, elements) + trainedInLayers(layers, elements) + trained(output, elements);
  return {
    total: text(elementsOf) + trained(vision, elementsOf),
    text: text(elementsOf),
    active: text(activeElementsOf),
    mtp: trainedInLayers(mtp, elementsOf),
  };
}

/** Counted parameters, and the elements of the released checkpoint where they are known. */
export interface ModelParameters extends Parameters {
  readonly storedElements?: number;
}

/**
 * What a result says of a model's parameters.
 *
 * @example modelParameters(maverick).text // 400711848960
 */
export function modelParameters({
  architecture,
  published,
}: Pick<Model, 'architecture' | 'published'>): ModelParameters {
  const { storedElements } = published ?? {};
  return { ...countParameters(layoutOf(architecture)), ...(storedElements ? { storedElements } : {}) };
}

/**
 * Parameters by role: all of them, and those one token uses. Roles that the model lacks are absent.
 *
 * @example parametersByRole(tensorsOf(maverick.architecture)).get('routedExperts')?.total // 386547056640
 */
export function parametersByRole(tensors: readonly Tensor[]): Map<Role, { total: number; active: number }> {
  const roles = new Map<Role, { total: number; active: number }>();
  for (const tensor of tensors) {
    if (tensor.buffer) continue;
    const role = roles.get(tensor.role) ?? { total: 0, active: 0 };
    role.total += elementsOf(tensor);
    role.active += activeElementsOf(tensor);
    roles.set(tensor.role, role);
  }
  return roles;
}
