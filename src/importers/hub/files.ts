import { InputError } from '../../errors.js';
import { type ByteSource, brokenFile, localSource } from '../bytes-source.js';
import { cachedFile, keepFile } from './cache.js';
import { isPlainPath, MAIN } from './ref.js';
import { hubError, type Wanted } from './refusals.js';
import type { Repository } from './repository.js';
import { type Answer, fetchBytes } from './request.js';
import type { HubSettings } from './settings.js';

/** Configs and indexes are small; weights are never fetched whole. */
const MOST_FILE_BYTES = 32 * 1024 ** 2;

/** Read with the first request of a file that is read in parts: most headers end in it. */
const FIRST_BYTES = 256 * 1024;

/**
 * A small file of a repository, from the cache or from the hub into the cache.
 *
 * @returns its path on this machine
 * @throws InputError `network`, `offline` where it is not in the cache, `bad-file` where the cache cannot be written
 * @example await fetchFile(repository, 'config.json', settings)
 */
export async function fetchFile(
  { id, revision, commit }: Omit<Repository, 'files'>,
  path: string,
  settings: HubSettings,
): Promise<string> {
  const wanted = wantedOf({ id, revision }, path);
  const kept = await cachedFile({ id, commit, path }, settings);
  if (kept !== undefined) return kept;
  refuseOffline(wanted, settings);
  const url = addressOf({ id, commit }, path, settings);
  const { bytes, headers } = await fetchBytes({ url, wanted, mostBytes: MOST_FILE_BYTES }, settings);
  settings.progress({ kind: 'reading', id, path, bytes: bytes.length, totalBytes: bytes.length });
  const etag = headers.get('x-linked-etag') ?? headers.get('etag');
  return keepFile({ id, commit, path, bytes, etag }, settings);
}

/**
 * A file of a repository to be read in parts: the one in the cache, else by ranges from the hub. Nothing of it
 * is kept.
 *
 * @throws InputError `network`, `offline` where it is not in the cache
 * @example await readGgufHeader(await openRemote(repository, 'Qwen3-8B-Q4_K_M.gguf', settings))
 */
export async function openRemote(
  { id, revision, commit }: Omit<Repository, 'files'>,
  path: string,
  settings: HubSettings,
): Promise<ByteSource> {
  const wanted = wantedOf({ id, revision }, path);
  const name = `${id}/${path}`;
  const kept = await cachedFile({ id, commit, path }, settings);
  if (kept !== undefined) return localSource(kept, name);
  refuseOffline(wanted, settings);
  return remoteSource({ name, wanted, path, url: addressOf({ id, commit }, path, settings) }, settings);
}

function wantedOf({ id, revision }: Pick<Repository, 'id' | 'revision'>, path: string): Wanted {
  if (!isPlainPath(path))
    throw brokenFile(id, `it cannot have a file "${path}"`, undefined, 'Name a file of the repository.');
  return { id, revision, path };
}

function refuseOffline({ id, revision, path }: Wanted, { offline }: HubSettings): void {
  if (!offline) return;
  const where = revision === MAIN ? id : `${id}@${revision}`;
  throw new InputError('offline', {
    problem: `${path} of ${where} is not in the cache of the hub, and the network is not to be used.`,
  });
}

function addressOf(
  { id, commit }: Pick<Repository, 'id' | 'commit'>,
  path: string,
  { endpoint }: HubSettings,
): URL {
  const parts = path.split('/').map(encodeURIComponent).join('/');
  return new URL(`${endpoint}/${id}/resolve/${commit}/${parts}`);
}

interface Remote {
  readonly name: string;
  readonly path: string;
  readonly wanted: Wanted;
  readonly url: URL;
}

async function remoteSource({ name, wanted, path, url }: Remote, settings: HubSettings): Promise<ByteSource> {
  let total: number | undefined;
  let read = 0;
  /** Where the hub led to last: a signed address of the store, which saves asking the hub for each part. */
  let store = url;
  const part = async (offset: number, length: number): Promise<Answer> => {
    const ask = (from: URL): Promise<Answer> =>
      fetchBytes({ url: from, wanted, range: { offset, length }, mostBytes: length }, settings);
    // Such an address ends after a while; the hub then gives a new one.
    const answer = await ask(store).catch((error: unknown) => {
      if (store === url || !isRefused(error)) throw error;
      return ask(url);
    });
    store = answer.url;
    read += answer.bytes.length;
    settings.progress({
      kind: 'reading',
      id: wanted.id,
      path,
      bytes: read,
      ...(total === undefined ? {} : { totalBytes: total }),
    });
    return answer;
  };
  const first = await part(0, FIRST_BYTES);
  const size = sizeIn(first, url);
  total = size;
  return {
    name,
    size,
    async read(offset, length) {
      if (offset + length > size)
        throw brokenFile(name, `the file ends where ${length} bytes were expected`, size);
      if (offset + length <= first.bytes.length) return first.bytes.subarray(offset, offset + length);
      return length === 0 ? new Uint8Array(0) : (await part(offset, length)).bytes;
    },
  };
}

const isRefused = (error: unknown): boolean =>
  error instanceof InputError &&
  ['forbidden', 'token', 'missing', 'failed'].includes(String(error.args.reason));

/** The length of the whole file, which the answer to a part says. */
function sizeIn({ headers }: Answer, { host }: URL): number {
  const total = /^bytes (?:\d+-\d+|\*)\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1];
  if (total !== undefined && Number.isSafeInteger(Number(total))) return Number(total);
  throw hubError(
    'failed',
    `${host} does not say how long the file is.`,
    'Download the file and name it here.',
  );
}
