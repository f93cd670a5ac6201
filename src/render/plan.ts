import type { Explanation } from '../core/engines/index.js';
import type { NextTry, Overview } from '../core/overview.js';
import type { Request } from '../schema/request.js';
import type { PlanDocument } from '../schema/result.js';
import { formatByteRange, formatBytes } from '../units/bytes.js';
import { grouped } from '../units/numbers.js';
import { formatTokens } from '../units/tokens.js';
import type { Block, Document, Table } from './document.js';

/** What a part of a plan is called. Ids without an entry are shown as they are. */
export const PART_NAMES: Readonly<Record<string, string>> = {
  weights: 'Weights',
  kvCache: 'KV cache',
  compute: 'Compute buffers',
  output: 'Output buffer',
  projector: 'Vision projector',
  runtime: 'Runtime',
  embedding: 'embedding',
  attention: 'attention',
  linearAttention: 'linear attention',
  denseFeedForward: 'dense feed-forward',
  routedExperts: 'routed experts',
  sharedExperts: 'shared experts',
  router: 'router',
  norms: 'norms',
  head: 'output head',
  vision: 'vision tower',
  audio: 'audio tower',
  mtp: 'multi-token prediction',
  fullAttention: 'full attention',
  slidingWindow: 'sliding window',
  latent: 'latent (MLA)',
  indexer: 'indexer keys',
  recurrentState: 'recurrent state',
  crossAttention: 'cross-attention',
};

const nameOf = (id: string): string => PART_NAMES[id] ?? id;

interface Page {
  readonly document: PlanDocument;
  /** The request as the user said it. */
  readonly asked: Request;
  readonly overview: Overview | undefined;
  readonly why: readonly Explanation[] | undefined;
}

/** One plan as a page: verdict, parts, devices, what was assumed, other contexts, what to try next. */
export function planPage({ document, asked, overview, why }: Page): Document {
  const blocks: Block[] = [partsTable(document), devicesTable(document), assumptions(document, asked)];
  if (overview) blocks.push(ladderTable(overview, document), setupsBlock(overview));
  if (why) blocks.push(whyBlock(why));
  blocks.push(notesBlock(document));
  if (overview) blocks.push({ lines: [nextLine(overview.next, document)] });
  return { headline: headline(document), level: document.verdict.level, blocks, csv: csvTable(document) };
}

function headline({ model, request, memory, verdict }: PlanDocument): string {
  const what = `${model.name} · ${request.quant} · ${tokensText(request.contextTokens)} tokens${request.sequences > 1 ? ` × ${request.sequences}` : ''}`;
  return `${what}: ${formatBytes(memory.totalBytes)}${verdictWords(verdict, memory)}`;
}

function verdictWords(
  { level, reason }: PlanDocument['verdict'],
  { devices }: PlanDocument['memory'],
): string {
  if (level === null) return '';
  if (level === 'no') return ` - does not fit: ${reasonWords(reason)}`;
  const cards = devices.filter(({ headroomBytes }) => headroomBytes !== undefined);
  const least = Math.min(...cards.map(({ headroomBytes }) => headroomBytes!));
  const room =
    cards.length > 0 ? `, ${formatBytes(least)} free${cards.length > 1 ? ' on the fullest' : ''}` : '';
  return level === 'tight' ? ` - fits, but tight${room}` : ` - fits${room}`;
}

/** The core says bytes; a reader wants units. */
const reasonWords = (reason: string | null): string =>
  (reason ?? '').replace(/(\d+) bytes/, (_, bytes: string) => formatBytes(Number(bytes)));

function partsTable({ memory }: PlanDocument): Table {
  const rows = memory.parts.flatMap(({ id, bytes, children = [], range }) => [
    [nameOf(id), bytes, bytes / memory.totalBytes, bytes / memory.totalBytes, range ? rangeText(range) : ''],
    ...(children.length > 1 || id === 'kvCache' ? children : []).map((child) => [
      `  ${nameOf(child.id)}`,
      child.bytes,
      child.bytes / memory.totalBytes,
      child.bytes / memory.totalBytes,
      '',
    ]),
  ]);
  return {
    columns: [
      { id: 'part', name: 'Part', kind: 'text' },
      { id: 'bytes', name: 'Memory', kind: 'bytes' },
      { id: 'share', name: 'Share', kind: 'share' },
      { id: 'bar', name: '', kind: 'bar' },
      { id: 'range', name: 'Range', kind: 'text' },
    ],
    rows,
  };
}

/** Neighbours of one kind whose figures read the same are one row. */
function devicesTable({ memory }: PlanDocument): Table {
  const rows = memory.devices.map((device) => [
    device.id,
    device.gpu,
    device.totalBytes,
    device.capacityBytes,
    device.usableBytes,
    device.headroomBytes,
    device.usableBytes ? device.totalBytes / device.usableBytes : undefined,
  ]);
  return {
    columns: [
      { id: 'device', name: 'Device', kind: 'text' },
      { id: 'gpu', name: 'Card', kind: 'text' },
      { id: 'planned_bytes', name: 'Planned', kind: 'bytes' },
      { id: 'capacity_bytes', name: 'Capacity', kind: 'bytes' },
      { id: 'usable_bytes', name: 'Usable', kind: 'bytes' },
      { id: 'headroom_bytes', name: 'Headroom', kind: 'bytes' },
      { id: 'full', name: 'Full', kind: 'share' },
    ].filter(({ id }) => shown(id, memory.devices)) as Table['columns'],
    rows: rows.map((row) => row.filter((_, index) => shown(DEVICE_COLUMNS[index]!, memory.devices))),
  };
}

const DEVICE_COLUMNS = [
  'device',
  'gpu',
  'planned_bytes',
  'capacity_bytes',
  'usable_bytes',
  'headroom_bytes',
  'full',
];

/** Columns that no device fills are left out. */
function shown(id: string, devices: PlanDocument['memory']['devices']): boolean {
  if (id === 'device' || id === 'planned_bytes') return true;
  if (id === 'gpu') return devices.some(({ gpu }) => gpu !== null);
  return devices.some(({ usableBytes }) => usableBytes !== undefined);
}

/** The settings that matter, each with where it came from: a default unless the request said it. */
function assumptions({ request }: PlanDocument, asked: Request): Block {
  const { options } = request;
  const given = asked.options ?? {};
  const settings: readonly (readonly [string, unknown])[] = [
    [`${request.engine} ${request.engineVersion}`, asked.engine ?? asked.engineVersion],
    [`${grouped(request.contextTokens)} tokens`, asked.contextTokens ?? given['ctx-size']],
    [`${request.sequences} sequence${request.sequences > 1 ? 's' : ''}`, asked.sequences ?? given.parallel],
    [`K ${request.kvTypeK}, V ${request.kvTypeV}`, asked.kvTypeK ?? asked.kvTypeV],
    ...SHOWN_OPTIONS.map((name) => [`${name} ${options[name]}`, given[name]] as const),
  ];
  const words = (said: boolean): string =>
    settings
      .filter(([, value]) => (value !== undefined) === said)
      .map(([text]) => text)
      .join(', ');
  const lines = [words(true) && `Asked: ${words(true)}`, words(false) && `Defaults: ${words(false)}`];
  return { title: 'Settings', lines: lines.filter((line) => line !== '') };
}

/** Options that decide memory; `backend` follows the card. */
const SHOWN_OPTIONS = ['backend', 'program', 'flash-attn', 'ubatch-size', 'batch-size', 'kv-unified'];

function ladderTable({ ladder }: Overview, { request }: PlanDocument): Table {
  const known = ladder.some(({ fits }) => fits !== null);
  return {
    title: 'Other contexts',
    columns: [
      { id: 'context_tokens', name: 'Tokens', kind: 'tokens' },
      { id: 'total_bytes', name: 'Total', kind: 'bytes' },
      ...(known ? [{ id: 'fits', name: 'Fits', kind: 'text' } as const] : []),
    ],
    rows: ladder
      .filter(({ contextTokens }) => contextTokens !== request.contextTokens)
      .map(({ contextTokens, totalBytes, fits }) => [contextTokens, totalBytes, ...(known ? [fits] : [])]),
  };
}

function setupsBlock({ setups }: Overview): Table {
  return {
    title: 'Would hold it',
    columns: [
      { id: 'setup', name: 'Setup', kind: 'text' },
      { id: 'headroom_bytes', name: 'Free, at least', kind: 'bytes' },
      { id: 'level', name: '', kind: 'text' },
    ],
    rows: setups.map(({ gpu, count, headroomBytes, level }) => [
      `${count} × ${gpu}`,
      headroomBytes,
      level === 'tight' ? 'tight' : '',
    ]),
  };
}

function whyBlock(why: readonly Explanation[]): Block {
  return {
    title: 'Why',
    lines: why.flatMap(({ part, formula, numbers, bytes, source }) => [
      `${part.split('.').map(nameOf).join(', ')} = ${grouped(bytes)} bytes`,
      `  ${formula}`,
      `  ${numbers}`,
      `  Source: ${source}`,
    ]),
  };
}

function notesBlock({ notes }: PlanDocument): Block {
  return { title: 'Notes', lines: notes.map(({ message }) => `- ${message}`) };
}

const NEXT: {
  [K in NextTry['kind']]: (next: Extract<NextTry, { kind: K }>, document: PlanDocument) => string;
} = {
  'name-hardware': ({ gpu, count }) =>
    `name hardware to see whether it fits: --gpu ${count > 1 ? `${count}x` : ''}${gpu}`,
  'longer-context': ({ contextTokens }) =>
    `there is room for more: up to ${tokensText(contextTokens)} tokens fit (-c ${formatTokens(contextTokens)})`,
  'cache-type': ({ type }) => `it fits with a smaller cache type: --kv ${type}`,
  'shorter-context': ({ contextTokens }) =>
    `it fits with a shorter context: -c ${formatTokens(contextTokens)}`,
  'more-cards': ({ gpu, count }) => `it fits on more cards: --gpu ${count}x${gpu}`,
  'other-cards': ({ gpu, count }) => `these cards would hold it: --gpu ${count > 1 ? `${count}x` : ''}${gpu}`,
  'smaller-quant': (_, { request }) =>
    `use a smaller weight format than ${request.quant} (llmspec quants), or more memory`,
};

function nextLine(next: NextTry | undefined, document: PlanDocument): string {
  if (!next) return 'Next: nothing to change; see the formulas with --why.';
  const words = NEXT[next.kind] as (next: NextTry, document: PlanDocument) => string;
  return `Next: ${words(next, document)}.`;
}

const tokensText = (tokens: number): string => grouped(tokens);

/** One line a device, and one for all. */
function csvTable({ memory }: PlanDocument): Table {
  const rare = memory.parts.some(({ id }) => id === 'projector') ? ['projector'] : [];
  const ids = ['weights', 'kvCache', 'compute', 'output', ...rare, 'runtime'];
  const snake = (id: string): string => id.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const total = ids.map((id) => memory.parts.find((part) => part.id === id)?.bytes ?? 0);
  return {
    columns: [
      { id: 'device', name: 'Device', kind: 'text' },
      { id: 'gpu', name: 'Card', kind: 'text' },
      ...ids.map((id) => ({ id: `${snake(id)}_bytes`, name: nameOf(id), kind: 'bytes' as const })),
      ...['total', 'capacity', 'usable', 'headroom'].map((id) => ({
        id: `${id}_bytes`,
        name: id,
        kind: 'bytes' as const,
      })),
    ],
    rows: [
      ...memory.devices.map((device) => [
        device.id,
        device.gpu,
        ...ids.map((id) => device.parts[id] ?? 0),
        device.totalBytes,
        device.capacityBytes,
        device.usableBytes,
        device.headroomBytes,
      ]),
      ['all', null, ...total, memory.totalBytes, null, null, null],
    ],
  };
}

/** Nothing where both ends read the same. */
const rangeText = ({ low, high }: { readonly low: number; readonly high: number }): string =>
  formatBytes(low) === formatBytes(high) ? '' : formatByteRange(low, high);
