import type { PreparedModel } from '../../../src/core/engines/llama-cpp/prepare.js';
import type { Float, MetadataValue } from '../../oracle/gguf.js';
import { metadataOf, tensorsOf } from '../../oracle/model-file.js';
import type { Written, WrittenGguf } from './gguf-writer.js';

/** The header of the file that llama.cpp's converter would make of a spec: what the oracle has the engine load. */
export const ggufOfSpec = (prepared: PreparedModel): WrittenGguf => ({
  metadata: Object.fromEntries(
    Object.entries(metadataOf(prepared)).map(([key, value]) => [key, written(value)]),
  ),
  tensors: tensorsOf(prepared),
});

/** `ggml/include/gguf.h:gguf_type`. */
const FLOAT = 6;
const BOOL = 7;
const ARRAY = 9;

const isFloat = (value: unknown): value is Float =>
  typeof value === 'object' && value !== null && 'float' in value;

const plain = (value: number | boolean | string | Float): number | string =>
  isFloat(value) ? value.float : typeof value === 'boolean' ? Number(value) : value;

function written(value: MetadataValue): Written {
  if (isFloat(value)) return { type: FLOAT, value: value.float };
  if (!Array.isArray(value)) return value as Written;
  const items = value as readonly (number | boolean | string | Float)[];
  const itemType = isFloat(items[0]) ? FLOAT : typeof items[0] === 'boolean' ? BOOL : undefined;
  const numbers = items.map(plain);
  return itemType === undefined ? numbers : { type: ARRAY, itemType, value: numbers };
}
