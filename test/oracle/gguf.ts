// Writes GGUF files without data: a header, and a hole where the tensors would be.
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { type GgmlType, rowBytes } from '../../src/core/quant/ggml-types.js';

/** A number with a fraction: the others are written as whole ones. */
export interface Float {
  readonly float: number;
}

type Single = number | boolean | string | Float;
export type MetadataValue = Single | readonly Single[];
export type Metadata = Readonly<Record<string, MetadataValue>>;

export interface FileTensor {
  readonly name: string;
  /** In ggml's order: the row length first. */
  readonly ne: readonly number[];
  readonly type: GgmlType;
}

/** `ggml/include/ggml.h:ggml_type` of v0.5.0. */
export const GGML_TYPE_IDS: Readonly<Record<GgmlType, number>> = {
  F32: 0,
  I32: 26,
  F16: 1,
  Q4_0: 2,
  Q4_1: 3,
  Q5_0: 6,
  Q5_1: 7,
  Q8_0: 8,
  Q2_K: 10,
  Q3_K: 11,
  Q4_K: 12,
  Q5_K: 13,
  Q6_K: 14,
  IQ2_XXS: 16,
  IQ2_XS: 17,
  IQ3_XXS: 18,
  IQ1_S: 19,
  IQ4_NL: 20,
  IQ3_S: 21,
  IQ2_S: 22,
  IQ4_XS: 23,
  IQ1_M: 29,
  BF16: 30,
  TQ1_0: 34,
  TQ2_0: 35,
  MXFP4: 39,
  NVFP4: 40,
  Q1_0: 41,
  Q2_0: 42,
};

/** `ggml/include/gguf.h:gguf_type`. */
const KINDS = { uint32: 4, float32: 6, bool: 7, string: 8, array: 9 };

const VERSION = 3;
const ALIGNMENT = 32;

/**
 * Writes a file that llama.cpp loads without its data: the tensors take room in a hole, not on the disk.
 *
 * @example writeGguf('/tmp/a.gguf', { 'general.architecture': 'llama' }, tensors)
 */
export function writeGguf(path: string, metadata: Metadata, tensors: readonly FileTensor[]): void {
  const pairs = Object.entries(metadata);
  const { infos, dataBytes } = placed(tensors);
  const header = Buffer.concat([
    Buffer.from('GGUF'),
    uint32(VERSION),
    uint64(tensors.length),
    uint64(pairs.length),
    ...pairs.flatMap(([key, value]) => [text(key), typed(value)]),
    ...infos,
  ]);
  const file = openSync(path, 'w');
  try {
    writeSync(file, header);
    ftruncateSync(file, aligned(header.length) + dataBytes);
  } finally {
    closeSync(file);
  }
}

function placed(tensors: readonly FileTensor[]): { infos: Buffer[]; dataBytes: number } {
  let dataBytes = 0;
  const infos = tensors.map(({ name, ne, type }) => {
    const dims = Buffer.concat([uint32(ne.length), ...ne.map(uint64)]);
    const info = Buffer.concat([text(name), dims, uint32(GGML_TYPE_IDS[type]), uint64(dataBytes)]);
    dataBytes += aligned(
      rowBytes(
        type,
        ne.reduce((all, dim) => all * dim, 1),
      ),
    );
    return info;
  });
  return { infos, dataBytes };
}

const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

function typed(value: MetadataValue): Buffer {
  if (!isList(value)) return Buffer.concat([uint32(KINDS[kindOf(value)]), plain(value)]);
  const kind = KINDS[kindOf(value[0] ?? 0)];
  return Buffer.concat([uint32(KINDS.array), uint32(kind), uint64(value.length), ...value.map(plain)]);
}

const isList = (value: MetadataValue): value is readonly Single[] => Array.isArray(value);

function kindOf(value: Single): keyof typeof KINDS {
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'number' ? 'uint32' : 'float32';
}

function plain(value: Single): Buffer {
  if (typeof value === 'string') return text(value);
  if (typeof value === 'boolean') return Buffer.from([Number(value)]);
  return typeof value === 'number' ? uint32(value) : float32(value.float);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint64(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function float32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}
