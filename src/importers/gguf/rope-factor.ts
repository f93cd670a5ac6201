import type { ByteSource } from '../bytes-source.js';
import type { GgufHeader } from './header.js';

const TABLE = 'rope_freqs.weight';
const MOST_ITEMS = 4096;

/**
 * The factor of Llama 3's rope scaling. The metadata do not say it, but the table of frequencies in the data
 * does: the lowest are stretched by the whole factor (`conversion/llama.py:generate_extra_tensors`).
 *
 * @returns `undefined` where there is no such table or no data
 * @example await ropeFactor(source, header) // 8
 */
export async function ropeFactor(source: ByteSource, header: GgufHeader): Promise<number | undefined> {
  const table = header.tensors.find(({ name }) => name === TABLE);
  if (!table || !header.hasData || table.type !== 'F32' || table.bytes > 4 * MOST_ITEMS) return undefined;
  const bytes = await source.read(header.dataOffset + table.offset, table.bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let largest = 0;
  for (let at = 0; at < table.bytes; at += 4) largest = Math.max(largest, view.getFloat32(at, true));
  return Number.isFinite(largest) && largest >= 1 ? largest : undefined;
}
