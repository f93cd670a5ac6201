import { printable } from './cells.js';
import type { Cell, Table } from './document.js';

/** A table as CSV (RFC 4180): one header line, one line a row, numbers in base units. Bars are left out. */
export function renderCsv(table: Table): string {
  const shown = table.columns
    .map((column, index) => ({ column, index }))
    .filter(({ column }) => column.kind !== 'bar');
  const header = csvLine(shown.map(({ column }) => column.id));
  return header + table.rows.map((row) => csvLine(shown.map(({ index }) => row[index]))).join('');
}

/** One line of CSV. */
export const csvLine = (cells: readonly Cell[]): string => `${cells.map(field).join(',')}\n`;

function field(cell: Cell): string {
  if (cell === null || cell === undefined) return '';
  const text = printable(String(cell));
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
