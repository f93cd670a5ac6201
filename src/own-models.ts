import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Catalog, finder } from './catalog/index.js';
import { modelEntry } from './core/model-entry.js';
import { InputError } from './errors.js';
import { lookUps } from './find-model.js';
import type { Model } from './schema/model.js';

/**
 * The catalogue with a folder of further specs in front of it: a name that both have means the folder's.
 *
 * @throws InputError `bad-file` for a folder that is none, a file that is no spec, and a name that two files have
 * @example (await withOwnModels(openCatalog(), './models')).findModel('mine')?.id // 'mine'
 */
export async function withOwnModels(catalog: Catalog, folder: string): Promise<Catalog> {
  const models = new Map<string, Model>();
  const { readModelFile } = await import('./handed-in.js');
  for (const path of specsIn(folder)) {
    const model = await readModelFile(path, lookUps(catalog));
    if (models.has(model.id))
      throw new InputError('bad-file', {
        path,
        problem: `another file of ${folder} has the id ${model.id} too`,
      });
    models.set(model.id, model);
  }
  const own = [...models.values()].map((model) => modelEntry(model, join(folder, model.id)));
  const find = finder(
    () => own,
    ({ id, name, aliases, hubIds }) => [id, name, ...aliases, ...hubIds],
  );
  const shipped = catalog.models.filter(({ id }) => !models.has(id));
  return {
    ...catalog,
    models: [...own, ...shipped],
    findModel: (name) => find(name) ?? catalog.findModel(name),
    model: (entry, name) => models.get(entry.id) ?? catalog.model(entry, name),
    variant: (entry, name) => (models.has(entry.id) ? undefined : catalog.variant(entry, name)),
  };
}

function specsIn(folder: string): string[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new InputError('bad-file', {
      path: folder,
      problem: 'there is no such folder',
      hint: 'Give a folder of model specs with --models-dir or LLMSPEC_MODELS.',
    });
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => join(folder, name));
}
