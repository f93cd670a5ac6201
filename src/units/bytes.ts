import { InputError } from '../errors.js';
import { grouped } from './numbers.js';

export const KIB = 1024;
export const MIB = 1024 ** 2;
export const GIB = 1024 ** 3;

const FACTORS: Record<string, number> = {
  b: 1,
  k: KIB,
  kib: KIB,
  kb: 1e3,
  m: MIB,
  mib: MIB,
  mb: 1e6,
  g: GIB,
  gib: GIB,
  gb: 1e9,
  t: 1024 ** 4,
  tib: 1024 ** 4,
  tb: 1e12,
};

/**
 * A size as people write it, in bytes. `24GiB` and `24g` are binary, `24GB` is decimal.
 *
 * @throws InputError `bad-number` for anything else, for zero and below, and above 2^53
 * @example parseBytes('24GiB') // 25769803776
 */
export function parseBytes(text: string, what = 'size'): number {
  const match = /^(\d+(?:_\d+)*(?:\.\d+)?)\s*([a-z]+)$/i.exec(text.trim());
  const factor = match && FACTORS[match[2]?.toLowerCase() ?? ''];
  if (!match || !factor) throw new InputError('bad-number', { what, text, expected: 'size' });
  const bytes = Math.round(Number(match[1]?.replaceAll('_', '')) * factor);
  if (!Number.isSafeInteger(bytes) || bytes <= 0)
    throw new InputError('bad-number', { what, text, expected: 'size' });
  return bytes;
}

/**
 * Bytes as text in binary units, one decimal below 100 and where it says something.
 *
 * @example formatBytes(242754060800) // '226.1 GiB'
 */
export function formatBytes(bytes: number): string {
  if (Math.abs(bytes) >= GIB) return `${grouped(bytes / GIB, 1)} GiB`;
  if (Math.abs(bytes) >= MIB) return `${grouped(bytes / MIB, 1)} MiB`;
  if (Math.abs(bytes) >= KIB) return `${grouped(bytes / KIB, 1)} KiB`;
  return `${grouped(bytes)} B`;
}
