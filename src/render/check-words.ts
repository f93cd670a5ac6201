import type { Problem, Remedy } from '../core/check.js';
import type { Cause, Change } from '../core/growth.js';
import type { CheckRow } from '../schema/check.js';
import { formatBytes } from '../units/bytes.js';
import { grouped } from '../units/numbers.js';
import { formatTokens } from '../units/tokens.js';
import { printable } from './cells.js';
import { PART_NAMES } from './plan.js';

type Args = Readonly<Record<string, unknown>>;

const size = (value: unknown): string => formatBytes(Number(value));
const tokens = (value: unknown): string => grouped(Number(value));

/** `KV cache`, or `Weights (routed experts)`. */
function partName(id: unknown): string {
  const [name = '', child] = String(id).split('.');
  const outer = PART_NAMES[name] ?? CHANGED[name] ?? name;
  return child === undefined ? outer : `${outer} (${PART_NAMES[child] ?? child})`;
}

const CHANGED: Readonly<Record<string, string>> = { total: 'Total', device: 'Fullest device' };

/** The words for everything that a row asks for and does not get. */
const PROBLEMS: Readonly<Record<string, (args: Args) => string>> = {
  'device-over': ({ device, gpu, devices, byBytes, bytes, mostBytes }) => {
    const more = (devices as readonly string[]).length - 1;
    return `${device}${gpu ? ` (${gpu})` : ''} lacks ${size(byBytes)}: ${size(bytes)} planned, ${size(mostBytes)} usable${more > 0 ? `; ${more} more device${more > 1 ? 's' : ''} lack memory too` : ''}`;
  },
  'total-over': ({ byBytes, bytes, mostBytes }) =>
    `the total of ${size(bytes)} is ${size(byBytes)} over the limit of ${size(mostBytes)}`,
  'per-device-over': ({ device, byBytes, bytes, mostBytes }) =>
    `${device} with ${size(bytes)} is ${size(byBytes)} over the limit of ${size(mostBytes)} for a device`,
  'part-over': ({ part, byBytes, bytes, mostBytes }) =>
    `${partName(part)} of ${size(bytes)} is ${size(byBytes)} over its limit of ${size(mostBytes)}`,
  'context-under': ({ most, least, by }) =>
    `it holds ${tokens(most)} tokens, ${tokens(by)} fewer than the ${tokens(least)} asked`,
  'sequences-under': ({ most, least, by }) =>
    `it holds ${tokens(most)} sequence${most === 1 ? '' : 's'}, ${tokens(by)} fewer than the ${tokens(least)} asked`,
  'growth-over': ({ part, byBytes, allowedBytes, why }) =>
    `${partName(part)} grew by ${size(byBytes)}, more than the ${size(allowedBytes)} that it may${why ? `: ${why}` : ''}`,
};

/** The words for a problem of a row. */
export const problemWords = ({ code, args }: Problem | { code: 'growth-over'; args: Args }): string =>
  PROBLEMS[code]?.(args) ?? code;

const REMEDIES: Record<Remedy['kind'], (value: Remedy['value']) => string> = {
  'cache-type': (value) => `kv: ${value}`,
  context: (value) => `context: ${formatTokens(Number(value))}`,
  quant: (value) => `quant: ${value}`,
  cards: (value) => `devices: ${value}`,
};

/** A change with which a row would hold, as the file says it. */
export const remedyWords = ({ kind, value }: Remedy): string => REMEDIES[kind](value);

/** Facts by the last word of their name, as people say them. */
const FACTS: Readonly<Record<string, string>> = {
  headDim: 'head dimension',
  kvHeads: 'KV heads',
  heads: 'attention heads',
  hiddenSize: 'hidden size',
  vocabSize: 'vocabulary',
  layers: 'layers',
  window: 'window',
  kvRank: 'latent rank',
  ropeDim: 'rotary dimension',
  intermediateSize: 'feed-forward width',
  experts: 'experts',
  activeExperts: 'active experts',
  tiedEmbeddings: 'tied embeddings',
  type: 'architecture',
  quant: 'weight format',
  contextTokens: 'context',
  sequences: 'sequences',
  kvTypeK: 'type of keys',
  kvTypeV: 'type of values',
  devices: 'devices',
  model: 'model',
  fileBytes: 'file size',
  engineVersion: 'engine version',
  generator: 'llmspec (data)',
};

/** A cause as words: `head dimension 64 -> 128`. */
export function causeWords({ what, from, to }: Cause): string {
  const key = what.split('.').at(-1) ?? what;
  return printable(`${FACTS[key] ?? key} ${factText(key, from)} -> ${factText(key, to)}`);
}

function factText(key: string, value: Cause['from']): string {
  if (value === null) return 'none';
  if (typeof value === 'number') return key === 'contextTokens' ? formatTokens(value) : grouped(value);
  return key === 'devices' ? devicesText(String(value)) : String(value);
}

interface DeviceEcho {
  readonly gpu?: string | null;
  readonly count?: number;
  readonly memoryBytes?: number;
}

function devicesText(json: string): string {
  const devices = JSON.parse(json) as DeviceEcho[];
  const words = devices.map(({ gpu, count = 1, memoryBytes }) => {
    const what = gpu ?? (memoryBytes ? formatBytes(memoryBytes).replace(' ', '') : 'any');
    return count > 1 ? `${count}x${what}` : what;
  });
  return words.join(' + ') || 'cpu';
}

const MOST_CAUSES = 4;

/** Every cause once, a few of many. */
export function causesWords(causes: readonly Cause[]): string {
  const words = [...new Set(causes.map(causeWords))];
  const shown = words.slice(0, MOST_CAUSES).join(', ');
  return words.length > MOST_CAUSES ? `${shown} and ${words.length - MOST_CAUSES} more` : shown;
}

/** A change as words: `KV cache +3.1 GiB: head dimension 64 -> 128`. */
export function changeWords({ id, byBytes, causes }: Pick<Change, 'id' | 'byBytes' | 'causes'>): string {
  const why = causesWords(causes);
  return `${partName(id)} ${byBytes > 0 ? '+' : '-'}${formatBytes(Math.abs(byBytes))}${why ? `: ${why}` : ''}`;
}

/** A name on one line, whatever the file put into it. */
export const oneLine = (name: string): string => printable(name).replace(/\s+/g, ' ');

const named = ({ name, line }: CheckRow): string =>
  `"${oneLine(name)}"${line === undefined ? '' : ` (line ${line})`}`;

const andMore = (count: number): string => (count > 1 ? `, and ${count - 1} more` : '');

/** The one sentence at the end, which a person can act on. */
export function nextWords(rows: readonly CheckRow[], hasBaseline: boolean): string {
  const wrong = rows.filter(({ status }) => status === 'wrong');
  const failed = rows.filter(({ status }) => status === 'failed');
  if (wrong[0]) return `Next: correct ${named(wrong[0])}${andMore(wrong.length)}, and run it again.`;
  if (failed[0]) return failedWords(failed[0], failed.length);
  const keep = hasBaseline ? '' : '; --write-baseline keeps the sizes of today to compare with';
  return `Nothing to do: ${rows.length === 1 ? 'the row holds' : `all ${rows.length} rows hold`}${keep}.`;
}

function failedWords(row: CheckRow, count: number): string {
  const rest = andMore(count);
  const { problems, wouldFit } = row;
  const growth = problems.every(({ code }) => code === 'growth-over');
  if (growth) return `Next: undo what grew in ${named(row)}${rest}, or accept it with --write-baseline.`;
  if (wouldFit.length === 0)
    return `Next: raise a limit of ${named(row)} or give it other devices, as no single change is enough${rest}.`;
  const words = wouldFit.map(({ message }) => message);
  return `Next: give ${named(row)} ${words.join(', or ')}${count > 1 ? `; ${count - 1} more do not hold` : ''}.`;
}
