import { type ByteSource, brokenFile, faultOfName, otherFormat } from '../bytes-source.js';
import { Cursor } from './cursor.js';
import { ggmlBlock, whyNoType } from './ggml-blocks.js';
import { type GgufValue, type Keeping, readValue, textOf, type ValueLimits } from './values.js';

/** A tensor as the header lists it. */
export interface GgufTensorInfo {
  readonly name: string;
  /** Elements a dimension in ggml's order: the row length first. */
  readonly ne: readonly number[];
  /** Name of the ggml type, such as `Q4_K`. */
  readonly type: string;
  /** Bytes from the start of the data. */
  readonly offset: number;
  readonly bytes: number;
}

/** All that stands in front of the data. */
export interface GgufHeader {
  /** The file, as messages call it. */
  readonly name: string;
  readonly version: number;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: readonly GgufTensorInfo[];
  /** Place in the file of the first byte of data. */
  readonly dataOffset: number;
  /** `false`: the file is a header alone, without any data. */
  readonly hasData: boolean;
}

/** How large a header may be. All limits lie far above what models have. */
export interface GgufLimits extends ValueLimits {
  readonly tensors: number;
  readonly keys: number;
  readonly keyBytes: number;
  readonly headerBytes: number;
}

const GGUF_LIMITS: GgufLimits = {
  tensors: 50_000,
  keys: 10_000,
  keyBytes: 1024,
  headerBytes: 64 * 1024 ** 2,
  keptStringBytes: 1024,
  keptItems: 4096,
  keptInAll: 100_000,
};

/** `ggml.h:GGML_MAX_NAME`, less the zero at the end. */
const NAME_BYTES = 63;
/** `ggml.h:GGML_MAX_DIMS` */
const MOST_DIMENSIONS = 4;
/** `gguf.h:GGUF_DEFAULT_ALIGNMENT` */
const ALIGNMENT = 32;
const MOST_ALIGNMENT = 2 ** 20;

/** Bytes of the shortest key with its value, and of the shortest tensor. */
const LEAST_KEY = 8 + 1 + 4 + 1;
const LEAST_TENSOR = 8 + 1 + 4 + 4 + 8;

const NOT_GGUF = 'A GGUF file starts with the letters GGUF.';

/**
 * Reads the header of one GGUF file, by the rules with which llama.cpp itself reads it
 * (v0.5.0 `ggml/src/gguf.cpp:gguf_init_from_reader`). Vocabularies are passed over: only their length is kept.
 *
 * @returns bytes of every tensor in its own type; offsets count from `dataOffset`
 * @throws InputError `bad-file` with what is wrong and at which byte: not a GGUF, cut off, counts or lengths
 *   beyond the file or the limits, keys or tensors twice, shapes that overflow, types that do not exist,
 *   tensors that overlap or leave gaps, data that is there only in part
 * @example (await readGgufHeader(await localSource('Llama-3.1-8B-Q4_K_M.gguf'))).tensors.length // 292
 */
export async function readGgufHeader(
  source: ByteSource,
  limits: GgufLimits = GGUF_LIMITS,
): Promise<GgufHeader> {
  const cursor = new Cursor(source, limits.headerBytes);
  const file = source.name;
  const version = await readVersion(cursor, source);
  await cursor.need(16, 'the number of tensors and keys');
  const tensorCount = countOf(cursor, { file, what: 'tensors', most: limits.tensors, least: LEAST_TENSOR });
  const keyCount = countOf(cursor, { file, what: 'keys', most: limits.keys, least: LEAST_KEY });
  const metadata = await readMetadata(cursor, { file, count: keyCount, limits });
  const alignment = alignmentOf(metadata, file);
  const tensors = await readTensors(cursor, { file, count: tensorCount, alignment });
  const dataOffset = aligned(cursor.at, alignment);
  const hasData = checkData(tensors, dataOffset, source);
  return { name: file, version, metadata, tensors, dataOffset, hasData };
}

async function readVersion(cursor: Cursor, source: ByteSource): Promise<number> {
  const start = await source.read(0, Math.min(source.size, 64));
  if (textOf(start.subarray(0, 4)) !== 'GGUF')
    throw brokenFile(source.name, otherFormat(start) ?? 'it is no GGUF file', 0, NOT_GGUF);
  await cursor.need(8, 'the version');
  cursor.bytes(4);
  const version = cursor.u32();
  if (version === 2 || version === 3) return version;
  if (version !== 0 && version % 0x10000 === 0)
    throw brokenFile(
      source.name,
      'it is written big end first',
      4,
      'Convert it with gguf_convert_endian.py of llama.cpp.',
    );
  throw brokenFile(
    source.name,
    `it has version ${version} of the format, and versions 2 and 3 are read`,
    4,
    version === 1 ? 'llama.cpp does not read it either: convert the model again.' : undefined,
  );
}

interface Counted {
  readonly file: string;
  readonly what: string;
  readonly most: number;
  /** Bytes that each of them takes at least. */
  readonly least: number;
}

function countOf(cursor: Cursor, { file, what, most, least }: Counted): number {
  const at = cursor.at;
  const count = cursor.u64();
  if (count * least > cursor.left)
    throw brokenFile(
      file,
      `it claims ${count} ${what}, more than its ${cursor.left + at} bytes can hold`,
      at,
    );
  if (count > most)
    throw brokenFile(
      file,
      `it claims ${count} ${what}, and no model has more than ${most}`,
      at,
      'This is no GGUF file of a model.',
    );
  return count;
}

interface Listed {
  readonly file: string;
  readonly count: number;
}

async function readMetadata(
  cursor: Cursor,
  { file, count, limits }: Listed & { readonly limits: GgufLimits },
): Promise<Map<string, GgufValue>> {
  const metadata = new Map<string, GgufValue>();
  const keeping: Keeping = { file, limits, kept: 0 };
  for (let index = 0; index < count; index++) {
    const at = cursor.at;
    const key = await readName(cursor, { file, what: `key ${index + 1}`, most: limits.keyBytes });
    if (metadata.has(key)) throw brokenFile(file, `the key "${key}" is there twice`, at);
    metadata.set(key, await readValue(cursor, key, keeping));
  }
  return metadata;
}

async function readName(
  cursor: Cursor,
  { file, what, most }: { readonly file: string; readonly what: string; readonly most: number },
): Promise<string> {
  const at = cursor.at;
  await cursor.need(8, `the name of ${what}`);
  const length = cursor.u64();
  if (length > most) throw brokenFile(file, `the name of ${what} has ${length} bytes, not 1 to ${most}`, at);
  await cursor.need(length, `the name of ${what}`);
  const name = textOf(cursor.bytes(length));
  const fault = faultOfName(name);
  if (fault) throw brokenFile(file, `${what} has ${fault}`, at);
  return name;
}

function alignmentOf(metadata: ReadonlyMap<string, GgufValue>, file: string): number {
  const value = metadata.get('general.alignment') ?? ALIGNMENT;
  const isPower = typeof value === 'number' && Number.isInteger(Math.log2(value));
  if (!isPower || value < 1 || value > MOST_ALIGNMENT)
    throw brokenFile(file, `general.alignment is ${shown(value)}, no power of two up to ${MOST_ALIGNMENT}`);
  return value;
}

const shown = (value: GgufValue): string =>
  typeof value === 'object' ? 'no number' : JSON.stringify(value).slice(0, 40);

const aligned = (at: number, alignment: number): number => Math.ceil(at / alignment) * alignment;

async function readTensors(
  cursor: Cursor,
  { file, count, alignment }: Listed & { readonly alignment: number },
): Promise<GgufTensorInfo[]> {
  const tensors: GgufTensorInfo[] = [];
  const names = new Set<string>();
  let expected = 0;
  for (let index = 0; index < count; index++) {
    const at = cursor.at;
    const tensor = await readTensor(cursor, file, index);
    if (names.has(tensor.name)) throw brokenFile(file, `the tensor "${tensor.name}" is there twice`, at);
    if (tensor.offset !== expected)
      throw brokenFile(
        file,
        `the data of "${tensor.name}" starts at ${tensor.offset} and not at ${expected}, where the tensor before it ends`,
        at,
      );
    names.add(tensor.name);
    tensors.push(tensor);
    expected = aligned(tensor.offset + tensor.bytes, alignment);
  }
  return tensors;
}

async function readTensor(cursor: Cursor, file: string, index: number): Promise<GgufTensorInfo> {
  const what = `tensor ${index + 1}`;
  const name = await readName(cursor, { file, what, most: NAME_BYTES });
  await cursor.need(4, `the shape of "${name}"`);
  const dimensions = cursor.u32();
  if (dimensions > MOST_DIMENSIONS)
    throw brokenFile(
      file,
      `"${name}" has ${dimensions} dimensions, and ${MOST_DIMENSIONS} are the most`,
      cursor.at - 4,
    );
  await cursor.need(8 * dimensions + 12, `the shape of "${name}"`);
  const at = cursor.at;
  const ne = dimensions === 0 ? [1] : Array.from({ length: dimensions }, () => cursor.i64());
  const wrong = ne.find((length) => length < 1 || !Number.isSafeInteger(length));
  if (wrong !== undefined) throw brokenFile(file, `"${name}" has a dimension of ${wrong}`, at);
  const bytes = bytesOf(ne, cursor.u32(), { file, name, at });
  return { name, ne, ...bytes, offset: cursor.u64() };
}

function bytesOf(
  ne: readonly number[],
  typeId: number,
  { file, name, at }: { readonly file: string; readonly name: string; readonly at: number },
): { type: string; bytes: number } {
  const block = ggmlBlock(typeId);
  if (!block)
    throw brokenFile(
      file,
      `"${name}" has ${whyNoType(typeId)}`,
      at,
      'Make the file again with a current llama-quantize.',
    );
  if (ne[0]! % block.elements !== 0)
    throw brokenFile(
      file,
      `a row of "${name}" has ${ne[0]} elements, no whole blocks of ${block.elements} (${block.name})`,
      at,
    );
  const elements = ne.reduce((product, length) => product * length, 1);
  const bytes = (elements / block.elements) * block.bytes;
  if (!Number.isSafeInteger(elements) || !Number.isSafeInteger(bytes))
    throw brokenFile(file, `"${name}" has the shape ${ne.join(' x ')}, larger than any file`, at);
  return { type: block.name, bytes };
}

/** A header alone is taken, data cut off is not: llama.cpp calls it "corrupted or incomplete". */
function checkData(tensors: readonly GgufTensorInfo[], dataOffset: number, source: ByteSource): boolean {
  const last = tensors.at(-1);
  if (!last || source.size <= dataOffset) return false;
  const end = dataOffset + last.offset + last.bytes;
  if (end > source.size)
    throw brokenFile(
      source.name,
      `its data goes to byte ${end}, but the file ends at byte ${source.size}`,
      source.size,
    );
  return true;
}
