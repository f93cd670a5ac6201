import { type Catalog, modelsLike } from './catalog/index.js';
import { InputError } from './errors.js';
import type { HubAccess, Known } from './handed-in.js';
import { looksLikePath, pathExists } from './importers/paths.js';
import type { Model } from './schema/model.js';

/** A model, and the name under which it can be asked again. */
export interface Found {
  readonly spec: Model;
  readonly name: string;
}

/**
 * Looks a model up, in this order: a path by its form, a name of the catalogue, any other path that exists, a
 * repository of the hub.
 *
 * @param hub how the hub may be asked; absent: never
 * @throws InputError `unknown-model` with near misses, and what reading a file or the hub throws
 * @example (await findModel(openCatalog(), 'maverick')).name // 'llama-4-maverick'
 */
export async function findModel(catalog: Catalog, name: string, hub?: HubAccess): Promise<Found> {
  const isPath = looksLikePath(name);
  const known = isPath ? undefined : knownModel(catalog, name);
  if (known) return known;
  if (isPath || pathExists(name)) return { spec: await readFile(catalog, name), name };
  const unknown = new InputError('unknown-model', { name, near: modelsLike(catalog, name) });
  // A name of the hub has two parts: a typo in any other never reaches the network.
  if (!hub || !name.includes('/')) throw unknown;
  const { parseHubRef, readHub } = await import('./handed-in.js');
  const ref = parseHubRef(name);
  if (!ref) throw unknown;
  const isPlain = ref.revision === undefined && ref.quant === undefined;
  return (
    (isPlain ? knownModel(catalog, ref.id) : undefined) ?? {
      spec: await readHub(ref, hub, lookUps(catalog)),
      name,
    }
  );
}

function knownModel(catalog: Catalog, name: string): Found | undefined {
  const entry = catalog.findModel(name);
  if (!entry) return undefined;
  return { spec: catalog.model(entry, name), name: catalog.variant(entry, name) ? name : entry.id };
}

/** Only a file of one's own needs its shape checked: the checker is loaded here and nowhere before. */
async function readFile(catalog: Catalog, path: string): Promise<Model> {
  const { readModelFile } = await import('./handed-in.js');
  return readModelFile(path, lookUps(catalog));
}

/** What readers look up in the shipped facts. */
export const lookUps = (catalog: Catalog): Known => ({
  architecture: catalog.architecture,
  ggufNames: catalog.engine(catalog.findEngine('llama.cpp')!).architectures,
});
