import type { Allowance, Allowances } from '../schema/check.js';
import type { Fact, Facts } from './facts.js';

/** One side of a comparison: what was planned, for what, and with which rules. */
export interface Side {
  readonly memory: {
    readonly totalBytes: number;
    readonly parts: readonly { readonly id: string; readonly bytes: number }[];
    readonly devices: readonly { readonly id: string; readonly totalBytes: number }[];
  };
  readonly request: Readonly<Record<string, unknown>>;
  readonly facts: Facts;
  readonly generator: { readonly version: string; readonly data: string };
}

/** Something that differs between two plans and bears on a part. */
export interface Cause {
  /** `request.contextTokens`, `blocks.attention.headDim`, `generator` … */
  readonly what: string;
  readonly from: Fact | null;
  readonly to: Fact | null;
}

/** One part, the fullest device or the total, before and now. */
export interface Change {
  readonly id: string;
  readonly fromBytes: number;
  readonly toBytes: number;
  readonly byBytes: number;
  readonly causes: readonly Cause[];
}

const EVERY_PART = ['weights', 'kvCache', 'compute', 'output', 'projector', 'runtime'];

/** Which parts a fact bears on, by the last word of its name; a fact that is not listed bears on all. */
const BEARS_ON: Readonly<Record<string, readonly string[]>> = {
  hiddenSize: ['weights', 'compute'],
  vocabSize: ['weights', 'compute', 'output'],
  paddingRows: ['weights'],
  tiedEmbeddings: ['weights'],
  activation: ['weights'],
  layers: ['weights', 'kvCache', 'compute'],
  heads: ['weights', 'compute'],
  kvHeads: ['weights', 'kvCache', 'compute'],
  headDim: ['weights', 'kvCache', 'compute'],
  bias: ['weights'],
  qkNorm: ['weights'],
  window: ['kvCache', 'compute'],
  kvRank: ['weights', 'kvCache', 'compute'],
  queryRank: ['weights'],
  nopeDim: ['weights', 'compute'],
  ropeDim: ['weights', 'kvCache', 'compute'],
  intermediateSize: ['weights', 'compute'],
  experts: ['weights', 'compute'],
  activeExperts: ['compute'],
  quant: ['weights', 'compute'],
  imatrix: ['weights'],
  fileBytes: ['weights'],
  contextTokens: ['kvCache', 'compute'],
  sequences: ['kvCache', 'compute', 'output'],
  kvTypeK: ['kvCache', 'compute'],
  kvTypeV: ['kvCache', 'compute'],
  devices: ['weights', 'kvCache', 'compute', 'runtime'],
  'ubatch-size': ['compute', 'kvCache'],
  'batch-size': ['compute', 'output'],
  'flash-attn': ['compute', 'kvCache'],
  'swa-full': ['kvCache', 'compute'],
  'kv-unified': ['kvCache', 'compute'],
};

/** What bears on no memory. */
const SILENT = new Set(['id', 'limits', 'allowContextOverflow', 'workload', 'hostMemoryBytes']);

/**
 * What changed between two plans: every part that differs, then the fullest device and the total, each with
 * what differs in request, geometry and rules and bears on it. Nothing where no byte differs.
 *
 * @example changesOf(before, now)[0] // { id: 'kvCache', byBytes: 3328599654, causes: [{ what: 'blocks.attention.headDim', from: 64, to: 128 }], … }
 */
export function changesOf(before: Side, now: Side): Change[] {
  const all = causesOf(before, now);
  const changes = EVERY_PART.flatMap((id) => {
    const causes = all.filter(({ what }) => bearsOn(what).includes(id));
    return changeOf(id, partBytes(before, id), partBytes(now, id), causes);
  });
  const seen = all.filter((cause) => changes.some(({ causes }) => causes.includes(cause)));
  return [
    ...changes,
    ...changeOf('device', fullest(before), fullest(now), seen),
    ...changeOf('total', before.memory.totalBytes, now.memory.totalBytes, seen),
  ];
}

function changeOf(id: string, fromBytes: number, toBytes: number, causes: readonly Cause[]): Change[] {
  return fromBytes === toBytes ? [] : [{ id, fromBytes, toBytes, byBytes: toBytes - fromBytes, causes }];
}

const partBytes = ({ memory }: Side, id: string): number =>
  memory.parts.find((part) => part.id === id)?.bytes ?? 0;

/** What the fullest card holds; without cards, the host. */
function fullest({ memory }: Side): number {
  const cards = memory.devices.filter(({ id }) => id !== 'host');
  return Math.max(0, ...(cards.length > 0 ? cards : memory.devices).map(({ totalBytes }) => totalBytes));
}

const bearsOn = (what: string): readonly string[] => BEARS_ON[what.split('.').at(-1) ?? ''] ?? EVERY_PART;

/** Everything that differs; the program's own rules only where nothing else does. */
function causesOf(before: Side, now: Side): Cause[] {
  const request = differing(requestFacts(before.request), requestFacts(now.request));
  const geometry = differing(before.facts, now.facts);
  if (request.length + geometry.length > 0) return [...request, ...geometry];
  const rules = ({ generator }: Side): string => `${generator.version} (${generator.data})`;
  return rules(before) === rules(now) ? [] : [{ what: 'generator', from: rules(before), to: rules(now) }];
}

/** A request as flat facts under `request.` and `options.`. */
function requestFacts({ options, ...fields }: Side['request']): Facts {
  const plain = Object.entries(fields).filter(([key]) => !SILENT.has(key));
  return Object.fromEntries([
    ...plain.map(([key, value]) => [`request.${key}`, factOf(value)] as const),
    ...Object.entries(options ?? {}).map(([key, value]) => [`options.${key}`, factOf(value)] as const),
  ]);
}

const factOf = (value: unknown): Fact =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? value
    : JSON.stringify(value);

function differing(before: Facts, now: Facts): Cause[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  return keys
    .map((what) => ({ what, from: before[what] ?? null, to: now[what] ?? null }))
    .filter(({ from, to }) => from !== to);
}

/** What grew by more than it may. Without a word about it, nothing may grow in total. */
export function overgrown(
  changes: readonly Change[],
  allowances: Allowances = { total: { bytes: 0 } },
): readonly (Change & { readonly allowedBytes: number })[] {
  return changes.flatMap((change) => {
    const allowance = allowances[change.id];
    if (!allowance) return [];
    const allowedBytes = bytesOf(allowance, change.fromBytes);
    return change.byBytes > allowedBytes ? [{ ...change, allowedBytes }] : [];
  });
}

const bytesOf = (allowance: Allowance, fromBytes: number): number =>
  'share' in allowance ? Math.floor(allowance.share * fromBytes) : allowance.bytes;
