import type { Command } from 'commander';
import { InputError } from '../errors.js';
import { printable } from '../render/cells.js';
import type { Document } from '../render/document.js';
import { jsonText } from '../render/json.js';
import type { Outside } from './outside.js';

const FORMATS = ['table', 'json', 'csv', 'markdown'] as const;
export type Format = (typeof FORMATS)[number];

export interface OutputFlags {
  format?: string;
  json?: true;
  output?: string;
}

/** Adds the flags that say how an answer is written; a command may have formats of its own. */
export function outputFlags(command: Command, more: readonly string[] = []): Command {
  return command
    .option('--format <name>', `one of ${[...FORMATS, ...more].join(', ')} (default: table)`)
    .option('--json', 'the same as --format json')
    .option('-o, --output <file>', 'write there instead of standard output, whole or not at all');
}

/**
 * The format that was asked for.
 *
 * @throws InputError `unknown-format`, `contradiction`
 */
export function formatOf<M extends string = never>(
  { format, json }: OutputFlags,
  more: readonly M[] = [],
): Format | M {
  const known: readonly (Format | M)[] = [...FORMATS, ...more];
  const asked = known.find((name) => name === format?.toLowerCase());
  if (format !== undefined && !asked) throw new InputError('unknown-format', { name: format, known });
  if (json && asked && asked !== 'json')
    throw new InputError('contradiction', { one: '--json', other: `--format ${format}` });
  return json ? 'json' : (asked ?? 'table');
}

/** What a command has to say: the document for readers, the value for programs; each made only when asked for. */
export interface Answer {
  readonly document: () => Document | Promise<Document>;
  readonly json: () => object;
  /** Notes for stderr where the format has no place for them. */
  readonly notes?: () => readonly string[];
  /** Formats of this command alone, by name. */
  readonly more?: Readonly<Record<string, () => string | Promise<string>>>;
}

/** Writes an answer in the format asked for, to the file or to standard output. */
export async function write(answer: Answer, flags: OutputFlags, outside: Outside): Promise<void> {
  const format = formatOf(flags, Object.keys(answer.more ?? {}));
  const text = await rendered(answer, format, { flags, outside });
  if (flags.output === undefined) await outside.out(text);
  else writeFile(flags.output, text, outside);
  if (format === 'csv') for (const note of answer.notes?.() ?? []) outside.err(`note: ${note}\n`);
}

async function rendered(
  answer: Answer,
  format: string,
  { flags, outside }: { flags: OutputFlags; outside: Outside },
): Promise<string> {
  switch (format) {
    case 'json':
      return jsonText(answer.json());
    case 'csv':
      return (await import('../render/pages.js')).renderCsv((await answer.document()).csv);
    case 'markdown':
      return (await import('../render/pages.js')).renderMarkdown(await answer.document());
    default: {
      const own = answer.more?.[format];
      if (own) return own();
      const colour = flags.output === undefined && wantsColour(outside);
      return (await import('../render/pages.js')).renderText(await answer.document(), {
        columns: outside.columns,
        colour,
      });
    }
  }
}

/** `NO_COLOR` wins, then `FORCE_COLOR`, then whether a person is looking. */
function wantsColour({ env, outIsTerminal }: Outside): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '') return env.FORCE_COLOR !== '0';
  return outIsTerminal;
}

const FILE_PROBLEMS: Record<string, string> = {
  ENOENT: 'its folder does not exist',
  EACCES: 'there is no permission',
  EISDIR: 'a folder has that name',
  ENOTDIR: 'part of its path is a file',
  ENOSPC: 'the disk is full',
  EROFS: 'the disk is read-only',
};

/**
 * Writes a file whole or not at all.
 *
 * @throws InputError `bad-file`
 */
export function writeFile(path: string, text: string, outside: Outside): void {
  try {
    outside.writeFile(path, text);
  } catch (error) {
    const { code = '' } = error as { code?: string };
    const problem = `it cannot be written: ${FILE_PROBLEMS[code] ?? code}`;
    throw new InputError('bad-file', { path: printable(path), problem, hint: 'Nothing was written.' });
  }
}
