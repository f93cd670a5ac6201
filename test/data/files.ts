// Every file of data/, read once.
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

const DATA = new URL('../../data/', import.meta.url);

export const KINDS = ['models', 'gpus', 'quants', 'engines', 'prices'] as const;
export type Kind = (typeof KINDS)[number];

export interface DataFile {
  readonly kind: Kind;
  /** Below `data/`. */
  readonly path: string;
  readonly id: string;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a rule looks at what may not parse.
  readonly value: any;
}

const namesBelow = (folder: string): string[] =>
  readdirSync(new URL(`${folder}/`, DATA), { recursive: true })
    .map((name) => String(name).replaceAll('\\', '/'))
    .filter((name) => name.endsWith('.json'));

/** Folders of data/ that hold files. */
export const FOLDERS: readonly string[] = readdirSync(DATA, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && namesBelow(entry.name).length > 0)
  .map(({ name }) => name);

function filesOf(kind: Kind): DataFile[] {
  return namesBelow(kind)
    .sort()
    .map((name) => {
      const path = `${kind}/${name}`;
      const text = readFileSync(new URL(path, DATA), 'utf8');
      return { kind, path, id: basename(name, '.json'), text, value: JSON.parse(text) };
    });
}

/** In the order in which the index is made: kind by kind, then by path. */
export const FILES: readonly DataFile[] = KINDS.flatMap(filesOf);

export const filesOfKind = (kind: Kind): DataFile[] => FILES.filter((file) => file.kind === kind);
