import type { CheckDocument, CheckRow } from '../schema/check.js';
import { oneLine } from './check-words.js';
import type { Block, Document, Table } from './document.js';

const SAID: Record<CheckRow['status'], string> = { passed: 'holds', failed: 'does not hold', wrong: 'wrong' };

/** A check as a page: every row, every problem with what would hold, what changed, and what to do next. */
export function checkPage(document: CheckDocument): Document {
  const { rows, next, baseline } = document;
  const blocks: Block[] = [rowsTable(rows), problemsBlock(rows)];
  if (baseline) blocks.push(changesBlock(rows, baseline));
  blocks.push({ lines: [next] });
  return {
    headline: headline(document),
    level: document.exitCode === 0 ? 'fits' : 'no',
    blocks,
    csv: csvTable(rows),
  };
}

function headline({ file, counts }: CheckDocument): string {
  const { rows, failed, wrong } = counts;
  const row = (count: number): string => `${count} row${count === 1 ? '' : 's'}`;
  const bad = [
    failed > 0 ? `${failed} do${failed === 1 ? 'es' : ''} not hold` : '',
    wrong > 0 ? `${wrong} cannot be answered` : '',
  ].filter((words) => words !== '');
  return `${file}: ${row(rows)}, ${bad.length > 0 ? bad.join(', ') : rows === 1 ? 'it holds' : 'all hold'}`;
}

function rowsTable(rows: readonly CheckRow[]): Table {
  const grown = rows.some(({ change }) => change?.status === 'changed');
  const free = rows.some((row) => leastFree(row) !== undefined);
  return {
    columns: [
      { id: 'name', name: 'Row', kind: 'text' },
      { id: 'status', name: 'Answer', kind: 'text' },
      { id: 'total_bytes', name: 'Total', kind: 'bytes' },
      ...(free ? [{ id: 'headroom_bytes', name: 'Free', kind: 'bytes' } as const] : []),
      ...(grown ? [{ id: 'grown_bytes', name: 'Grown', kind: 'bytes' } as const] : []),
    ],
    rows: rows.map((row) => [
      oneLine(row.name),
      SAID[row.status],
      row.memory?.totalBytes,
      ...(free ? [leastFree(row)] : []),
      ...(grown ? [grownBytes(row)] : []),
    ]),
  };
}

/** What the fullest device with a limit has left. */
function leastFree({ memory }: CheckRow): number | undefined {
  const free = memory?.devices.flatMap(({ headroomBytes }) => headroomBytes ?? []) ?? [];
  return free.length > 0 ? Math.min(...free) : undefined;
}

const grownBytes = ({ change }: CheckRow): number | undefined =>
  change?.parts.find(({ id }) => id === 'total')?.byBytes;

function problemsBlock(rows: readonly CheckRow[]): Block {
  return { title: 'Problems', lines: rows.flatMap(problemLines) };
}

function problemLines({ name, line, error, problems, wouldFit }: CheckRow): string[] {
  if (!error && problems.length === 0) return [];
  const head = `- ${oneLine(name)}${line === undefined ? '' : ` (line ${line})`}:`;
  if (error) return [head, ...error.message.split('\n').map((text) => `  ${text}`), `  ${error.hint}`];
  const would = wouldFit.map(({ message }) => message).join(', or ');
  return [
    head,
    ...problems.map(({ message }) => `  ${message}`),
    ...(would ? [`  would hold with ${would}`] : []),
  ];
}

function changesBlock(
  rows: readonly CheckRow[],
  { from, removed }: NonNullable<CheckDocument['baseline']>,
): Block {
  const lines = rows.flatMap(({ name, change }) => {
    if (change?.status === 'new') return [`- ${oneLine(name)}: new`];
    if (!change || change.parts.length === 0) return [];
    return [`- ${oneLine(name)}:`, ...change.parts.map(({ message }) => `  ${message}`)];
  });
  const gone = removed.map((name) => `- ${oneLine(name)}: no longer there`);
  const all = [...lines, ...gone];
  return { title: `Since ${from}`, lines: all.length > 0 ? all : ['- nothing changed'] };
}

function csvTable(rows: readonly CheckRow[]): Table {
  return {
    columns: [
      { id: 'name', name: 'Row', kind: 'text' },
      { id: 'status', name: 'Answer', kind: 'text' },
      { id: 'exit_code', name: 'Exit code', kind: 'number' },
      { id: 'model', name: 'Model', kind: 'text' },
      { id: 'quant', name: 'Format', kind: 'text' },
      { id: 'context_tokens', name: 'Tokens', kind: 'tokens' },
      { id: 'sequences', name: 'Sequences', kind: 'number' },
      { id: 'total_bytes', name: 'Total', kind: 'bytes' },
      { id: 'headroom_bytes', name: 'Free', kind: 'bytes' },
      { id: 'grown_bytes', name: 'Grown', kind: 'bytes' },
      { id: 'problems', name: 'Problems', kind: 'text' },
      { id: 'would_hold_with', name: 'Would hold with', kind: 'text' },
    ],
    rows: rows.map((row) => [
      row.name,
      row.status,
      row.exitCode,
      row.request?.model,
      row.request?.quant,
      row.request?.contextTokens,
      row.request?.sequences,
      row.memory?.totalBytes,
      leastFree(row),
      grownBytes(row),
      row.error?.message.replaceAll('\n', '; ') ?? row.problems.map(({ message }) => message).join('; '),
      row.wouldFit.map(({ message }) => message).join('; '),
    ]),
  };
}
