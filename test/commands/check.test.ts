import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { baselineSchema, checkSchema } from '../../src/schema/check.js';
import { requestSchema } from '../../src/schema/request.js';
import { ran } from './outside.js';

const CONFIG = `rows:
  - { name: fine, model: llama-3.1-8b, devices: rtx-4090 }
  - { name: over, model: llama-3.1-8b, context: 64k, devices: 8GiB }
`;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'llmspec-check-'));
  writeFileSync(join(folder, 'llmspec.config.yaml'), CONFIG);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

type Given = NonNullable<Parameters<typeof ran>[1]>;
const check = (argv: readonly string[], given: Given = {}) => ran(['check', ...argv], { folder, ...given });

describe('check --json', () => {
  test('follows the published shape, and batch takes its requests', async () => {
    const { out, exitCode } = await check(['--json']);
    const document = checkSchema.parse(JSON.parse(out));
    expect([exitCode, document.exitCode, document.kind]).toEqual([1, 1, 'check']);
    const lines = document.rows.map(({ request }) => JSON.stringify(requestSchema.parse(request)));
    const plans = (await ran(['batch'], { input: lines })).out.trimEnd().split('\n');
    expect(plans.map((plan) => JSON.parse(plan).memory)).toEqual(document.rows.map(({ memory }) => memory));
  });

  test('says by how much and what would fit', async () => {
    const { rows, next } = JSON.parse((await check(['--json'])).out);
    expect(rows[1].problems).toMatchObject([{ code: 'device-over', args: { devices: ['gpu0'] } }]);
    expect(rows[1].wouldFit.map(({ kind }: { kind: string }) => kind)).toContain('context');
    expect(next).toMatch(/^Next: give "over" \(line 3\) /);
  });

  test('prints the same bytes twice', async () => {
    expect((await check(['--json'])).out).toBe((await check(['--json'])).out);
  });
});

test('"it fits" without a memory is wrong', async () => {
  writeFileSync(join(folder, 'x.yaml'), 'rows: [{ model: maverick, limits: { fits: true } }]');
  expect(JSON.parse((await check(['x.yaml', '--json'])).out).rows[0].error.code).toBe('contradiction');
});

test.each([
  ['--exit-zero', ['--exit-zero'], 0],
  ['an unknown format', ['--format', 'xml'], 2],
  ['a report without a file', ['--report', 'junit'], 2],
  ['a report of an unknown format', ['--report', 'xml=x'], 2],
  ['growth that is none', ['--max-growth', 'much'], 2],
  ['a missing file', ['no.yaml'], 2],
])('%s', async (_, argv, exitCode) => {
  expect((await check(argv)).exitCode).toBe(exitCode);
});

test('names stay on their line and move no cursor', async () => {
  writeFileSync(join(folder, 'x.yaml'), 'rows: [{ name: "a\\nb\\e[2J", model: nobody }]');
  const { out } = await check(['x.yaml']);
  expect(out).toContain('- a b[2J (line 1):');
});

test('other commands keep the shared formats', async () => {
  expect((await ran(['vram', 'maverick', '--format', 'junit'])).exitCode).toBe(2);
});

test('reports are written beside the answer, and the job summary with --format github', async () => {
  const { out, files } = await check(
    ['--format', 'github', '--report', 'junit=j.xml', '--report', 'csv=c.csv'],
    {
      env: { GITHUB_STEP_SUMMARY: 'summary.md' },
    },
  );
  expect(out).toMatch(/^::error file=llmspec.config.yaml,line=3,title=over::/);
  expect(files.get('j.xml')).toMatch(/^<\?xml/);
  expect(files.get('c.csv')).toMatch(/^name,status,/);
  expect(files.get('summary.md')).toContain('### llmspec.config.yaml: 2 rows, 1 does not hold');
});

describe('a baseline', () => {
  const written = async (): Promise<string> => {
    const { files } = await check(['--write-baseline']);
    return files.get('llmspec.baseline.json') ?? '';
  };

  test('is written beside the file and read again', async () => {
    const text = await written();
    expect(baselineSchema.parse(JSON.parse(text)).rows.map(({ name }) => name)).toEqual(['fine', 'over']);
    writeFileSync(
      join(folder, 'llmspec.config.yaml'),
      CONFIG.replace('64k', '128k').replace('fine', 'other'),
    );
    const { rows, baseline } = JSON.parse(
      (await check(['--baseline', 'b.json', '--json'], { readFile: () => text })).out,
    );
    expect(baseline).toMatchObject({ from: 'b.json', removed: ['fine'] });
    expect(rows[0].change).toEqual({ status: 'new', parts: [] });
    expect(rows[1].change.parts[0]).toMatchObject({
      id: 'kvCache',
      byBytes: 8 * 1024 ** 3,
      message: 'KV cache +8.0 GiB: context 64k -> 128k',
    });
    expect(rows[1].problems.at(-1).code).toBe('growth-over');
  });

  test('may be what check --json printed', async () => {
    const { out } = await check(['--json']);
    const { rows } = JSON.parse((await check(['--baseline', 'b', '--json'], { readFile: () => out })).out);
    expect(rows.map(({ change }: { change: { status: string } }) => change.status)).toEqual(['same', 'same']);
  });

  test('that the file names must be there, but for writing it', async () => {
    writeFileSync(join(folder, 'llmspec.config.yaml'), `baseline: sizes.json\n${CONFIG}`);
    expect((await check([])).exitCode).toBe(2);
    const { files } = await check(['--write-baseline']);
    expect([...files.keys()]).toEqual(['sizes.json']);
  });

  test('is another commit where git knows it', async () => {
    const asked: string[] = [];
    const git = async (args: readonly string[]) => {
      asked.push(args[0]!);
      if (args[0] === 'rev-parse') return args.includes('--show-prefix') ? 'sub/\n' : 'abc\n';
      return args.at(-1) === 'abc:sub/llmspec.config.yaml' ? CONFIG.replace('64k', '32k') : undefined;
    };
    const { rows } = JSON.parse((await check(['--baseline', 'main', '--json'], { git })).out);
    expect(asked.slice(0, 3)).toEqual(['rev-parse', 'rev-parse', 'show']);
    expect(rows[1].change.parts[0].message).toBe('KV cache +4.0 GiB: context 32k -> 64k');
  });
});

describe('init', () => {
  test('writes YAML or JSON by the name', async () => {
    const { files, out } = await ran(['init']);
    expect(files.get('llmspec.config.yaml')).toContain('rows:');
    expect(out).toMatch(/^Wrote llmspec.config.yaml\. Next: /);
    const json = (await ran(['init', 'a.json', '--model', 'maverick'])).files.get('a.json');
    expect(JSON.parse(json ?? '').rows[0].model).toBe('maverick');
  });

  test('replaces nothing without being told', async () => {
    const there = { readFile: () => 'text' };
    expect((await ran(['init'], there)).exitCode).toBe(2);
    expect((await ran(['init', '--force'], there)).exitCode).toBe(0);
  });
});
