import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findCheckConfig, parseCheckConfig, readCheckConfig } from '../../src/importers/check-config.js';
import { type AskedRow, allowancesOf, rowsOf } from '../../src/importers/check-rows.js';
import { refusal } from '../refusal.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'llmspec-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

const ROWS = 'rows:\n  - model: maverick\n';

describe('the file is found', () => {
  test.each([
    ['llmspec.config.yaml', ROWS],
    ['llmspec.config.yml', ROWS],
    ['llmspec.config.json', '{"rows":[{"model":"maverick"}]}'],
    ['.llmspecrc', ROWS],
    ['.config/llmspec.yaml', ROWS],
    ['package.json', '{"name":"x",\n"llmspec":{"rows":[\n{"model":"maverick"}]}}'],
  ])('%s', (name, text) => {
    const path = put(name, text);
    expect(findCheckConfig(folder)).toBe(path);
    expect(readCheckConfig(path, folder)).toMatchObject({
      path: name,
      entries: [{ config: { model: 'maverick' } }],
    });
  });

  test('in the nearest folder above', () => {
    const path = put('llmspec.config.yaml', ROWS);
    put('a/package.json', '{"name":"without"}');
    mkdirSync(join(folder, 'a/b'));
    expect(findCheckConfig(join(folder, 'a/b'))).toBe(path);
  });

  test('or said to be missing', () => {
    expect(() => findCheckConfig('/')).toThrow(refusal('no-config'));
  });

  test('and a package.json that is no JSON is said to be wrong', () => {
    put('package.json', '{');
    expect(() => findCheckConfig(folder)).toThrow(refusal('bad-file'));
  });
});

describe('what is wrong outside the rows', () => {
  test.each([
    ['empty', '', 'it is empty'],
    ['no rows', 'rows: []', 'there is 1 problem in it'],
    ['a number', '5', 'there is 1 problem in it'],
  ])('%s', (_, text, problem) => {
    expect(() => parseCheckConfig(text, 'x.yaml')).toThrow(refusal('bad-file', { problem }));
  });

  test.each([
    ['missing', 'nothing.yaml'],
    ['a folder', '.'],
  ])('%s', (_, name) => {
    expect(() => readCheckConfig(join(folder, name), folder)).toThrow(refusal('bad-file'));
  });

  test('is listed with everything else, by line', () => {
    const text = 'row: 1\ndefaults:\n  quantt: q4\nrows:\n  - modl: x\n';
    const list = [
      'line 1: unknown key "row"',
      'line 3: unknown key "quantt" in defaults',
      'line 5: model is missing',
      'line 5: unknown key "modl"',
    ];
    expect(() => parseCheckConfig(text, 'x.yaml')).toThrow(refusal('bad-file', { list }));
  });

  test('and syntax has its line', () => {
    const list = [expect.stringMatching(/^line 3: /)];
    expect(() => parseCheckConfig('rows:\n  - model: a\n    model: b\n', 'x.yaml')).toThrow(
      refusal('bad-file', { list }),
    );
  });

  test('and aliases do not grow without end', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 9; i++) lines.push(`a${i}: &a${i} [${`*a${i - 1}, `.repeat(10)}]`);
    expect(() => parseCheckConfig(lines.join('\n'), 'x.yaml')).toThrow(refusal('bad-file'));
  });
});

test('a row has all its faults with their lines, and the others stay', () => {
  const { entries } = parseCheckConfig(
    'rows:\n  - model: maverick\n  - name: odd\n    model: x\n    context: 1,000\n    limits:\n      total: 5\n      parts: { kvcache: 1GiB }\n',
    'x.yaml',
  );
  expect(entries[0]).toMatchObject({ line: 2, faults: [], config: { model: 'maverick' } });
  expect(entries[1]).toMatchObject({ name: 'odd', line: 3 });
  expect(entries[1]?.faults).toEqual([
    expect.stringContaining('line 5: context: expected tokens'),
    expect.stringContaining('line 7: limits.total: expected a size'),
    expect.stringContaining('line 8: unknown key "kvcache"'),
  ]);
});

test.each([
  ['devices: [{ gpu: 4090 }]', 'devices.0.gpu: expected another kind of value'],
  ['devices: [{ gpu: h100, cnt: 2 }]', 'unknown key "cnt" in devices.0'],
  ['devices: true', 'devices: expected devices such as 2x4090'],
  ['quant: 4', 'quant: expected a weight format or a list of them'],
  ['quant: [q4, 8]', 'quant.1: expected string, received number'],
  ['context: [8k, soon]', 'context.1: expected tokens'],
  ['growth: { totl: 5% }', 'unknown key "totl" in growth'],
  ['growth: { total: much }', 'growth.total: expected 0, a share'],
  ['growth: much', 'growth: expected 0, 5%, 1GiB'],
  ['limits: 5', 'limits: expected object'],
  ['sequences: 0', 'sequences: Too small: expected number to be >0'],
])('of %s it says what is wrong with it', (line, words) => {
  const { entries } = parseCheckConfig(`rows:\n  - model: a\n    ${line}\n`, 'x.yaml');
  expect(entries[0]?.faults).toEqual([expect.stringContaining(`line 3: ${words}`)]);
});

const rows = (yaml: string): AskedRow[] => rowsOf({ folder, ...parseCheckConfig(yaml, 'x.yaml') }, folder);

describe('rows', () => {
  test('take texts as the command line does', () => {
    const [row] = rows(`rows:
  - name: all
    model: maverick
    context: 488k
    sequences: 2
    kv: q8_0
    kvV: f16
    devices: 2x4090 + 24GiB
    hostMemory: 64GiB
    options: { ubatch-size: 1024 }
    limits: { total: 300GiB, perDevice: 80GiB, parts: { weights: 200GiB }, minContext: 32k, minSequences: 3 }
    growth: { total: 5%, kvCache: 0 }
`);
    expect(row).toMatchObject({
      name: 'all',
      line: 2,
      request: {
        model: 'maverick',
        contextTokens: 499_712,
        sequences: 2,
        kvTypeK: 'q8_0',
        kvTypeV: 'f16',
        devices: [
          { gpu: '4090', count: 2 },
          { memoryBytes: 24 * 1024 ** 3, count: 1 },
        ],
        hostMemoryBytes: 64 * 1024 ** 3,
        options: { 'ubatch-size': 1024 },
        limits: { totalBytes: 300 * 1024 ** 3, perDeviceBytes: 80 * 1024 ** 3 },
      },
      expectations: { parts: { weights: 200 * 1024 ** 3 }, contextTokens: 32_768, sequences: 3 },
      growth: { total: { share: 0.05 }, kvCache: { bytes: 0 } },
    });
  });

  test.each([
    ['cpu', []],
    ['4090', [{ gpu: '4090', count: 1 }]],
    ['[{ gpu: h100, count: 8 }]', [{ gpu: 'h100', count: 8 }]],
    ['{ gpu: h100, count: 8 }', [{ gpu: 'h100', count: 8 }]],
    [
      '[{ gpu: h100 }, { memoryBytes: 1024, count: 2 }]',
      [
        { gpu: 'h100', count: 1 },
        { memoryBytes: 1024, count: 2 },
      ],
    ],
  ])('devices: %s', (text, devices) => {
    expect(rows(`rows: [{ model: a, devices: ${text} }]`)).toMatchObject([{ request: { devices } }]);
  });

  test('of lists are one for each value, named by it', () => {
    const names = rows('rows: [{ name: x, model: a, quant: [q4, q8], devices: [4090x, 2xh100] }]').map(
      ({ name }) => name,
    );
    expect(names).toEqual(['x · q4 · 4090x', 'x · q4 · 2xh100', 'x · q8 · 4090x', 'x · q8 · 2xh100']);
  });

  test('take defaults, and options and limits one by one', () => {
    const [row] = rows(
      'defaults: { quant: q8, options: { a: 1, b: 1 }, limits: { total: 1GiB } }\nrows: [{ model: x, options: { b: 2 }, limits: { perDevice: 1GiB } }]',
    );
    expect(row).toMatchObject({
      request: {
        quant: 'q8',
        options: { a: 1, b: 2 },
        limits: { totalBytes: 1024 ** 3, perDeviceBytes: 1024 ** 3 },
      },
    });
  });

  test('find models beside the file, and a folder only where the catalogue has no such name', () => {
    put('models/a.json', '{}');
    const asked = rows('rows: [{ model: ./models/a.json }, { model: models }, { model: maverick }]');
    expect(asked).toMatchObject([
      { path: { read: join(folder, 'models/a.json'), shown: './models/a.json', sure: true } },
      { path: { shown: './models', sure: false } },
      {},
    ]);
    expect(asked[2]).not.toHaveProperty('path');
  });

  test('of one name are refused from the second on', () => {
    const [first, second] = rows('rows:\n  - { name: a, model: x }\n  - { name: a, model: y }');
    expect(first).not.toHaveProperty('error');
    expect(second).toMatchObject({
      error: { code: 'bad-row', args: { list: ['line 3: line 2 has a row of the same name'] } },
    });
  });

  test('are wrong alone where a count is', () => {
    const [bad, good] = rows('rows: [{ model: a, devices: "0x4090" }, { model: b }]');
    expect(bad).toMatchObject({ error: { code: 'bad-number' } });
    expect(good).not.toHaveProperty('error');
  });

  test('are a thousand at most, and the largest list is named', () => {
    const many = Array.from({ length: 40 }, (_, index) => index + 1).join(', ');
    const text = `rows:\n  - model: a\n  - { model: b, context: [${many}], sequences: [${many}] }\n`;
    expect(() => rows(text)).toThrow(
      refusal('too-many-checks', { rows: 1601, most: 1000, line: 3, ofRow: 1600 }),
    );
  });
});

test.each([
  [0, { total: { bytes: 0 } }],
  ['2.5%', { total: { share: 0.025 } }],
  ['1GiB', { total: { bytes: 1024 ** 3 } }],
] as const)('growth %s', (text, allowances) => {
  expect(allowancesOf(text)).toEqual(allowances);
});

test('growth that cannot be read is refused', () => {
  expect(() => allowancesOf('much')).toThrow(refusal('bad-number'));
  expect(() => allowancesOf('x%')).toThrow(refusal('bad-number'));
});
