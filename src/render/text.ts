import { Chalk, type ChalkInstance } from 'chalk';
import CliTable from 'cli-table3';
import { alignsRight, cellText } from './cells.js';
import { type Block, type Document, isTable, type Table } from './document.js';

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

const DEFAULT_WIDTH = 80;

/** Where text goes: how wide it may be, and whether in colour. */
export interface Screen {
  readonly columns: number;
  readonly colour: boolean;
}

/** A document for a terminal. */
export function renderText({ headline, level, blocks }: Document, screen: Screen): string {
  const width = screen.columns || DEFAULT_WIDTH;
  const paint = new Chalk({ level: screen.colour ? 1 : 0 });
  const head = wrapped(headline, width).map((line) => paint.bold(colourOf(level, paint)(line)));
  const bodies = blocks.map((block) => blockText(block, width, paint)).filter((text) => text !== '');
  return `${[head.join('\n'), ...bodies].join('\n\n')}\n`;
}

function colourOf(level: Document['level'], paint: ChalkInstance): (text: string) => string {
  if (level === 'fits') return paint.green;
  if (level === 'tight') return paint.yellow;
  return level === 'no' ? paint.red : (text) => text;
}

function blockText(block: Block, width: number, paint: ChalkInstance): string {
  const title = block.title ? `${paint.bold(block.title)}\n` : '';
  if (isTable(block)) return block.rows.length > 0 ? title + tableText(block, width, paint) : '';
  const lines = block.lines.flatMap((line) => wrapped(line, width));
  return lines.length > 0 ? title + lines.join('\n') : '';
}

const GAP = 2;
const LEAST_WIDTH = 20;

function tableText({ columns, rows }: Table, width: number, paint: ChalkInstance): string {
  const cells = rows.map((row) => columns.map(({ kind }, index) => cellText(row[index], kind)));
  const fitted = fittedCells(columns, cells, width);
  const table = new CliTable({
    head: columns.map(({ name }) => paint.dim(name)),
    colAligns: columns.map((column) => (alignsRight(column) ? 'right' : 'left')),
    chars: NO_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  table.push(...fitted);
  const lines = table.toString().split('\n');
  return lines.map((line) => line.trimEnd()).join('\n');
}

/** Where a table is too wide, its widest column of text is wrapped into what the others leave. */
function fittedCells(columns: Table['columns'], rows: readonly string[][], width: number): string[][] {
  const widths = columns.map(({ name }, index) =>
    Math.max(name.length, ...rows.map((row) => row[index]!.length)),
  );
  const all = widths.reduce((sum, one) => sum + one, GAP * (columns.length - 1));
  if (all <= width) return [...rows];
  const widest = widths.indexOf(Math.max(...widths.filter((_, index) => columns[index]!.kind === 'text')));
  const left = Math.max(LEAST_WIDTH, widths[widest]! - (all - width));
  return rows.map((row) =>
    row.map((cell, index) => (index === widest ? wrapped(cell, left).join('\n') : cell)),
  );
}

/** Words into lines; a line that starts with spaces or a bullet keeps its indent. */
function wrapped(text: string, width: number): string[] {
  const indent = /^\s*(?:[-\u2022] )?/.exec(text)?.[0] ?? '';
  const hanging = ' '.repeat(indent.length);
  const lines: string[] = [];
  let line = indent;
  for (const word of text.slice(indent.length).split(' ')) {
    const fits = line.length + word.length <= width || line.trim() === indent.trim();
    if (!fits) {
      lines.push(line.trimEnd());
      line = hanging;
    }
    line += `${word} `;
  }
  return [...lines, line.trimEnd()];
}
