import type { GridRow } from '../grid.js';
import { formatTokens } from '../units/tokens.js';
import type { Cell, Column, Document } from './document.js';
import { errorWords } from './messages.js';

/** The columns of a sweep. */
export const sweepHeader = (): Column[] => [
  { id: 'model', name: 'Model', kind: 'text' },
  { id: 'quant', name: 'Format', kind: 'text' },
  { id: 'context_tokens', name: 'Tokens', kind: 'number' },
  { id: 'sequences', name: 'Seqs', kind: 'number' },
  { id: 'kv_type', name: 'Cache', kind: 'text' },
  { id: 'devices', name: 'Devices', kind: 'text' },
  { id: 'weights_bytes', name: 'Weights', kind: 'bytes' },
  { id: 'kv_cache_bytes', name: 'KV cache', kind: 'bytes' },
  { id: 'total_bytes', name: 'Total', kind: 'bytes' },
  { id: 'fits', name: 'Fits', kind: 'text' },
  { id: 'reason', name: 'Reason', kind: 'text' },
];

/** One row of a sweep; a refused one says why in the last column. */
export function sweepCells({ request, plan, error }: GridRow): Cell[] {
  if (!plan) {
    const { model, quant, contextTokens, sequences, kvTypeK, devices } = request;
    const reason = error && errorWords(error.code, error.args).message;
    return [
      model,
      quant,
      contextTokens,
      sequences,
      kvTypeK,
      devicesText(devices),
      null,
      null,
      null,
      'n/a',
      reason,
    ];
  }
  const { request: asked, memory, verdict } = plan;
  const bytesOf = (id: string): number | undefined => memory.parts.find((part) => part.id === id)?.bytes;
  return [
    asked.model,
    asked.quant,
    asked.contextTokens,
    asked.sequences,
    asked.kvTypeK === asked.kvTypeV ? asked.kvTypeK : `${asked.kvTypeK}/${asked.kvTypeV}`,
    devicesText(asked.devices),
    bytesOf('weights'),
    bytesOf('kvCache'),
    memory.totalBytes,
    verdict.level,
    null,
  ];
}

/** Devices as one types them. */
export function devicesText(devices: GridRow['request']['devices']): string {
  if (devices === undefined) return '';
  if (devices.length === 0) return 'cpu';
  return devices
    .map((device) => {
      const name = 'gpu' in device ? (device.gpu ?? 'any') : `${device.memoryBytes / 1024 ** 3}GiB`;
      const count = device.count ?? 1;
      return count > 1 ? `${count}x${name}` : name;
    })
    .join(' + ');
}

/** The grid; columns that say the same in every row stand in the headline, reasons of refusals under the table. */
export function sweepPage(rows: readonly GridRow[], count: number): Document {
  const columns = sweepHeader();
  const cells = rows.map(sweepCells);
  // A refused row leaves open what it would have had.
  const first = cells[rows.findIndex(({ plan }) => plan)] ?? cells[0];
  const isShared = (index: number): boolean =>
    cells.length > 1 && cells.every((row) => row[index] === first?.[index] || row[index] === undefined);
  const shown = columns
    .map((_, index) => index)
    .filter(
      (index) => columns[index]!.id !== 'reason' && !(isShared(index) && columns[index]!.kind !== 'bytes'),
    );
  const shared = columns.flatMap((column, index) =>
    isShared(index) && SHARED[column.id] ? [SHARED[column.id]!(first?.[index])] : [],
  );
  const reasons = [...new Set(cells.flatMap((row) => row.at(-1) ?? []))];
  return {
    headline: [`${count} combination${count === 1 ? '' : 's'}`, ...shared.filter((text) => text !== '')].join(
      ' · ',
    ),
    blocks: [
      {
        columns: shown.map((index) => columns[index]!),
        rows: cells.map((row) => shown.map((index) => row[index])),
      },
      { title: 'Not planned (n/a)', lines: reasons.map((reason) => `- ${reason}`) },
      { lines: [lastSentence(rows, count)] },
    ],
    csv: { columns, rows: cells },
  };
}

/** How the headline says what all rows share. */
const SHARED: Record<string, (value: Cell) => string> = {
  model: (value) => String(value),
  quant: (value) => (value ? String(value) : ''),
  context_tokens: (value) => (typeof value === 'number' ? `${formatTokens(value)} tokens` : ''),
  sequences: (value) => (value === 1 ? '1 sequence' : `${value} sequences`),
  kv_type: (value) => `${value} cache`,
  devices: (value) => (value === 'any' ? 'no limit' : String(value)),
  fits: (value) => (value ? String(value) : ''),
};

function lastSentence(rows: readonly GridRow[], count: number): string {
  const fitting = rows.filter(({ plan }) => plan?.verdict.fits).length;
  const limited = rows.some(({ plan }) => plan && plan.verdict.fits !== null);
  return limited
    ? `Next: ${fitting} of ${count} fit; see one with llmspec vram and the same flags.`
    : 'Next: add --gpu to see which of them fit.';
}
