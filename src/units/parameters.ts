import { InputError } from '../errors.js';

const UNITS = { k: 1e3, m: 1e6, b: 1e9, t: 1e12 } as const;

/**
 * A number of parameters as people write it: `70B`, `1.5T`, `400M`.
 *
 * @throws InputError `bad-number`
 * @example parseParameters('70B') // 70000000000
 */
export function parseParameters(text: string, what = 'parameters'): number {
  const found = /^(\d+(?:\.\d+)?)([kmbt])?$/i.exec(text.trim());
  if (!found) throw new InputError('bad-number', { what, text, expected: 'a number such as 70B or 400M' });
  const unit = found[2]?.toLowerCase() as keyof typeof UNITS | undefined;
  return Math.round(Number(found[1]) * (unit ? UNITS[unit] : 1));
}
