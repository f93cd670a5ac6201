import type { Role, Tensor } from './index.js';

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
export const elementsOf = (tensor: Tensor): number => product(tensor.shape) * (tensor.count ?? 1);

/** Elements of it that one token uses. */
const activeElementsOf = (tensor: Tensor): number =>
  product(tensor.shape) * (tensor.active ?? tensor.count ?? 1);

const sum = (tensors: readonly Tensor[], elements: (tensor: Tensor) => number): number =>
  tensors.reduce((total, tensor) => total + elements(tensor), 0);

/**
 * Counts a model's parameters, by one rule for all models.
 *
 * @example countParameters(tensorsOf(maverick.architecture)).active // 17184691200
 */
export function countParameters(tensors: readonly Tensor[]): Parameters {
  const trained = tensors.filter((tensor) => !tensor.buffer);
  const inModule = (module: Tensor['module']) => trained.filter((tensor) => tensor.module === module);
  const text = sum(inModule('text'), elementsOf);
  return {
    total: text + sum(inModule('vision'), elementsOf),
    text,
    active: sum(inModule('text'), activeElementsOf),
    mtp: sum(inModule('mtp'), elementsOf),
  };
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
