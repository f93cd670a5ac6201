import { InputError } from '../../errors.js';
import type { Model } from '../../schema/model.js';
import { heldModel } from '../gguf/held.js';
import type { Known } from '../known.js';
import { readConfigFrom } from '../model-file.js';
import { fetchFile } from './files.js';
import { chooseGguf } from './gguf-choice.js';
import { readHubGguf } from './headers.js';
import { formatHubRef, type HubRef } from './ref.js';
import { openRepository, type Repository } from './repository.js';
import type { HubSettings } from './settings.js';

const CONFIG = 'config.json';
const COMMIT_SIGNS = 12;

/**
 * The model of a repository of the hub: by its `config.json`, or by one of its GGUF files. The commit stands in its
 * sources.
 *
 * @throws InputError `network`, `offline`, and what reading a config or a GGUF file throws
 * @example await readHubModel({ id: 'Qwen/Qwen3-8B' }, settings, known)
 */
export async function readHubModel(ref: HubRef, settings: HubSettings, known: Known): Promise<Model> {
  const repository = await openRepository(ref, settings);
  const hasConfig = repository.files.some(({ path }) => path === CONFIG);
  const id = formatHubRef(ref);
  if (ref.quant === undefined && hasConfig) {
    const path = await fetchFile(repository, CONFIG, settings);
    return ofRepository(readConfigFrom(path, { ...originOf(repository, CONFIG), id }, known), repository);
  }
  const file = chooseGguf(repository.files, ref.quant);
  if (!file) throw nothingToRead(repository, ref);
  const gguf = await readHubGguf(repository, file.path, settings);
  const origin = { ...originOf(repository, file.path), architectures: known.ggufNames };
  return ofRepository(heldModel(gguf, id, origin), repository);
}

/** The repository is what the model is called, whatever its file says. */
const ofRepository = (model: Model, { id }: Repository): Model => ({
  ...model,
  name: id.slice(id.indexOf('/') + 1),
  hubIds: [id],
});

const originOf = ({ id, commit }: Repository, path: string) => ({
  from: `${id}@${commit.slice(0, COMMIT_SIGNS)}:${path}`,
  date: new Date().toISOString().slice(0, 'YYYY-MM-DD'.length),
});

function nothingToRead({ id }: Repository, { quant }: HubRef): InputError {
  return new InputError('bad-file', {
    path: id,
    problem:
      quant === undefined
        ? 'this repository has neither a config.json nor a GGUF file'
        : 'this repository has no GGUF files, which alone are named by a format',
    hint:
      quant === undefined ? 'Name the repository of the model itself.' : `Ask for ${id} with -q ${quant}.`,
  });
}
