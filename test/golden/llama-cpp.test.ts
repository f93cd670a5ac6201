import { describe, expect, test } from 'vitest';
import { computeByLaw } from '../../src/core/engines/llama-cpp/compute-law.js';
import { devicesOf } from '../../src/core/engines/llama-cpp/devices.js';
import { settingsOf } from '../../src/core/engines/llama-cpp/settings.js';
import type { Trial } from '../../src/core/plan.js';
import { resolve } from '../../src/core/resolve.js';
import { createPlanner, type Plan, type Request } from '../../src/index.js';
import { rowsOf } from './csv.js';

type Asked =
  | 'model'
  | 'quant'
  | 'devices'
  | 'ctx-size'
  | 'sequences'
  | 'unified'
  | 'ubatch'
  | 'batch'
  | 'flash-attn'
  | 'swa-full'
  | 'kvK'
  | 'kvV'
  | 'cpu-moe'
  | 'program';

/** Compared to the byte. */
const EXACT = [
  'weights',
  'kvFull',
  'kvSliding',
  'kvRecurrent',
  'output',
  'deviceWeights',
  'deviceKv',
] as const;
type Exact = (typeof EXACT)[number];
type Row = Record<Asked | Exact | 'compute', string>;

const rows: Row[] = rowsOf<keyof Row>('llama-cpp.csv');
const planner = createPlanner();

const requestOf = (row: Row): Request => ({
  model: row.model,
  quant: row.quant,
  devices: row.devices === '0' ? [] : [{ gpu: null, count: Number(row.devices) }],
  sequences: Number(row.sequences),
  kvTypeK: row.kvK,
  kvTypeV: row.kvV,
  allowContextOverflow: true,
  options: {
    'ctx-size': Number(row['ctx-size']),
    'kv-unified': row.unified === 'true',
    'ubatch-size': Number(row.ubatch),
    'batch-size': Number(row.batch),
    'flash-attn': row['flash-attn'],
    'swa-full': row['swa-full'] === 'true',
    'cpu-moe': row['cpu-moe'] === 'true',
    'no-repack': row.devices === '0',
    program: row.program,
  },
});

const partOf = ({ memory }: Plan, id: string) => memory.parts.find((part) => part.id === id);

/** Our figures in the columns of the file. */
function figuresOf(plan: Plan): Record<Exact, string> {
  const cache = (...ids: string[]) =>
    (partOf(plan, 'kvCache')?.children ?? [])
      .filter(({ id }) => ids.includes(id))
      .reduce((sum, { bytes }) => sum + bytes, 0);
  const onDevices = (part: string) => plan.memory.devices.map(({ parts }) => parts[part] ?? 0).join(' ');
  return {
    weights: String(partOf(plan, 'weights')?.bytes),
    kvFull: String(cache('fullAttention', 'latent')),
    kvSliding: String(cache('slidingWindow')),
    kvRecurrent: String(cache('recurrentState')),
    output: String(partOf(plan, 'output')?.bytes),
    deviceWeights: onDevices('weights'),
    deviceKv: onDevices('kvCache'),
  };
}

const titleOf = (row: Row): string => {
  const where = row.devices === '0' ? 'the processor' : `${row.devices} card(s)`;
  const switches = (['unified', 'swa-full', 'cpu-moe'] as const).filter((name) => row[name] === 'true');
  const rest = [row.program, `-fa ${row['flash-attn']}`, ...switches].join(' ');
  return `${row.model} ${row.quant} on ${where}, -c ${row['ctx-size']} -np ${row.sequences} -ub ${row.ubatch} -ctk ${row.kvK} -ctv ${row.kvV} ${rest}`;
};

test.each(rows.map((row): [string, Row] => [titleOf(row), row]))('%s', async (_, row) => {
  const plan = await planner.plan(requestOf(row));
  expect(figuresOf(plan)).toEqual(Object.fromEntries(EXACT.map((column) => [column, row[column]])));
});

test('replayed compute buffers are the engine’s own, to the byte', { timeout: 60_000 }, async () => {
  const differing: string[] = [];
  for (const row of rows) {
    const request = requestOf(row);
    const plan = await planner.plan(request);
    if (String(partOf(plan, 'compute')?.bytes) !== row.compute) differing.push(titleOf(row));
  }
  expect(differing).toEqual([]);
});

test('the rows have every model, and every kind of device, cache and batch', () => {
  const values = (column: Asked) => new Set(rows.map((row) => row[column]));
  expect(values('model').size).toBe(12);
  expect(values('quant').size).toBe(12);
  expect(values('devices')).toEqual(new Set(['0', '1', '2', '4', '8']));
  expect(values('kvK')).toEqual(new Set(['f16', 'bf16', 'f32', 'q8_0', 'q5_1', 'q4_0']));
  expect(values('sequences')).toEqual(new Set(['1', '4']));
});

describe('the law for compute, which stands in where no graph is known', async () => {
  const estimates = await Promise.all(
    rows.map(async (row) => {
      const { bytes, low, high } = lawOf(await planner.ask(requestOf(row)));
      const printed = Number(row.compute);
      return { row, error: Math.abs(bytes - printed) / printed, inside: low <= printed && printed <= high };
    }),
  );

  function lawOf({ prepared: { forEngine }, question }: Trial) {
    const { request } = resolve(question);
    const settings = settingsOf(request, forEngine);
    const { cards, host } = computeByLaw(forEngine, settings, devicesOf(request, forEngine).placement);
    return [...cards, host].reduce((sum, one) => ({
      bytes: sum.bytes + one.bytes,
      low: sum.low + one.low,
      high: sum.high + one.high,
    }));
  }

  test('is in it in nine of ten rows', () => {
    expect(estimates.filter(({ inside }) => inside).length / estimates.length).toBeGreaterThanOrEqual(0.9);
  });

  test('is within 1 % for most rows with one card and a cache of 16-bit floats, within 10 % for nearly all', () => {
    const plain = estimates.filter(
      ({ row }) =>
        row.devices === '1' &&
        row.kvK === 'f16' &&
        row.kvV === 'f16' &&
        row['flash-attn'] === 'auto' &&
        row['cpu-moe'] === 'false',
    );
    const errors = plain.map(({ error }) => error).sort((a, b) => a - b);
    expect(errors.length).toBeGreaterThan(50);
    expect(errors[Math.floor(errors.length / 2)]).toBeLessThanOrEqual(0.01);
    expect(errors[Math.floor(0.9 * errors.length)]).toBeLessThanOrEqual(0.1);
  });
});
