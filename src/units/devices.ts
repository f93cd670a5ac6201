import { InputError } from '../errors.js';
import { parseBytes } from './bytes.js';

/** Devices as the request says them. */
export type DeviceAsked =
  | { readonly gpu: string | null; readonly count: number }
  | { readonly memoryBytes: number; readonly count: number };

const COUNT_FIRST = /^(\d+)\s*[x\u00d7*]\s*(.+)$/i;
const COUNT_LAST = /^(.+):(\d+)$/;
const SIZE = /^\d[\d_.]*\s*[kmgt](i?b)?$/i;
/** More cards than any machine has: a larger count is a slip. */
export const MOST_CARDS = 1024;

/**
 * Devices as people write them: `2x4090`, `2x rtx-4090`, `rtx-4090:2`, `24GiB`, `2x24GiB`, `4xany`.
 *
 * @throws InputError `bad-number` for a count that is none
 * @example parseDevices('2x24GiB') // { memoryBytes: 25769803776, count: 2 }
 */
export function parseDevices(text: string): DeviceAsked {
  const trimmed = text.trim();
  const first = COUNT_FIRST.exec(trimmed);
  const last = first ? null : COUNT_LAST.exec(trimmed);
  const what = (first?.[2] ?? last?.[1] ?? trimmed).trim();
  const count = Number(first?.[1] ?? last?.[2] ?? 1);
  if (!what || count < 1 || count > MOST_CARDS) {
    throw new InputError('bad-number', {
      what: 'gpu',
      text,
      expected: `1 to ${MOST_CARDS} cards, such as 2x4090`,
    });
  }
  if (SIZE.test(what)) return { memoryBytes: parseBytes(what, 'gpu'), count };
  return { gpu: what.toLowerCase() === 'any' ? null : what, count };
}
