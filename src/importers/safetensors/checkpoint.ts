import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type ByteSource, brokenFile, faultOfName, localSource } from '../bytes-source.js';
import { readSafetensors, type SafetensorsTensor } from './header.js';
import { pooled } from './pooled.js';
import { type Json, strictJson } from './strict-json.js';

/** A tensor and the file it lies in. */
export interface CheckpointTensor extends SafetensorsTensor {
  readonly file: string;
}

/** A checkpoint in one file or in several. */
export interface Checkpoint {
  readonly tensors: readonly CheckpointTensor[];
  /** Of all files together. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
}

const INDEX = 'model.safetensors.index.json';
const SINGLE = 'model.safetensors';

/** The indexes of the largest checkpoints have some 10 MB. */
const MOST_INDEX_BYTES = 32 * 1024 ** 2;
const MOST_SHARDS = 5000;
const AT_ONCE = 8;

/**
 * Reads the headers of a checkpoint of this machine: a file, an index, or the folder that holds them.
 *
 * @throws InputError `bad-file` as {@link readCheckpoint}
 * @example (await readCheckpointPath('Qwen3-8B')).files.length // 5
 */
export async function readCheckpointPath(path: string): Promise<Checkpoint> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
  if (!isFolder && !path.endsWith('.json')) return readCheckpoint([await localSource(path)]);
  const folder = isFolder ? path : dirname(path);
  const inFolder = (name: string): Promise<ByteSource> => localSource(join(folder, name));
  if (!isFolder) return readIndexed(await localSource(path), inFolder);
  const { index, files } = checkpointFiles(await readdir(folder), path);
  if (index !== undefined) return readIndexed(await inFolder(index), inFolder);
  return readCheckpoint(await Promise.all(files.map(inFolder)));
}

/**
 * Which files of a folder or repository make its checkpoint: the index where there is one, else the single
 * file, else all of them. Files below other folders belong to something else.
 *
 * @throws InputError `bad-file` where there are none
 * @example checkpointFiles(['config.json', 'model.safetensors'], 'org/name') // { files: ['model.safetensors'] }
 */
export function checkpointFiles(
  names: readonly string[],
  where: string,
): { readonly index?: string; readonly files: readonly string[] } {
  if (names.includes(INDEX)) return { index: INDEX, files: [] };
  if (names.includes(SINGLE)) return { files: [SINGLE] };
  const indexes = names.filter((name) => /^[^/\\]+\.safetensors\.index\.json$/.test(name));
  if (indexes.length === 1) return { index: indexes[0]!, files: [] };
  const files = names.filter((name) => /^[^/\\]+\.safetensors$/.test(name) && !name.startsWith('adapter_'));
  if (files.length > 0 && files.length <= MOST_SHARDS) return { files: files.toSorted() };
  throw brokenFile(
    where,
    files.length === 0 ? 'it has no safetensors files' : `it has ${files.length} safetensors files`,
    undefined,
    'Name the folder that holds the checkpoint, or one of its files.',
  );
}

/**
 * Reads the headers of all files that an index names.
 *
 * @param open opens a file by its name in the index, which is a plain file name
 * @throws InputError `bad-file`: an index that is none, names with path parts, tensors that are missing,
 *   and what {@link readCheckpoint} refuses
 */
export async function readIndexed(
  index: ByteSource,
  open: (name: string) => Promise<ByteSource>,
): Promise<Checkpoint> {
  const places = await readWeightMap(index);
  const shards = [...new Set(places.values())].toSorted();
  if (shards.length > MOST_SHARDS)
    throw brokenFile(index.name, `it names ${shards.length} files, and ${MOST_SHARDS} are the most`);
  const checkpoint = await readCheckpoint(await pooled(shards, AT_ONCE, open));
  const found = new Map(checkpoint.tensors.map(({ name, file }) => [name, file]));
  for (const [name, file] of places) {
    if (found.get(name) === file) continue;
    throw brokenFile(index.name, `it places "${name}" in ${file}, where it is not`, undefined, MIXED);
  }
  return checkpoint;
}

const MIXED = 'The files do not belong together, or some are missing: download the checkpoint again.';

/** The file of each tensor, by its name. */
async function readWeightMap(index: ByteSource): Promise<ReadonlyMap<string, string>> {
  const { name: file, size } = index;
  if (size > MOST_INDEX_BYTES) throw brokenFile(file, `it has ${size} bytes, more than any index`);
  if (size === 0) throw brokenFile(file, 'it is empty');
  const root = strictJson(await index.read(0, size), file);
  const map = root instanceof Map ? (root as ReadonlyMap<string, Json>).get('weight_map') : undefined;
  if (!(map instanceof Map) || map.size === 0)
    throw brokenFile(file, 'it has no weight_map', undefined, 'Name a model.safetensors.index.json.');
  for (const [tensor, shard] of map as ReadonlyMap<string, Json>) {
    if (typeof shard !== 'string') throw brokenFile(file, `it gives "${tensor}" no file name`);
    const fault = faultOfName(shard) ?? (/[\\/]/.test(shard) ? 'a name with path parts' : undefined);
    if (fault) throw brokenFile(file, `a file in it has ${fault}`);
    if (!shard.endsWith('.safetensors')) throw brokenFile(file, `it names ${shard}, no safetensors file`);
  }
  return map as ReadonlyMap<string, string>;
}

/**
 * Reads the headers of the files of one checkpoint.
 *
 * @throws InputError `bad-file` where a file is broken or a tensor is in two of them
 */
export async function readCheckpoint(sources: readonly ByteSource[]): Promise<Checkpoint> {
  const headers = await pooled(sources, AT_ONCE, (source) => readSafetensors(source));
  const tensors: CheckpointTensor[] = [];
  const places = new Map<string, string>();
  for (const { name, tensors: held } of headers) {
    const file = basename(name);
    for (const tensor of held) {
      const other = places.get(tensor.name);
      if (other !== undefined)
        throw brokenFile(name, `the tensor "${tensor.name}" is in ${other} too`, undefined, MIXED);
      places.set(tensor.name, file);
      tensors.push({ ...tensor, file });
    }
  }
  return {
    tensors,
    metadata: new Map(headers.flatMap(({ metadata }) => [...metadata])),
    files: headers.map(({ name, fileBytes }) => ({ name: basename(name), bytes: fileBytes })),
  };
}
