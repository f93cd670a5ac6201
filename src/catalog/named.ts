import { InputError } from '../errors.js';
import type { GpuEntry, QuantEntry } from '../schema/catalog.js';
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

/**
 * The weight format that an exact name means.
 *
 * @param engine the name of the engine that was to read it, for the message
 * @throws InputError `unknown-quant` with near misses
 * @example quantNamed(catalog, 'Q4_K_M', 'llama.cpp').id // 'Q4_K_M'
 */
export function quantNamed(catalog: Catalog, name: string, engine: string): QuantEntry {
  const entry = catalog.findQuant(name);
  if (entry) return entry;
  const known = catalog.quants.map(({ id }) => id);
  throw new InputError('unknown-quant', { name, engine, near: nearMisses(name, known) });
}
