import { formatBytes } from '../units/bytes.js';
import { formatCount, grouped } from '../units/numbers.js';
import { formatTokens } from '../units/tokens.js';
import type { Cell, CellKind, Column } from './document.js';

const BAR_WIDTH = 16;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A share of 1 as a bar; what lies above 1 is cut. */
function bar(share: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * BAR_WIDTH * 8);
  return '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8];
}

const NUMBERS: Record<Exclude<CellKind, 'text'>, (value: number) => string> = {
  bytes: formatBytes,
  count: formatCount,
  tokens: (value) =>
    `${grouped(value)}${formatTokens(value) === String(value) ? '' : ` (${formatTokens(value)})`}`,
  share: (value) => `${grouped(100 * value, 1)} %`,
  bar,
  number: (value) => grouped(value, Number.isInteger(value) ? 0 : 1),
};

/** A cell as a person reads it; nothing known is a dash. */
export function cellText(cell: Cell, kind: CellKind): string {
  if (cell === null || cell === undefined) return kind === 'bar' ? '' : '-';
  if (typeof cell === 'boolean') return cell ? 'yes' : 'no';
  return typeof cell === 'number' && kind !== 'text' ? NUMBERS[kind](cell) : printable(String(cell));
}

/** Numbers stand to the right. */
export const alignsRight = ({ kind }: Column): boolean => kind !== 'text' && kind !== 'bar';

/** Text from files, without characters that move a terminal's cursor. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
}
