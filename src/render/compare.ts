import type { Sheet } from '../core/sheet.js';
import type { GridRow } from '../grid.js';
import { formatBytes } from '../units/bytes.js';
import { formatCount, grouped } from '../units/numbers.js';
import type { Document, Table } from './document.js';
import { errorWords } from './messages.js';
import { PART_NAMES } from './plan.js';
import { devicesText } from './sweep.js';

/** One deployment, with what its model amounts to. */
export interface Compared extends GridRow {
  readonly sheet: Sheet;
}

type Fact = readonly [name: string, value: (column: Compared) => string | undefined];

const bytesOf = ({ plan }: Compared, id: string): number | undefined =>
  plan?.memory.parts.find((part) => part.id === id)?.bytes;

const bytesText = (bytes: number | undefined): string | undefined =>
  bytes === undefined ? undefined : formatBytes(bytes);

const PARTS = ['weights', 'kvCache', 'compute', 'output', 'projector', 'runtime'];

const FACTS: readonly Fact[] = [
  ['Format', ({ plan, request }) => plan?.request.quant ?? request.quant],
  ['Tokens', ({ plan }) => plan && grouped(plan.request.contextTokens)],
  ['Sequences', ({ plan }) => plan && String(plan.request.sequences)],
  ['Cache type', ({ plan }) => plan?.request.kvTypeK],
  ['Devices', ({ plan }) => plan && devicesText(plan.request.devices)],
  ['Total parameters', ({ sheet }) => formatCount(sheet.parameters.total)],
  ['Active parameters', ({ sheet }) => formatCount(sheet.parameters.active)],
  ['Layers', ({ sheet }) => String(sheet.layers)],
  [
    'Cache per token',
    ({ sheet }) => formatBytes(sheet.cacheBytesPerToken.reduce((sum, { bytes }) => sum + bytes, 0)),
  ],
  ...PARTS.map((id): Fact => [PART_NAMES[id] ?? id, (column) => bytesText(bytesOf(column, id))]),
  ['Total', ({ plan }) => bytesText(plan?.memory.totalBytes)],
  [
    'Fits',
    ({ plan, error }) =>
      plan ? (plan.verdict.level ?? undefined) : error && errorWords(error.code, error.args).message,
  ],
];

/** Deployments side by side, facts down, with what differs and why. */
export function comparePage(columns: readonly Compared[]): Document {
  const names = columns.map(labelOf);
  const table: Table = {
    columns: [
      { id: 'fact', name: '', kind: 'text' },
      ...names.map((name, index) => ({ id: `deployment_${index + 1}`, name, kind: 'text' as const })),
    ],
    rows: FACTS.map(([name, value]) => [name, ...columns.map(value)]).filter(([, ...values]) =>
      values.some((value) => value !== undefined),
    ),
  };
  return {
    headline: `${columns.length} deployments side by side`,
    blocks: [
      table,
      { title: 'What differs', lines: differences(columns, names) },
      { lines: [lastSentence(columns, names)] },
    ],
    csv: table,
  };
}

/** The model, and its format where the model alone does not tell deployments apart. */
const labelOf = ({ request, plan }: Compared): string => plan?.model.id ?? request.model;

/** For every other deployment, the part that changes most against the first. */
function differences(columns: readonly Compared[], names: readonly string[]): string[] {
  const [first, ...others] = columns;
  if (!first?.plan) return [];
  return others.flatMap((other, index) => {
    if (!other.plan) return [];
    const changes = PARTS.map((id) => ({ id, bytes: (bytesOf(other, id) ?? 0) - (bytesOf(first, id) ?? 0) }));
    const most = changes.reduce((widest, change) =>
      Math.abs(change.bytes) > Math.abs(widest.bytes) ? change : widest,
    );
    const total = other.plan.memory.totalBytes - first.plan!.memory.totalBytes;
    return [
      `- ${index + 2}. ${names[index + 1]}: ${signed(total)} in all against 1., most of it ${(PART_NAMES[most.id] ?? most.id).replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase())} (${signed(most.bytes)})${cause(first, other, most.id)}`,
    ];
  });
}

const signed = (bytes: number): string => `${bytes < 0 ? '-' : '+'}${formatBytes(Math.abs(bytes))}`;

function cause(first: Compared, other: Compared, part: string): string {
  const [a, b] = [first.plan!.request, other.plan!.request];
  if (part === 'weights')
    return a.quant === b.quant
      ? `: ${formatCount(other.sheet.parameters.text)} parameters for ${formatCount(first.sheet.parameters.text)}`
      : `: ${b.quant} for ${a.quant}`;
  if (part !== 'kvCache') return '';
  if (a.kvTypeK !== b.kvTypeK) return `: ${b.kvTypeK} for ${a.kvTypeK}`;
  if (a.contextTokens !== b.contextTokens)
    return `: ${grouped(b.contextTokens)} tokens for ${grouped(a.contextTokens)}`;
  return ': another attention';
}

function lastSentence(columns: readonly Compared[], names: readonly string[]): string {
  const planned = columns.flatMap(({ plan }, index) =>
    plan ? [{ plan, name: `${index + 1}. ${names[index]}` }] : [],
  );
  const least = planned.reduce<(typeof planned)[number] | undefined>(
    (best, entry) => (!best || entry.plan.memory.totalBytes < best.plan.memory.totalBytes ? entry : best),
    undefined,
  );
  return least
    ? `Next: ${least.name} needs the least, ${formatBytes(least.plan.memory.totalBytes)}; see it with llmspec vram.`
    : 'Next: none of them can be planned; see the reasons above.';
}
