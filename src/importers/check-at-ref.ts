import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, posix } from 'node:path';
import { InputError } from '../errors.js';
import { type CheckFile, parseCheckConfig } from './check-config.js';
import { looksLikePath } from './paths.js';

/** What a git command prints in a folder; `undefined` where git refuses it. */
export type Git = (args: readonly string[], folder: string) => Promise<string | undefined>;

/** A file of checks as it was, with the models it names, in a folder of its own. */
export interface FileAtRef {
  readonly file: CheckFile;
  /** Takes the folder away. */
  readonly remove: () => void;
}

/**
 * The same file of checks at another commit, laid out in a temporary folder with the model files it names.
 *
 * @throws InputError `no-baseline` where there is no such commit or no such file in it, `bad-file` as it was
 */
export async function checkFileAt(ref: string, { path, folder }: CheckFile, git: Git): Promise<FileAtRef> {
  const commit = (
    await git(['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`], folder)
  )?.trim();
  if (!commit)
    throw new InputError('no-baseline', { name: ref, problem: 'it is neither a file nor a git ref' });
  const prefix = (await git(['rev-parse', '--show-prefix'], folder))?.trim() ?? '';
  const name = basename(path);
  const text = await git(['show', `${commit}:${prefix}${name}`], folder);
  if (text === undefined)
    throw new InputError('no-baseline', { name: ref, problem: `it has no ${prefix}${name}` });
  const parsed = parseCheckConfig(text, `${ref}:${path}`);
  const root = mkdtempSync(join(tmpdir(), 'llmspec-check-'));
  const remove = (): void => rmSync(root, { recursive: true, force: true });
  try {
    for (const model of modelsOf(parsed.entries)) {
      await copy(posix.normalize(`${prefix}${model}`), { commit, folder, git, root });
    }
  } catch (error) {
    remove();
    throw error;
  }
  return { file: { ...parsed, folder: join(root, prefix) }, remove };
}

/** Names that may be paths below the file; what is none is not in the commit either. */
function modelsOf(entries: CheckFile['entries']): string[] {
  const names = entries.flatMap(({ config }) => config?.model ?? []);
  return [...new Set(names)].filter(
    (name) => !/^(\/|[a-z]:[\\/])/i.test(name) && (looksLikePath(name) || /^[\w./-]+$/.test(name)),
  );
}

interface Copying {
  readonly commit: string;
  readonly folder: string;
  readonly git: Git;
  readonly root: string;
}

async function copy(path: string, { commit, folder, git, root }: Copying): Promise<void> {
  if (path.startsWith('..')) return;
  const listed = await git(
    ['ls-tree', '-r', '-z', '--name-only', '--full-tree', commit, '--', path.replace(/\/$/, '')],
    folder,
  );
  for (const file of (listed ?? '').split('\0').filter((name) => name !== '')) {
    const text = await git(['show', `${commit}:${file}`], folder);
    if (text === undefined) continue;
    mkdirSync(join(root, dirname(file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
}
