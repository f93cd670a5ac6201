// Every file of data/, read once.
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

const DATA = new URL('../../data/', import.meta.url);

export const KINDS = ['models', 'gpus', 'quants', 'engines'] as const;
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

function filesOf(kind: Kind): DataFile[] {
  const names = readdirSync(new URL(`${kind}/`, DATA), { recursive: true }).map((name) =>
    String(name).replaceAll('\\', '/'),
  );
  return names
    .filter((name) => name.endsWith('.json'))
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
