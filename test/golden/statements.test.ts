import { describe, expect, test } from 'vitest';
import { createPlanner, type Request } from '../../src/index.js';
import { parseBytes } from '../../src/units/bytes.js';
import { parseDevices } from '../../src/units/devices.js';
import { rowsOf } from './csv.js';

type Asked =
  | 'model'
  | 'quant'
  | 'fileBytes'
  | 'contextTokens'
  | 'sequences'
  | 'devices'
  | 'hostMemory'
  | 'options';
type Row = Record<'id' | Asked | 'fits' | 'source' | 'date' | 'stated' | 'explained', string>;

const rows: Row[] = rowsOf<keyof Row>('statements.csv');
const planner = createPlanner();

/** Of the keys in the column of options, those that are fields of a request and not settings of the engine. */
const FIELDS = ['kvTypeK', 'kvTypeV'];

const settingOf = (text: string) =>
  text === 'true' || text === 'false' ? text === 'true' : /^\d+$/.test(text) ? Number(text) : text;

const requestOf = (row: Row): Request => {
  const settings = row.options
    .split(';')
    .filter(Boolean)
    .map((setting) => setting.split('=') as [string, string]);
  const display = settings.some(([key]) => key === 'display');
  return {
    model: row.model,
    quant: row.quant,
    sequences: Number(row.sequences),
    devices:
      row.devices === 'cpu' ? [] : [{ ...parseDevices(row.devices), ...(display ? { display: true } : {}) }],
    ...(row.fileBytes ? { fileBytes: Number(row.fileBytes) } : {}),
    ...(row.contextTokens ? { contextTokens: Number(row.contextTokens) } : {}),
    ...(row.hostMemory ? { hostMemoryBytes: parseBytes(row.hostMemory) } : {}),
    ...Object.fromEntries(settings.filter(([key]) => FIELDS.includes(key))),
    options: Object.fromEntries(
      settings
        .filter(([key]) => key !== 'display' && !FIELDS.includes(key))
        .map(([key, value]) => [key, settingOf(value)]),
    ),
  };
};

const verdictOf = async (request: Request) => (await planner.plan(request)).verdict;

describe('statements of public guides and logs', async () => {
  const answers = await Promise.all(
    rows.map(async (row) => {
      const { fits, reason } = await verdictOf(requestOf(row));
      return { row, agrees: String(fits) === row.fits, said: `${row.id}: ${reason ?? 'fits'}` };
    }),
  );
  const disagreeing = answers.filter(({ agrees }) => !agrees);

  test('are at least 30, of which 10 do not fit, each with its source', () => {
    expect(rows.length).toBeGreaterThanOrEqual(30);
    expect(rows.filter(({ fits }) => fits === 'false').length).toBeGreaterThanOrEqual(10);
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
    for (const { fits, source, date, stated } of rows) {
      expect(['true', 'false']).toContain(fits);
      expect(source && date && stated).not.toBe('');
    }
  });

  test('agree with the planner in 95 %, and each that does not is explained', () => {
    const explained = rows.filter((row) => row.explained !== '').map(({ id }) => id);
    expect(
      disagreeing.map(({ row }) => row.id),
      disagreeing.map(({ said }) => said).join('\n'),
    ).toEqual(explained);
    expect(1 - disagreeing.length / rows.length).toBeGreaterThanOrEqual(0.95);
  });

  test.each(rows.filter(({ contextTokens }) => contextTokens === ''))(
    'without a context do not hinge on it: $id',
    async (row) => {
      const short = await verdictOf({ ...requestOf(row), contextTokens: 2048 });
      const long = await verdictOf({ ...requestOf(row), contextTokens: 16_384 });
      expect(long.fits, long.reason ?? 'fits').toBe(short.fits);
    },
  );
});
