import { brokenFile } from '../bytes-source.js';
import type { Cursor } from './cursor.js';

/** A string or an array that is too long to keep: only how long it is, in bytes or items. */
export interface Skipped {
  readonly skipped: 'string' | 'array';
  readonly length: number;
}

export type Scalar = string | number | boolean;
export type GgufValue = Scalar | Skipped | readonly (Scalar | Skipped)[];

/** How much of a header is taken in. What is longer is passed over, or refused where noted. */
export interface ValueLimits {
  /** Bytes of a string that is kept. */
  readonly keptStringBytes: number;
  /** Items of an array that is kept. */
  readonly keptItems: number;
  /** Items and strings that are kept in all. */
  readonly keptInAll: number;
}

interface Reader {
  readonly bytes: number;
  readonly read: (cursor: Cursor) => number | boolean;
}

/** Values of one size by their type; source: llama.cpp v0.5.0 `ggml/include/gguf.h:gguf_type`. */
const NUMBERS: Readonly<Record<number, Reader>> = {
  0: { bytes: 1, read: (cursor) => cursor.u8() },
  1: { bytes: 1, read: (cursor) => cursor.i8() },
  2: { bytes: 2, read: (cursor) => cursor.u16() },
  3: { bytes: 2, read: (cursor) => cursor.i16() },
  4: { bytes: 4, read: (cursor) => cursor.u32() },
  5: { bytes: 4, read: (cursor) => cursor.i32() },
  6: { bytes: 4, read: (cursor) => cursor.f32() },
  7: { bytes: 1, read: (cursor) => cursor.u8() !== 0 },
  10: { bytes: 8, read: (cursor) => cursor.u64() },
  11: { bytes: 8, read: (cursor) => cursor.i64() },
  12: { bytes: 8, read: (cursor) => cursor.f64() },
};
const STRING = 8;
const ARRAY = 9;

/** What the values of one file share. */
export interface Keeping {
  readonly file: string;
  readonly limits: ValueLimits;
  /** Items and strings kept so far. */
  kept: number;
}

/** Where a value stands. */
interface Place {
  readonly key: string;
  readonly keeping: Keeping;
}

/**
 * One value of the metadata.
 *
 * @throws InputError `bad-file` for a type that does not exist, and for what goes beyond the file
 */
export async function readValue(cursor: Cursor, key: string, keeping: Keeping): Promise<GgufValue> {
  const place: Place = { key, keeping };
  await cursor.need(4, `the type of "${key}"`);
  const type = cursor.u32();
  if (type === STRING) return readString(cursor, place);
  if (type === ARRAY) return readArray(cursor, place);
  const reader = readerOf(type, place, cursor);
  await cursor.need(reader.bytes, `the value of "${key}"`);
  return reader.read(cursor);
}

function readerOf(type: number, { key, keeping }: Place, cursor: Cursor): Reader {
  const reader = NUMBERS[type];
  if (!reader)
    throw brokenFile(keeping.file, `"${key}" has the type ${type}, which does not exist`, cursor.at - 4);
  return reader;
}

const UTF8 = new TextDecoder('utf-8');

/**
 * The bytes of a string as text, what is no UTF-8 replaced.
 *
 * @example textOf(Buffer.from('llama')) // 'llama'
 */
export const textOf = (bytes: Uint8Array): string => UTF8.decode(bytes);

async function readString(cursor: Cursor, { key, keeping }: Place): Promise<string | Skipped> {
  const what = `the text of "${key}"`;
  await cursor.need(8, what);
  const length = cursor.u64();
  if (length > keeping.limits.keptStringBytes || !room(keeping, 1)) {
    cursor.skip(length, what);
    return { skipped: 'string', length };
  }
  await cursor.need(length, what);
  return textOf(cursor.bytes(length));
}

/** Whether so many more may be kept; counts them if so. */
function room(keeping: Keeping, count: number): boolean {
  if (keeping.kept + count > keeping.limits.keptInAll) return false;
  keeping.kept += count;
  return true;
}

async function readArray(cursor: Cursor, place: Place): Promise<GgufValue> {
  const { key, keeping } = place;
  const what = `the list "${key}"`;
  await cursor.need(12, what);
  const type = cursor.u32();
  const length = cursor.u64();
  if (type === ARRAY)
    throw brokenFile(keeping.file, `"${key}" is a list of lists, which GGUF does not have`, cursor.at);
  const itemBytes = type === STRING ? 8 : readerOf(type, place, cursor).bytes;
  if (length * itemBytes > cursor.left)
    throw brokenFile(
      keeping.file,
      `${what} claims ${length} items, but only ${cursor.left} bytes are left`,
      cursor.at,
    );
  if (length <= keeping.limits.keptItems && room(keeping, length))
    return type === STRING
      ? keptStrings(cursor, length, place)
      : keptNumbers(cursor, { type, length }, place);
  if (type === STRING) await skipStrings(cursor, length, what);
  else cursor.skip(length * itemBytes, what);
  return { skipped: 'array', length };
}

async function keptStrings(cursor: Cursor, length: number, place: Place): Promise<(string | Skipped)[]> {
  const items: (string | Skipped)[] = [];
  for (let index = 0; index < length; index++) items.push(await readString(cursor, place));
  return items;
}

async function keptNumbers(
  cursor: Cursor,
  { type, length }: { readonly type: number; readonly length: number },
  place: Place,
): Promise<Scalar[]> {
  const reader = readerOf(type, place, cursor);
  await cursor.need(length * reader.bytes, `the list "${place.key}"`);
  return Array.from({ length }, () => reader.read(cursor));
}

/** Passes over a vocabulary: waits only where the bytes at hand run out. */
async function skipStrings(cursor: Cursor, length: number, what: string): Promise<void> {
  let left = length;
  while (left > 0) {
    left -= cursor.passStrings(left);
    if (left === 0) return;
    await cursor.need(8, what);
    cursor.skip(cursor.u64(), what);
    left--;
  }
}
