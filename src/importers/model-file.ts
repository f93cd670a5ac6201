import { closeSync, openSync, readdirSync, readFileSync, readSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import * as z from 'zod';
import { InputError } from '../errors.js';
import { type Model, modelSchema } from '../schema/model.js';
import { summaryOf } from './checkpoint.js';
import { heldModel } from './gguf/held.js';
import { readGgufFile } from './gguf/split.js';
import { importConfig, isConfig } from './hf-config/index.js';
import type { Known } from './known.js';
import { parseLenientJson } from './lenient-json.js';
import { readCheckpointPath } from './safetensors/checkpoint.js';

/** A spec or a config is a few kilobytes; what is larger than this is something else. */
const MOST_BYTES = 8 * 1024 ** 2;

const GGUF_MAGIC = 'GGUF';
const GGUF_FILE = /\.gguf$/i;
const LATER_PART = /-(?!00001)\d{5}-of-\d{5}\.gguf$/i;
const CHECKPOINT = /\.safetensors(\.index\.json)?$/i;

/**
 * Reads a model from a file or folder that a user named: a spec, a config with its checkpoint, or a GGUF. What it is,
 * its content says.
 *
 * @throws InputError `bad-file` (missing, broken, no spec: every problem is listed),
 *   `not-understood` for what no rule reads, by its name
 * @example (await readModelFile('models/mine.json', known)).architecture.hiddenSize // 4096
 */
export async function readModelFile(path: string, known: Known): Promise<Model> {
  const file = statSync(path, { throwIfNoEntry: false });
  if (!file) throw new InputError('bad-file', { path, problem: 'there is no such file' });
  if (file.isDirectory()) return readFolder(path, known);
  if (CHECKPOINT.test(path)) return readBeside(path, known);
  return firstBytes(path, GGUF_MAGIC.length) === GGUF_MAGIC
    ? readGgufModel(path, known)
    : readJsonFile(path, file, known);
}

async function readFolder(path: string, known: Known): Promise<Model> {
  const names = readdirSync(path);
  if (names.includes('config.json')) {
    const model = await readModelFile(join(path, 'config.json'), known);
    return names.some((name) => CHECKPOINT.test(name)) ? withCheckpoint(model, path) : model;
  }
  const models = names.filter((name) => GGUF_FILE.test(name) && !LATER_PART.test(name)).sort();
  if (models.length === 1) return readModelFile(join(path, models[0]!), known);
  if (models.length > 1)
    throw new InputError('bad-file', {
      path,
      problem: `it holds ${models.length} GGUF files`,
      hint: `Name one of them: ${models.slice(0, 3).join(', ')} …`,
    });
  throw new InputError('bad-file', { path, problem: 'it is a folder without a config.json or a GGUF file' });
}

/** A checkpoint says its tensors; what model they make, the config beside it says. */
function readBeside(path: string, known: Known): Promise<Model> {
  const folder = dirname(path);
  if (readdirSync(folder).includes('config.json')) return readFolder(folder, known);
  throw new InputError('bad-file', {
    path,
    problem: 'it has no config.json beside it, and its tensors alone do not say what model they make',
    hint: 'Put the config.json of the release into the same folder.',
  });
}

async function withCheckpoint(model: Model, folder: string): Promise<Model> {
  return { ...model, checkpoint: summaryOf(await readCheckpointPath(folder)) };
}

async function readGgufModel(path: string, { ggufNames }: Known): Promise<Model> {
  const gguf = await readGgufFile(path);
  const id = basename(path).replace(/(-\d{5}-of-\d{5})?\.gguf$/i, '');
  return heldModel(gguf, id, { from: path, date: gguf.date!, architectures: ggufNames });
}

function readJsonFile(path: string, file: Stats, known: Known): Model {
  if (file.size > MOST_BYTES)
    throw new InputError('bad-file', {
      path,
      problem: `it has ${file.size} bytes, more than any model spec or config`,
    });
  const date = file.mtime.toISOString().slice(0, 'YYYY-MM-DD'.length);
  return modelOfJson(parseJson(path), { path, from: path, date, id: idOf(path) }, known);
}

/** Where a JSON file came from. */
interface JsonOrigin {
  readonly path: string;
  readonly from: string;
  readonly date: string;
  readonly id: string;
}

function modelOfJson(value: unknown, { path, from, date, id }: JsonOrigin, known: Known): Model {
  refuseCompanion(path, value);
  return isConfig(value) ? importConfig(value, { from, date, id }) : readSpec(path, value, known);
}

/**
 * A `config.json` that lies on this machine and came from somewhere else.
 *
 * @throws InputError as `readModelFile`
 */
export function readConfigFrom(path: string, origin: Omit<JsonOrigin, 'path'>, known: Known): Model {
  return modelOfJson(parseJson(path), { ...origin, path: origin.from }, known);
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

function readSpec(path: string, value: unknown, { architecture }: Known): Model {
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
