import { InputError } from '../errors.js';
import type { GpuEntry } from '../schema/catalog.js';
import type { Catalog } from './index.js';
import { nearMisses } from './names.js';

/**
 * The card that a name means.
 *
 * @throws InputError `unknown-gpu` with near misses
 * @example gpuNamed(catalog, '4090').id // 'rtx-4090'
 */
export function gpuNamed(catalog: Catalog, name: string): GpuEntry {
  const entry = catalog.findGpu(name);
  if (entry) return entry;
  const known = catalog.gpus.flatMap(({ id, aliases }) => [id, ...aliases]);
  throw new InputError('unknown-gpu', { name, near: nearMisses(name, known) });
}
