import { InputError } from '../../errors.js';
import { type Json, strictJson } from '../safetensors/strict-json.js';
import { cachedCommit, cachedFiles, isCommitName, keepCommit } from './cache.js';
import { type HubRef, isPlainPath, MAIN } from './ref.js';
import { hubError, type Wanted } from './refusals.js';
import { type Answer, fetchBytes } from './request.js';
import type { HubSettings } from './settings.js';

/** A file that a repository has. */
export interface HubFile {
  readonly path: string;
  readonly bytes?: number;
}

/** A repository at one commit: all that is read of it is read from there. */
export interface Repository {
  readonly id: string;
  /** As it was asked for. */
  readonly revision: string;
  readonly commit: string;
  /** In the order of their names; offline, those in the cache. */
  readonly files: readonly HubFile[];
}

const MOST_BYTES = 32 * 1024 ** 2;

/**
 * Asks the hub what a repository holds, and pins it to the commit that its revision has now. Offline it is what
 * the cache holds of the commit that the revision had when it was last asked for.
 *
 * @throws InputError `network` (missing, private, gated, rate-limited, unreachable), `offline`
 * @example (await openRepository({ id: 'Qwen/Qwen3-8B' }, settings)).commit // 'b968826d9c46dd6066d109eabc6255188de91218'
 */
export async function openRepository(ref: HubRef, settings: HubSettings): Promise<Repository> {
  const { id, revision = MAIN } = ref;
  return settings.offline ? fromCache(id, revision, settings) : fromHub(id, revision, settings);
}

async function fromCache(id: string, revision: string, settings: HubSettings): Promise<Repository> {
  const commit = await cachedCommit(id, revision, settings);
  const paths = commit === undefined ? [] : await cachedFiles(id, commit, settings);
  if (commit === undefined || paths.length === 0)
    throw new InputError('offline', {
      problem: `${id}${revision === MAIN ? '' : `@${revision}`} is not in the cache of the hub, and the network is not to be used.`,
    });
  return { id, revision, commit, files: paths.map((path) => ({ path })) };
}

async function fromHub(id: string, revision: string, settings: HubSettings): Promise<Repository> {
  settings.progress({ kind: 'asking', id });
  const wanted: Wanted = { id, revision };
  const ask = (path: string): Promise<Answer> =>
    fetchBytes(
      { url: new URL(`${settings.endpoint}/api/models/${id}/${path}`), wanted, mostBytes: MOST_BYTES },
      settings,
    );
  const answer = await ask(`revision/${encodeURIComponent(revision)}?blobs=true`);
  const { host } = answer.url;
  const root = parsed(answer.bytes, host);
  if (!(root instanceof Map)) throw noHub(host);
  const fields = root as ReadonlyMap<string, Json>;
  const commit = fields.get('sha') ?? answer.headers.get('x-repo-commit');
  if (typeof commit !== 'string' || !isCommitName(commit)) throw noHub(host);
  // Mirrors may leave the files out here.
  const files = fields.has('siblings')
    ? filesIn(fields.get('siblings'), 'rfilename', host)
    : filesIn(parsed((await ask(`tree/${commit}?recursive=true`)).bytes, host), 'path', host);
  await keepCommit({ id, revision, commit }, settings);
  return { id, revision, commit, files };
}

function filesIn(listed: Json | undefined, key: string, host: string): HubFile[] {
  if (!Array.isArray(listed)) throw noHub(host);
  const files = (listed as readonly Json[]).flatMap((entry) => fileOf(entry, key) ?? []);
  return files.toSorted((one, other) => (one.path < other.path ? -1 : 1));
}

function parsed(bytes: Uint8Array, host: string): Json {
  try {
    return strictJson(bytes, host);
  } catch (error) {
    if (error instanceof InputError) throw noHub(host);
    throw error;
  }
}

const noHub = (host: string): InputError =>
  hubError('failed', `${host} does not answer as a hub does.`, 'Check HF_ENDPOINT and HTTPS_PROXY.');

/** Folders, and names that could leave the folder of the repository, are passed over. */
function fileOf(entry: Json, key: string): HubFile | undefined {
  if (!(entry instanceof Map)) return undefined;
  const fields = entry as ReadonlyMap<string, Json>;
  const path = fields.get(key);
  const bytes = fields.get('size');
  if (typeof path !== 'string' || !isPlainPath(path) || fields.get('type') === 'directory') return undefined;
  return { path, ...(Number.isSafeInteger(bytes) ? { bytes: bytes as number } : {}) };
}
