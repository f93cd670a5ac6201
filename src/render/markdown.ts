import { alignsRight, cellText } from './cells.js';
import { type Block, type Document, isTable, type Table } from './document.js';

/** A document as GitHub-flavoured Markdown. */
export function renderMarkdown({ headline, blocks }: Document): string {
  return `${[`### ${escaped(headline)}`, ...blocks.map(blockMarkdown).filter((text) => text !== '')].join('\n\n')}\n`;
}

function blockMarkdown(block: Block): string {
  const title = block.title ? `**${escaped(block.title)}**\n\n` : '';
  if (isTable(block)) return block.rows.length > 0 ? title + tableMarkdown(block) : '';
  return block.lines.length > 0 ? title + block.lines.map((line) => escaped(line.trim())).join('  \n') : '';
}

/** Bars are for terminals: their column is left out. */
function tableMarkdown(table: Table): string {
  const shown = table.columns
    .map((column, index) => ({ column, index }))
    .filter(({ column }) => column.kind !== 'bar');
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(shown.map(({ column }) => escaped(column.name))),
    line(shown.map(({ column }) => (alignsRight(column) ? '--:' : ':--'))),
    ...table.rows.map((row) =>
      line(shown.map(({ column, index }) => escaped(cellText(row[index], column.kind)))),
    ),
  ].join('\n');
}

const escaped = (text: string): string => text.replace(/[\\|<>*_`]/g, (character) => `\\${character}`);
