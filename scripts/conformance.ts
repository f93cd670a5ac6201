// Runs every record that llama.cpp's own planner printed through the planner, and says how exact each part is.
import { existsSync, readFileSync } from 'node:fs';
import { type Plan, plan } from '../src/core/plan.js';
import { createPlanner } from '../src/index.js';
import { type Buffers, type Record, requestOf, skipped } from './records.js';

const FILE = new URL('../../shared/truth/llama-cpp.json', import.meta.url);

const SEARCHED = 'compute by the law';

/** One figure of one record beside ours. */
interface Pair {
  readonly model: string;
  readonly part: string;
  readonly class: string;
  readonly ours: number;
  readonly theirs: number;
  readonly range?: { readonly low: number; readonly high: number };
}

async function comparePlans(records: readonly Record[]): Promise<Pair[]> {
  const planner = createPlanner();
  const pairs: Pair[] = [];
  const mapped = records.filter((record) => !skipped(record));
  for (const record of mapped) {
    const request = requestOf(record);
    const { prepared, question } = await planner.ask(request);
    pairs.push(...pairsOf(record, plan(prepared, question)));
    pairs.push(searched(record, plan(prepared, question, 'atMost')));
  }
  console.log(`${mapped.length} of ${records.length} records mapped`);
  return pairs;
}

function pairsOf(record: Record, plan: Plan): Pair[] {
  const { model } = record;
  const found = (id: string) => plan.memory.parts.find((part) => part.id === id);
  const child = (...ids: string[]) =>
    (found('kvCache')?.children ?? [])
      .filter(({ id }) => ids.includes(id))
      .reduce((sum, { bytes }) => sum + bytes, 0);
  const pair = (part: string, ours: number, theirs: number): Pair => ({
    model,
    part,
    class: classOf(record),
    ours,
    theirs,
  });
  return [
    pair('weights', found('weights')!.bytes, record.weights_bytes),
    pair('kv total', found('kvCache')!.bytes, record.kv_bytes.total),
    pair('kv full and latent', child('fullAttention', 'latent'), record.kv_bytes.attn),
    pair('kv sliding', child('slidingWindow'), record.kv_bytes.swa),
    pair('kv recurrent', child('recurrentState'), record.kv_bytes.recurrent),
    pair('output', found('output')!.bytes, record.output_bytes),
    ...deviceBuffers(record).flatMap(([id, buffers]) => {
      const parts = plan.memory.devices.find((device) => device.id === id)!.parts;
      return [
        pair(`device weights`, parts.weights!, buffers.weights),
        pair(`device kv`, parts.kvCache!, buffers.kv),
        pair(`device compute`, parts.compute!, buffers.compute),
      ];
    }),
  ];
}

/** What a search takes for the compute buffers: it should never be too little. */
function searched(record: Record, { memory }: Plan): Pair {
  const { bytes, range } = memory.parts.find(({ id }) => id === 'compute')!;
  const { model, compute_bytes: theirs } = record;
  return { model, part: SEARCHED, class: classOf(record), ours: bytes, theirs, range: range! };
}

/** The engine's buffers as our devices: everything that is no card is the host. */
function deviceBuffers({ by_buffer }: Record): [string, Buffers][] {
  const host = { weights: 0, kv: 0, compute: 0 };
  const cards: [string, Buffers][] = [];
  for (const [name, buffers] of Object.entries(by_buffer)) {
    const card = /^GPU(\d+)$/.exec(name);
    if (card) cards.push([`gpu${card[1]}`, buffers]);
    else {
      host.weights += buffers.weights;
      host.kv += buffers.kv;
      host.compute += buffers.compute;
    }
  }
  return [...cards, ['host', host]];
}

function classOf(record: Record): string {
  const f16 = record.kv_type_k === 'f16' && record.kv_type_v === 'f16';
  if (record.offload.includes('expert')) return 'experts on the host';
  const where = record.backend === 'CPU' ? 'CPU' : record.backend.replace('cuda-rules-', 'GPU ');
  if (!record.flash_attn_effective) return `${where}, flash attention off`;
  return f16 ? `${where}, f16 cache` : `${where}, other cache types`;
}

const percent = (value: number): string => `${(100 * value).toFixed(2)} %`.padStart(10);

const errorOf = ({ ours, theirs }: Pair): number =>
  ours === theirs ? 0 : Math.abs(ours - theirs) / (theirs || 1);

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

function report(
  title: string,
  pairs: readonly Pair[],
  groupOf: (pair: Pair) => string,
  wanted: (pair: Pair) => boolean,
): void {
  const groups = groupBy(pairs.filter(wanted), groupOf);
  console.log(`\n${title}`.padEnd(53), '    n     exact    median       p95     worst   in range');
  for (const [name, members] of groups) {
    const errors = members.map(errorOf);
    const exact = errors.filter((error) => error === 0).length / errors.length;
    const ranged = members.filter(({ range }) => range);
    const inside = ranged.length ? percent(insideShare(ranged)) : '';
    console.log(
      name.padEnd(50),
      String(members.length).padStart(6),
      percent(exact),
      percent(quantile(errors, 0.5)),
      percent(quantile(errors, 0.95)),
      percent(Math.max(...errors)),
      inside,
    );
  }
}

function insideShare(pairs: readonly Pair[]): number {
  const inside = pairs.filter(({ range, theirs }) => range!.low <= theirs && theirs <= range!.high);
  return inside.length / pairs.length;
}

/** What must hold; each line that this returns is a failure. */
function failures(pairs: readonly Pair[]): string[] {
  const broken: string[] = [];
  for (const part of ['weights', 'kv', 'output', 'device']) {
    const wrong = pairs.filter((pair) => pair.part.startsWith(part) && errorOf(pair) > 0);
    if (wrong.length > 0)
      broken.push(`${part}: ${wrong.length} figures differ, first ${JSON.stringify(wrong[0])}`);
  }
  const searches = groupBy(
    pairs.filter(({ part }) => part === SEARCHED),
    (pair) => pair.class,
  );
  const wide = [...searches].filter(([, members]) => insideShare(members) < 0.9).map(([name]) => name);
  if (wide.length > 0) broken.push(`law: the range holds less than 90 % of ${wide.join('; ')}`);
  return broken;
}

/** `Map.groupBy` came with Node 21. */
function groupBy<T>(values: readonly T[], keyOf: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) groups.set(keyOf(value), [...(groups.get(keyOf(value)) ?? []), value]);
  return groups;
}

async function main(): Promise<void> {
  if (!existsSync(FILE)) return console.log('skipped: ../shared not found');
  const pairs = await comparePlans(JSON.parse(readFileSync(FILE, 'utf8')) as Record[]);
  report(
    'by model and part',
    pairs,
    ({ model, part }) => `${model} · ${part}`,
    ({ part }) => part !== SEARCHED,
  );
  report(
    'compute by the law, for searches, by class',
    pairs,
    (pair) => pair.class,
    ({ part }) => part === SEARCHED,
  );
  const broken = failures(pairs);
  for (const failure of broken) console.log(`FAILED  ${failure}`);
  const checks = 5;
  console.log(`${checks - broken.length} passed, ${broken.length} failed`);
  process.exitCode = broken.length > 0 ? 1 : 0;
}

await main();
