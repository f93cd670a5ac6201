import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as z from 'zod';
import { InputError } from '../errors.js';
import { type Architecture, type Model, modelSchema } from '../schema/model.js';

/** A spec or a config is a few kilobytes; what is larger than this is something else. */
const MOST_BYTES = 8 * 1024 ** 2;

const GGUF_MAGIC = 'GGUF';

/**
 * Reads a model from a file or folder that a user named: what it is, its content says.
 *
 * @param architecture looks up a geometry that the file shares with a model of the catalogue
 * @throws InputError `bad-file` (missing, no JSON, not a spec: every problem is listed),
 *   `not-understood` for what is read only later (a Hugging Face config, a GGUF)
 */
export function readModelFile(path: string, architecture: (id: string) => Architecture): Model {
  const file = statSync(path, { throwIfNoEntry: false });
  if (!file) throw new InputError('bad-file', { path, problem: 'there is no such file' });
  return file.isDirectory() ? readFolder(path, architecture) : readSpec(path, file.size, architecture);
}

function readFolder(path: string, architecture: (id: string) => Architecture): Model {
  const names = readdirSync(path);
  if (names.includes('config.json')) return readModelFile(join(path, 'config.json'), architecture);
  if (names.some((name) => name.endsWith('.gguf')))
    throw new InputError('not-understood', { path, what: 'a folder of GGUF files' });
  throw new InputError('bad-file', { path, problem: 'it is a folder without a config.json' });
}

function readSpec(path: string, size: number, architecture: (id: string) => Architecture): Model {
  if (firstBytes(path, GGUF_MAGIC.length) === GGUF_MAGIC)
    throw new InputError('not-understood', { path, what: 'a GGUF file' });
  if (size > MOST_BYTES)
    throw new InputError('bad-file', { path, problem: `it has ${size} bytes, more than any model spec` });
  const value = parseJson(path);
  refuseConfig(path, value);
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
    return JSON.parse(text);
  } catch (error) {
    // Some released configs hold a bare Infinity, which is no JSON.
    const config = /"(?:architectures|model_type)"\s*:\s*\[?\s*"([^"]+)"/.exec(text);
    if (config && /\b(?:Infinity|NaN)\b/.test(text)) {
      throw new InputError('not-understood', {
        path,
        what: 'a Hugging Face config',
        field: `architectures ${config[1]}`,
      });
    }
    throw new InputError('bad-file', { path, problem: `it is no JSON: ${(error as Error).message}` });
  }
}

/** A config of a released model says `architectures` or `model_type`; a spec never does. */
function refuseConfig(path: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const { architectures, model_type } = value as { architectures?: unknown; model_type?: unknown };
  const named = Array.isArray(architectures) ? architectures.join(', ') : model_type;
  if (typeof named !== 'string') return;
  throw new InputError('not-understood', {
    path,
    what: 'a Hugging Face config',
    field: `architectures ${named}`,
  });
}
