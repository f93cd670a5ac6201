import { describe, expect, test } from 'vitest';
import { errorSchema, planSchema } from '../../src/schema/result.js';
import { ran } from './outside.js';

const MAVERICK = ['vram', 'maverick', '--quant', 'q4', '--ctx', '488k'];

describe('vram --json', () => {
  test('holds the figures that llmspec is known by', async () => {
    const { out, exitCode } = await ran([...MAVERICK, '--json']);
    const plan = planSchema.parse(JSON.parse(out));
    const bytesOf = (id: string) => plan.memory.parts.find((part) => part.id === id)?.bytes;
    expect(exitCode).toBe(0);
    expect(bytesOf('weights')).toBe(242_754_060_800);
    expect(bytesOf('kvCache')).toBe(24_648 * 1024 ** 2);
    expect(plan.request).toMatchObject({
      contextTokens: 499_712,
      quant: 'Q4_K_M',
      model: 'llama-4-maverick',
    });
    expect(plan.model.parameters.active).toBe(17_184_691_200);
  });

  test.each([
    ['no GPU', ['--cpu', '--ram', '64GiB']],
    ['several cards', ['--gpu', '2x4090', '--gpu', 'h100']],
    ['memory alone', ['--gpu', '2x24GiB']],
    ['limits', ['--max-memory', '100GiB', '--max-memory', 'per-device=50GiB']],
    ['formulas', ['--why']],
  ])('follows the published shape: %s', async (_, flags) => {
    const { out } = await ran(['vram', 'qwen3-next', ...flags, '--json']);
    expect(() => planSchema.parse(JSON.parse(out))).not.toThrow();
  });

  test('prints the same bytes twice', async () => {
    expect((await ran([...MAVERICK, '--json'])).out).toBe((await ran([...MAVERICK, '--json'])).out);
  });

  test('never holds what only a reader wants', async () => {
    const document = JSON.parse((await ran([...MAVERICK, '--json'])).out);
    expect(Object.keys(document)).not.toEqual(
      expect.arrayContaining(['overview', 'ladder', 'setups', 'next']),
    );
  });
});

describe('exit codes', () => {
  test.each([
    ['no limit', [], 0],
    ['too small a limit', ['--max-memory', '200GiB'], 1],
    ['a limit that holds', ['--max-memory', '300GiB'], 0],
    ['too small a limit for a card', ['--max-memory', 'per-device=100GiB'], 1],
    ['cards that do not carry it', ['--gpu', '2x4090'], 1],
    ['the same with --exit-zero', ['--gpu', '2x4090', '--exit-zero'], 0],
    ['cards that carry it', ['--gpu', '8xh100'], 0],
    ['too little host memory', ['--cpu', '--ram', '64GiB'], 1],
  ])('%s', async (_, flags, exitCode) => {
    expect((await ran([...MAVERICK, ...flags, '--json'])).exitCode).toBe(exitCode);
  });
});

describe('errors', () => {
  test('stand on standard error as one JSON document with --json', async () => {
    const { out, err, exitCode } = await ran(['vram', 'maverik', '--json']);
    expect(out).toBe('');
    expect(errorSchema.parse(JSON.parse(err)).error).toMatchObject({ code: 'unknown-model', exitCode: 2 });
    expect(exitCode).toBe(2);
  });

  test('of flags are JSON too', async () => {
    const { err } = await ran(['vram', 'maverick', '--jsn', '--format', 'json']);
    expect(JSON.parse(err).error.code).toBe('unknown-command');
  });

  test('show where they happened only when asked', async () => {
    const broken = { out: () => Promise.reject(new Error('no room')) };
    const quiet = await ran([...MAVERICK, '--json'], broken);
    const loud = await ran([...MAVERICK, '--json'], { ...broken, env: { LLMSPEC_DEBUG: '1' } });
    expect(quiet.exitCode).toBe(4);
    expect(quiet.err).not.toContain('    at ');
    expect(loud.err).toContain('    at ');
  });
});

describe('the table', () => {
  const ESCAPE = String.fromCharCode(27);

  test.each([
    ['maverick', ['-q', 'q4', '-c', '488k']],
    ['maverick', ['-q', 'q4', '-c', 'max', '--gpu', '16xrtx-pro-6000-workstation']],
    ['deepseek-r1', ['--gpu', '8xh100', '--why']],
    ['qwen3-coder-30b-a3b', ['--cpu', '--ram', '512GiB']],
    ['granite-4.0-h-small', ['--gpu', '4xany', '--set', 'parallel=auto']],
  ])('of %s fits 80 columns with %j', async (model, flags) => {
    const { out } = await ran(['vram', model, ...flags]);
    const tooLong = out.split('\n').filter((line) => line.length > 80 && !line.includes('/'));
    expect(tooLong).toEqual([]);
  });

  test.each([
    ['a pipe', {}, false],
    ['a terminal', { outIsTerminal: true }, true],
    ['NO_COLOR on a terminal', { outIsTerminal: true, env: { NO_COLOR: '1' } }, false],
    ['FORCE_COLOR in a pipe', { env: { FORCE_COLOR: '1' } }, true],
  ])('is coloured as it should be: %s', async (_, outside, coloured) => {
    expect((await ran(MAVERICK, outside)).out.includes(ESCAPE)).toBe(coloured);
  });
});

describe('other clothes', () => {
  test('CSV is one header and one line a device; notes go to standard error', async () => {
    const { out, err } = await ran([...MAVERICK, '--gpu', '2xany', '--format', 'csv']);
    const lines = out.trimEnd().split('\n');
    expect(lines).toHaveLength(1 + 3 + 1);
    expect(lines[0]).toMatch(/^device,gpu,weights_bytes,kv_cache_bytes,/);
    expect(lines.at(-1)).toMatch(/^all,,242754060800,25845301248,/);
    expect(err).toContain('note: q4 means Q4_K_M');
  });

  test('Markdown has tables', async () => {
    expect((await ran([...MAVERICK, '--format', 'markdown'])).out).toContain(
      '| Part | Memory | Share | Range |',
    );
  });

  test('--output writes a file and prints nothing', async () => {
    const { out, files } = await ran([...MAVERICK, '--json', '-o', 'plan.json']);
    expect(out).toBe('');
    expect(JSON.parse(files.get('plan.json') ?? '').kind).toBe('plan');
  });
});
