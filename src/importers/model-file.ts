import { closeSync, openSync, readdirSync, readFileSync, readSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import * as z from 'zod';
import { InputError } from '../errors.js';
import { type Architecture, type Model, modelSchema } from '../schema/model.js';
import { importConfig, isConfig } from './hf-config/index.js';
import { parseLenientJson } from './lenient-json.js';

/** A spec or a config is a few kilobytes; what is larger than this is something else. */
const MOST_BYTES = 8 * 1024 ** 2;

const GGUF_MAGIC = 'GGUF';

/**
 * Reads a model from a file or folder that a user named: what it is, its content says.
 *
 * @param architecture looks up a geometry that the file shares with a model of the catalogue
 * @throws InputError `bad-file` (missing, no JSON, not a spec: every problem is listed),
 *   `not-understood` for a field of a config that no rule reads, and for what is read only later (a GGUF)
 */
export function readModelFile(path: string, architecture: (id: string) => Architecture): Model {
  const file = statSync(path, { throwIfNoEntry: false });
  if (!file) throw new InputError('bad-file', { path, problem: 'there is no such file' });
  return file.isDirectory() ? readFolder(path, architecture) : readJsonFile(path, file, architecture);
}

function readFolder(path: string, architecture: (id: string) => Architecture): Model {
  const names = readdirSync(path);
  if (names.includes('config.json')) return readModelFile(join(path, 'config.json'), architecture);
  if (names.some((name) => name.endsWith('.gguf')))
    throw new InputError('not-understood', { path, what: 'a folder of GGUF files' });
  throw new InputError('bad-file', { path, problem: 'it is a folder without a config.json' });
}

function readJsonFile(path: string, file: Stats, architecture: (id: string) => Architecture): Model {
  if (firstBytes(path, GGUF_MAGIC.length) === GGUF_MAGIC)
    throw new InputError('not-understood', { path, what: 'a GGUF file' });
  if (file.size > MOST_BYTES)
    throw new InputError('bad-file', {
      path,
      problem: `it has ${file.size} bytes, more than any model spec or config`,
    });
  const value = parseJson(path);
  refuseCompanion(path, value);
  if (!isConfig(value)) return readSpec(path, value, architecture);
  const date = file.mtime.toISOString().slice(0, 'YYYY-MM-DD'.length);
  return importConfig(value, { from: path, date, id: idOf(path) });
}

/** A `config.json` is named after its folder; other files are named after themselves. */
function idOf(path: string): string {
  const name = basename(path, '.json');
  return name === 'config' ? basename(dirname(resolve(path))) || name : name;
}

/** What ModelOpt writes beside a config: it says formats, and no geometry. */
function refuseCompanion(path: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const isCompanion = 'quantization' in value && !isConfig(value) && !('architecture' in value);
  if (!isCompanion) return;
  throw new InputError('bad-file', {
    path,
    problem: 'it says how a checkpoint is quantised, not what model it is',
    hint: 'Give the config.json that lies beside it.',
  });
}

function readSpec(path: string, value: unknown, architecture: (id: string) => Architecture): Model {
  const parsed = modelSchema.safeParse(value);
  if (!parsed.success) {
    throw new InputError('bad-file', {
      path,
      problem: 'it is not a model spec',
      list: z.prettifyError(parsed.error).split('\n'),
    });
  }
  const spec = parsed.data;
  const id = spec.id ?? basename(path, '.json');
  const geometry = 'sameAs' in spec.architecture ? architecture(spec.architecture.sameAs) : spec.architecture;
  return { ...spec, id, architecture: geometry };
}

function firstBytes(path: string, count: number): string {
  const bytes = Buffer.alloc(count);
  const file = openSync(path, 'r');
  try {
    return bytes.toString('latin1', 0, readSync(file, bytes, 0, count, 0));
  } finally {
    closeSync(file);
  }
}

const BYTE_ORDER_MARK = /^\uFEFF/;

function parseJson(path: string): unknown {
  const text = readFileSync(path, 'utf8').replace(BYTE_ORDER_MARK, '');
  if (text.trim() === '') throw new InputError('bad-file', { path, problem: 'it is empty' });
  try {
    return parseLenientJson(text);
  } catch (error) {
    throw new InputError('bad-file', { path, problem: `it is no JSON: ${(error as Error).message}` });
  }
}
