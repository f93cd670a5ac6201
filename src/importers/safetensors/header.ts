import { type ByteSource, brokenFile, faultOfName, otherFormat } from '../bytes-source.js';
import { bitsOf } from './dtypes.js';
import { type Json, strictJson } from './strict-json.js';

/** A tensor as the header lists it. */
export interface SafetensorsTensor {
  readonly name: string;
  /** Such as `BF16`. */
  readonly dtype: string;
  /** Slowest dimension first, as in the code of the maker; empty for a single number. */
  readonly shape: readonly number[];
  readonly bytes: number;
}

/** All that stands in front of the data of one file. */
export interface SafetensorsHeader {
  /** The file, as messages call it. */
  readonly name: string;
  readonly tensors: readonly SafetensorsTensor[];
  readonly metadata: ReadonlyMap<string, string>;
  /** Of the whole file. */
  readonly fileBytes: number;
}

/** Bytes of a header that are read at most. The format allows 100 MB; those of models have 1 MB and less. */
const MOST_HEADER_BYTES = 32 * 1024 ** 2;

const LENGTH_BYTES = 8;
const FIRST_READ = 64 * 1024;

const NOT_SAFETENSORS = 'A safetensors file starts with the length of its header and a JSON object.';

/**
 * Reads the header of one safetensors file.
 *
 * @returns bytes of every tensor, checked against its type and shape and against the file
 * @throws InputError `bad-file` with what is wrong and at which byte: not safetensors, cut off, a name twice,
 *   a type that does not exist, sizes that disagree, data with gaps or overlaps, bytes behind the data
 * @example (await readSafetensors(await localSource('model.safetensors'))).tensors[0] // { name, dtype: 'BF16', … }
 */
export async function readSafetensors(
  source: ByteSource,
  mostHeaderBytes = MOST_HEADER_BYTES,
): Promise<SafetensorsHeader> {
  const { name: file, size } = source;
  const { json, dataStart } = await readHeader(source, mostHeaderBytes);
  const root = strictJson(json, file, LENGTH_BYTES);
  if (!(root instanceof Map)) throw brokenFile(file, 'its header is no JSON object', LENGTH_BYTES);
  const metadata = metadataOf(root.get('__metadata__'), file);
  const placed = [...(root as ReadonlyMap<string, Json>)]
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => tensorOf(name, value, file));
  checkData(placed, size - dataStart, source);
  const tensors = placed.map(({ name, dtype, shape, bytes }) => ({ name, dtype, shape, bytes }));
  return { name: file, tensors, metadata, fileBytes: size };
}

async function readHeader(
  source: ByteSource,
  most: number,
): Promise<{ json: Uint8Array; dataStart: number }> {
  const { name: file, size } = source;
  const start = await source.read(0, Math.min(size, FIRST_READ));
  // Any two bytes may be the start of a length, so other formats are looked for only where this is none.
  const fault = (problem: string): Error =>
    brokenFile(file, otherFormat(start) ?? problem, 0, NOT_SAFETENSORS);
  if (size < LENGTH_BYTES) throw fault(`it has ${size} bytes, too few for any header`);
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  if (length > size - LENGTH_BYTES)
    throw fault(
      `its header claims ${length} bytes, but the file has ${size}: it is cut off or something else`,
    );
  if (length > most) throw fault(`its header claims ${length} bytes, and no model has more than ${most}`);
  const end = LENGTH_BYTES + length;
  // The format asks for this sign, and it keeps files apart that are something else.
  if (length === 0 || start[LENGTH_BYTES] !== 0x7b) throw fault('its header does not start with {');
  const json =
    end <= start.length ? start.subarray(LENGTH_BYTES, end) : await source.read(LENGTH_BYTES, length);
  return { json, dataStart: end };
}

function metadataOf(value: Json | undefined, file: string): ReadonlyMap<string, string> {
  if (value === undefined) return new Map();
  if (!(value instanceof Map)) throw brokenFile(file, '__metadata__ is no JSON object');
  for (const [key, text] of value as ReadonlyMap<string, Json>)
    if (typeof text !== 'string')
      throw brokenFile(file, `__metadata__ has something else than text under "${key}"`);
  return value as ReadonlyMap<string, string>;
}

interface Placed extends SafetensorsTensor {
  readonly start: number;
}

const KEYS = ['dtype', 'shape', 'data_offsets'];

function tensorOf(name: string, value: Json, file: string): Placed {
  const fault = (problem: string): Error => brokenFile(file, `the tensor "${name}" has ${problem}`);
  const nameFault = faultOfName(name);
  if (nameFault) throw brokenFile(file, `a tensor has ${nameFault}`);
  if (!(value instanceof Map)) throw fault('no JSON object');
  const fields = value as ReadonlyMap<string, Json>;
  const unknown = [...fields.keys()].find((key) => !KEYS.includes(key));
  if (unknown !== undefined) throw fault(`the key "${unknown}", which the format does not have`);
  const dtype = fields.get('dtype');
  const bits = typeof dtype === 'string' ? bitsOf(dtype) : undefined;
  if (typeof dtype !== 'string' || bits === undefined)
    throw fault(`the type ${JSON.stringify(dtype)?.slice(0, 40)}, which does not exist`);
  const shape = countsIn(fields.get('shape'));
  if (!shape) throw fault('a shape that is no list of whole numbers from 0');
  const [start, end, ...more] = countsIn(fields.get('data_offsets')) ?? [];
  if (start === undefined || end === undefined || more.length > 0 || end < start)
    throw fault('data_offsets that are not a start and an end');
  const elements = shape.reduce((product, length) => product * length, 1);
  const bytes = (elements * bits) / 8;
  if (!Number.isSafeInteger(elements * bits))
    throw fault(`the shape ${shape.join(' x ')}, larger than any file`);
  if (bytes !== end - start)
    throw fault(
      `${shape.join(' x ') || 'one'} elements of ${dtype}, ${bytes} bytes, in ${end - start} bytes of data`,
    );
  return { name, dtype, shape, bytes, start };
}

const isCount = (value: Json): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0);

function countsIn(value: Json | undefined): readonly number[] | undefined {
  return Array.isArray(value) && value.every(isCount) ? value : undefined;
}

/** The data must be one piece without gaps, from the header to the end of the file. */
function checkData(tensors: readonly Placed[], dataBytes: number, { name: file, size }: ByteSource): void {
  let end = 0;
  for (const tensor of tensors.toSorted((a, b) => a.start - b.start || a.bytes - b.bytes)) {
    if (tensor.start !== end)
      throw brokenFile(
        file,
        `the data of "${tensor.name}" starts at ${tensor.start} and not at ${end}, where the tensor before it ends`,
      );
    end = tensor.start + tensor.bytes;
  }
  if (end > dataBytes)
    throw brokenFile(
      file,
      `its data takes ${end} bytes, but the file holds ${Math.max(dataBytes, 0)} of them`,
      size,
    );
  if (end < dataBytes)
    throw brokenFile(file, `it has ${dataBytes - end} bytes behind the data of its last tensor`, size);
}
