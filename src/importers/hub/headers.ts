import { posix } from 'node:path';
import { type ByteSource, localSource } from '../bytes-source.js';
import { type Gguf, readGguf } from '../gguf/split.js';
import { type Checkpoint, checkpointFiles, readCheckpoint, readIndexed } from '../safetensors/checkpoint.js';
import { fetchFile, openRemote } from './files.js';
import type { Repository } from './repository.js';
import type { HubSettings } from './settings.js';

/**
 * The header of a GGUF file of a repository, with all parts of a split one, read by ranges.
 *
 * @throws InputError as `openRemote` and `readGguf`
 * @example (await readHubGguf(repository, chooseGguf(repository.files, 'Q4_K_M')!.path, settings)).tensors.length
 */
export async function readHubGguf(
  repository: Repository,
  path: string,
  settings: HubSettings,
): Promise<Gguf> {
  const open = (file: string): Promise<ByteSource> => openRemote(repository, file, settings);
  return readGguf(await open(path), (name) => open(posix.join(posix.dirname(path), name)));
}

/**
 * The headers of the safetensors checkpoint of a repository, read by ranges; its index goes into the cache.
 *
 * @throws InputError as `openRemote`, `checkpointFiles` and `readIndexed`
 * @example (await readHubCheckpoint(repository, settings)).tensors.length // 399
 */
export async function readHubCheckpoint(repository: Repository, settings: HubSettings): Promise<Checkpoint> {
  const open = (file: string): Promise<ByteSource> => openRemote(repository, file, settings);
  const { index, files } = checkpointFiles(
    repository.files.map(({ path }) => path),
    repository.id,
  );
  if (index === undefined) return readCheckpoint(await Promise.all(files.map(open)));
  return readIndexed(await localSource(await fetchFile(repository, index, settings)), open);
}
