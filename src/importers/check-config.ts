import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, relative } from 'node:path';
import { lilconfigSync } from 'lilconfig';
import { type Document, isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import type * as z from 'zod';
import { InputError } from '../errors.js';
import { checkFrameSchema, checkRowSchema, type DefaultsConfig, type RowConfig } from '../schema/check.js';

/** Names under which the file is looked for, in the folder and in those above it. */
const PLACES = [
  'llmspec.config.json',
  'llmspec.config.yaml',
  'llmspec.config.yml',
  '.llmspecrc',
  '.llmspecrc.json',
  '.llmspecrc.yaml',
  '.llmspecrc.yml',
  '.config/llmspec.json',
  '.config/llmspec.yaml',
  'package.json',
];

const PROPERTY = 'llmspec';
const MOST_BYTES = 4 * 1024 ** 2;
const HINT = 'The shape of this file: `llmspec schema check-config`; a first one: `llmspec init`.';

/** One entry of `rows` as the file says it; with faults where it cannot be read. */
export interface RowEntry {
  readonly name: string | undefined;
  readonly line: number;
  readonly config?: RowConfig;
  /** Every problem, with its line. */
  readonly faults: readonly string[];
}

/** A file of checks, its rows not yet made into requests. */
export interface CheckFile {
  /** As it is shown: relative to where the program runs. */
  readonly path: string;
  /** The folder that the paths in it start from. */
  readonly folder: string;
  readonly baseline?: string;
  readonly defaults: DefaultsConfig;
  readonly entries: readonly RowEntry[];
}

/**
 * The file of checks for a folder: in it or in the nearest folder above, as tools of the ecosystem do.
 *
 * @throws InputError `no-config` where there is none, `bad-file` for a package.json that is no JSON
 */
export function findCheckConfig(folder: string): string {
  const keep = (path: string, text: string): object =>
    basename(path) === 'package.json' ? JSON.parse(text) : { text };
  const search = lilconfigSync(PROPERTY, {
    searchPlaces: PLACES,
    ignoreEmptySearchPlaces: false,
    loaders: { '.json': keep, '.yaml': keep, '.yml': keep, noExt: keep },
  });
  const found = attempt(() => search.search(folder), 'package.json');
  if (!found) throw new InputError('no-config', { known: PLACES });
  return found.filepath;
}

function attempt<T>(read: () => T, path: string): T {
  try {
    return read();
  } catch (error) {
    throw new InputError('bad-file', { path, problem: (error as Error).message, hint: HINT });
  }
}

/**
 * Reads a file of checks.
 *
 * @throws InputError `bad-file`: missing, empty, no YAML, or wrong outside its rows: every problem is listed
 */
export function readCheckConfig(path: string, from: string): CheckFile {
  const shown = (relative(from, path) || path).replaceAll('\\', '/');
  const file = statSync(path, { throwIfNoEntry: false });
  if (!file?.isFile()) throw refusal(shown, file ? 'it is no file' : 'there is no such file');
  if (file.size > MOST_BYTES) throw refusal(shown, `it has ${file.size} bytes, more than any file of checks`);
  const text = attempt(() => readFileSync(path, 'utf8'), shown);
  return { folder: dirname(path), ...parseCheckConfig(text, shown) };
}

/**
 * Parses the text of a file of checks; of a `package.json`, what stands under `llmspec`.
 *
 * @throws InputError `bad-file`
 */
export function parseCheckConfig(text: string, path: string): Omit<CheckFile, 'folder'> {
  if (text.trim() === '') throw refusal(path, 'it is empty');
  const source = parse(text, path);
  const { root, base } = rootOf(source, path);
  const frame = checkFrameSchema.safeParse(root);
  const rows: readonly unknown[] = isRecord(root) && Array.isArray(root.rows) ? root.rows : [];
  const entries = rows.map((row, index) => entryOf(row, [...base, 'rows', index], source));
  if (!frame.success) {
    const faults = faultsOf(frame.error.issues, base, source);
    throw tooWrong(path, [...faults, ...entries.flatMap((entry) => entry.faults)]);
  }
  const { baseline, defaults = {} } = frame.data;
  return { path, ...(baseline === undefined ? {} : { baseline }), defaults, entries };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

interface Source {
  readonly document: Document;
  readonly lines: LineCounter;
}

function parse(text: string, path: string): Source {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    const faults = document.errors.map(({ pos, message }) => ({
      line: lineAt(pos[0], lines),
      text: message,
    }));
    throw tooWrong(
      path,
      faults.map(({ line, text: words }) => `line ${line}: ${words}`),
    );
  }
  return { document, lines };
}

/** The value of the file, and the keys that lead to it. */
function rootOf({ document }: Source, path: string): { root: unknown; base: PropertyKey[] } {
  // An alias that grows without end is refused by the parser with an error of its own.
  const value: unknown = attempt(() => document.toJS(), path);
  if (!/(^|[/:])package\.json$/.test(path)) return { root: value, base: [] };
  const inner = isRecord(value) ? value[PROPERTY] : undefined;
  if (inner === undefined) throw refusal(path, `it has no "${PROPERTY}"`);
  return { root: inner, base: [PROPERTY] };
}

function entryOf(row: unknown, path: readonly PropertyKey[], source: Source): RowEntry {
  const parsed = checkRowSchema.safeParse(row);
  const named = isRecord(row) && typeof row.name === 'string' ? row.name : undefined;
  const entry = { name: named, line: lineOf(path, source) };
  return parsed.success
    ? { ...entry, config: parsed.data, faults: [] }
    : { ...entry, faults: faultsOf(parsed.error.issues, path, source) };
}

type Issue = z.core.$ZodIssue;

/** Every problem as a line of text, in the order of the file. */
function faultsOf(issues: readonly Issue[], base: readonly PropertyKey[], source: Source): string[] {
  const faults = issues.flatMap(innermost).flatMap((issue) => {
    const path = [...base, ...issue.path];
    if (issue.code !== 'unrecognized_keys') return [{ line: lineOf(path, source), text: wordsOf(issue) }];
    return issue.keys.map((key) => ({
      line: lineOf([...path, key], source),
      text: `unknown key "${key}"${issue.path.length > 0 ? ` in ${issue.path.join('.')}` : ''}`,
    }));
  });
  return faults.sort((a, b) => a.line - b.line).map(({ line, text }) => `line ${line}: ${text}`);
}

/** Of several shapes that a value may have, the one that it comes nearest to: what is wrong lies deepest. */
function innermost(issue: Issue): Issue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const shapes = issue.errors.map((errors) => errors.flatMap(innermost));
  const [nearest = []] = shapes.toSorted((a, b) => depthOf(b) - depthOf(a));
  if (depthOf(nearest) === 0) return [issue];
  return nearest.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
}

const depthOf = (issues: readonly Issue[]): number =>
  Math.max(0, ...issues.map(({ path, code }) => path.length + (code === 'unrecognized_keys' ? 1 : 0)));

function wordsOf(issue: Issue): string {
  const { path, message, code } = issue;
  if (isMissing(issue)) return `${path.join('.')} is missing`;
  const where = path.length > 0 ? `${path.join('.')}: ` : '';
  const words = message.replace(/^Invalid input(: |$)/, '').replace(', received undefined', '');
  return code === 'invalid_key'
    ? `${where}there is no part of that name`
    : `${where}${words || 'expected another kind of value'}`;
}

const isMissing = (issue: Issue): boolean =>
  issue.code === 'invalid_union' &&
  issue.errors
    .flat()
    .some(({ message, path }) => path.length === 0 && message.endsWith('received undefined'));

/** The line of the value under a path of keys, or of the nearest thing above it that the file has. */
function lineOf(path: readonly PropertyKey[], { document, lines }: Source): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const key of path) {
    const inner = childOf(node, key);
    if (!inner) break;
    offset = inner.offset ?? offset;
    node = inner.node;
  }
  return lineAt(offset, lines);
}

function childOf(node: unknown, key: PropertyKey): { node: unknown; offset: number | undefined } | undefined {
  if (isMap(node)) {
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
    return pair ? { node: pair.value, offset: startOf(pair.key) } : undefined;
  }
  const items = (node as { items?: unknown[] } | null)?.items;
  const item = items?.[Number(key)];
  return item === undefined ? undefined : { node: item, offset: startOf(item) };
}

const startOf = (node: unknown): number | undefined => (node as Node | null)?.range?.[0];

const lineAt = (offset: number, lines: LineCounter): number => lines.linePos(offset).line;

const refusal = (path: string, problem: string): InputError =>
  new InputError('bad-file', { path, problem, hint: HINT });

const tooWrong = (path: string, list: readonly string[]): InputError =>
  new InputError('bad-file', {
    path,
    problem: list.length === 1 ? 'there is 1 problem in it' : `there are ${list.length} problems in it`,
    list,
    hint: HINT,
  });
