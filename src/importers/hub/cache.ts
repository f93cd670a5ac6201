import { createHash, randomBytes } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { brokenFile } from '../bytes-source.js';
import type { HubSettings } from './settings.js';

/** A commit is 40 hex digits on the hub; a mirror may have other names for it. */
const COMMIT = /^[\w-]{1,64}$/;
/** The hub's hash of a file: of git or SHA-256. */
const BLOB = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/**
 * Whether a revision is a commit, which never means anything else later.
 *
 * @example isCommit('main') // false
 */
const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision);

/**
 * Whether what the hub says is a commit can be the name of a folder.
 *
 * @example isCommitName('../..') // false
 */
export const isCommitName = (text: string): boolean => COMMIT.test(text);

/** The folder of a repository, as all tools of the hub lay it out: `blobs`, `refs` and `snapshots` in it. */
const folderOf = (id: string, { cacheFolder }: HubSettings): string =>
  join(cacheFolder, `models--${id.replaceAll('/', '--')}`);

const snapshotOf = (id: string, commit: string, settings: HubSettings): string =>
  join(folderOf(id, settings), 'snapshots', commit);

/** The commit that a revision had when it was last asked for. */
export async function cachedCommit(
  id: string,
  revision: string,
  settings: HubSettings,
): Promise<string | undefined> {
  if (isCommit(revision)) return revision;
  const text = await readFile(join(folderOf(id, settings), 'refs', ...revision.split('/')), 'utf8').catch(
    () => '',
  );
  return isCommitName(text.trim()) ? text.trim() : undefined;
}

/** The path of a file of a commit in the cache, where it is there whole. */
export async function cachedFile(
  { id, commit, path }: { readonly id: string; readonly commit: string; readonly path: string },
  settings: HubSettings,
): Promise<string | undefined> {
  const place = join(snapshotOf(id, commit, settings), ...path.split('/'));
  // A link whose file is gone counts as nothing.
  return (await stat(place).catch(() => undefined))?.isFile() ? place : undefined;
}

/** The files of a commit that are in the cache. */
export async function cachedFiles(id: string, commit: string, settings: HubSettings): Promise<string[]> {
  const folder = snapshotOf(id, commit, settings);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .toSorted();
}

/** A file to be kept. */
export interface Kept {
  readonly id: string;
  readonly commit: string;
  readonly path: string;
  readonly bytes: Uint8Array;
  /** The hub's hash of the file, as it announced it. */
  readonly etag: string | undefined;
}

/**
 * Keeps a file of a commit; nobody ever sees it half written.
 *
 * @returns its path in the snapshot
 * @throws InputError `bad-file` where the cache cannot be written
 */
export async function keepFile(
  { id, commit, path, bytes, etag }: Kept,
  settings: HubSettings,
): Promise<string> {
  const blob = join(folderOf(id, settings), 'blobs', blobName(etag, bytes));
  const place = join(snapshotOf(id, commit, settings), ...path.split('/'));
  return guarded(settings, async () => {
    await writeWhole(blob, (to) => writeFile(to, bytes));
    const target = relative(dirname(place), blob);
    await writeWhole(place, (to) => symlink(target, to).catch(() => copyFile(blob, to)));
    return place;
  });
}

/** Keeps which commit a branch or tag has. */
export async function keepCommit(
  { id, revision, commit }: { readonly id: string; readonly revision: string; readonly commit: string },
  settings: HubSettings,
): Promise<void> {
  if (revision === commit) return;
  const place = join(folderOf(id, settings), 'refs', ...revision.split('/'));
  await guarded(settings, () => writeWhole(place, (to) => writeFile(to, commit)));
}

function blobName(etag: string | undefined, bytes: Uint8Array): string {
  const hash = etag?.replace(/^W\//, '').replaceAll('"', '');
  return hash !== undefined && BLOB.test(hash) ? hash : createHash('sha256').update(bytes).digest('hex');
}

/** Writes beside the place and moves it there: readers see the old file, or the new one whole. */
async function writeWhole(place: string, write: (to: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(place), { recursive: true });
  const beside = `${place}.${randomBytes(6).toString('hex')}.incomplete`;
  try {
    await write(beside);
    await rename(beside, place);
  } finally {
    await rm(beside, { force: true });
  }
}

async function guarded<T>({ cacheFolder }: HubSettings, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw brokenFile(
      cacheFolder,
      `the cache of the hub cannot be written: ${(error as NodeJS.ErrnoException).code ?? 'it failed'}`,
      undefined,
      'Set HF_HUB_CACHE to a folder that you may write to.',
    );
  }
}
