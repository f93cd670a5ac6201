import type { HeldCheckpoint } from '../schema/model.js';
import type { Checkpoint } from './safetensors/checkpoint.js';

/**
 * What the headers of a checkpoint say in all.
 *
 * @example summaryOf(checkpoint).bytes // 16060522496
 */
export function summaryOf({ tensors, files }: Checkpoint): HeldCheckpoint {
  const elements = new Map<string, number>();
  for (const { dtype, shape } of tensors) {
    const count = shape.reduce((all, dim) => all * dim, 1);
    elements.set(dtype, (elements.get(dtype) ?? 0) + count);
  }
  return {
    files: files.length,
    tensors: tensors.length,
    bytes: tensors.reduce((sum, tensor) => sum + tensor.bytes, 0),
    elements: Object.fromEntries(elements),
  };
}
