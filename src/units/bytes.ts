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

const UNITS = [
  [GIB, 'GiB'],
  [MIB, 'MiB'],
  [KIB, 'KiB'],
  [1, 'B'],
] as const;

/** The largest binary unit that a size fills. */
const unitOf = (bytes: number): (typeof UNITS)[number] =>
  UNITS.find(([factor]) => Math.abs(bytes) >= factor) ?? [1, 'B'];

/**
 * Bytes as text in binary units.
 *
 * @example formatBytes(242754060800) // '226.1 GiB'
 */
export function formatBytes(bytes: number): string {
  const [factor, unit] = unitOf(bytes);
  return `${grouped(bytes / factor, factor === 1 ? 0 : 1)} ${unit}`;
}

/**
 * Two sizes as one text; a unit that both share is said once.
 *
 * @example formatByteRange(155500000, 182770000) // '148.3 to 174.3 MiB'
 */
export function formatByteRange(low: number, high: number): string {
  const [from, to] = [formatBytes(low), formatBytes(high)];
  const [number = '', unit] = from.split(' ');
  return `${unit === to.split(' ')[1] ? number : from} to ${to}`;
}
