import { describe, expect, test } from 'vitest';
import { ran } from './outside.js';

describe('sweep', () => {
  test('has a row for every combination, in order', async () => {
    const { out, exitCode } = await ran(['sweep', 'maverick', '-q', 'q4,q8', '-c', '1k,488k', '--json']);
    const rows = JSON.parse(out).rows as { request: { quant: string; contextTokens: number } }[];
    expect(exitCode).toBe(0);
    expect(rows.map(({ request }) => [request.quant, request.contextTokens])).toEqual([
      ['Q4_K_M', 1024],
      ['Q4_K_M', 499_712],
      ['Q8_0', 1024],
      ['Q8_0', 499_712],
    ]);
  });

  test('a refused combination is a row with its reason, and the exit code is 0', async () => {
    const { out, exitCode } = await ran([
      'sweep',
      'qwen3-8b',
      '-q',
      'q4',
      '-c',
      '8k,200k',
      '--format',
      'csv',
    ]);
    const lines = out.trimEnd().split('\n');
    expect(exitCode).toBe(0);
    expect(lines).toHaveLength(3);
    expect(lines[2]).toMatch(/n\/a,"?Qwen3 8B holds/);
  });

  test('streams CSV row by row', async () => {
    const pieces: string[] = [];
    await ran(['sweep', 'qwen3-8b', '-q', 'q4,q8', '--format', 'csv'], {
      out: (text) => void pieces.push(text),
    });
    expect(pieces).toHaveLength(2);
  });

  test('an unknown name ends it', async () => {
    expect((await ran(['sweep', 'qwen3-8b', 'nobody', '-q', 'q4'])).exitCode).toBe(2);
    expect((await ran(['sweep', 'qwen3-8b', '-q', 'q4,nothing'])).exitCode).toBe(2);
  });

  test('a grid that explodes is refused', async () => {
    const many = Array.from({ length: 400 }, (_, index) => 256 * (index + 1)).join(',');
    const { err, exitCode } = await ran(['sweep', 'qwen3-8b', '-c', many, '-n', many]);
    expect(exitCode).toBe(2);
    expect(err).toContain('160,000 rows; 100,000 are the most');
  });
});

describe('compare', () => {
  test('says what differs most and why', async () => {
    const { out } = await ran(['compare', 'maverick', 'llama-4-scout', '-q', 'q4']);
    expect(out).toContain('107.77B parameters for 400.71B');
    expect(out).toMatch(/Next: 2\. llama-4-scout needs the least/);
  });

  test.each([
    [['-q', 'q4,q8'], 'Q8_0 for Q4_K_M'],
    [['-q', 'q4', '--kv', 'f16,q8_0', '-c', '128k'], 'q8_0 for f16'],
    [['-q', 'q4', '-c', '8k,128k'], '131,072 tokens for 8,192'],
  ])('one model under several settings: %j', async (flags, cause) => {
    const { out } = await ran(['compare', 'qwen3-8b', ...flags]);
    expect(out.replace(/\s+/g, ' ')).toContain(cause);
  });

  test('needs two to eight deployments', async () => {
    expect((await ran(['compare', 'maverick', '-q', 'q4'])).exitCode).toBe(2);
    expect((await ran(['compare', 'maverick', '-q', 'q2,q3,q4,q5,q6,q8,F16,BF16,IQ4_XS'])).exitCode).toBe(2);
  });
});

describe.each(['fit', 'recommend', 'sweep', 'compare'])('%s', (name) => {
  const COMMANDS: Record<string, readonly string[]> = {
    fit: ['fit', 'maverick', '--gpu', '4xa100'],
    recommend: ['recommend', 'maverick', '--quant', 'q4', '--ctx', '488k'],
    sweep: ['sweep', 'maverick', '-q', 'q4', '-c', '1k,488k'],
    compare: ['compare', 'maverick', 'llama-4-scout', '-q', 'q4'],
  };

  test('ends with one sentence that says what to do next', async () => {
    const { out } = await ran(COMMANDS[name]!);
    expect(out.trimEnd().split('\n\n').at(-1)).toMatch(/^Next: /);
  });

  test.each(['json', 'csv', 'markdown'])('prints %s', async (format) => {
    const { out, exitCode } = await ran([...COMMANDS[name]!, '--format', format]);
    expect(exitCode).toBe(0);
    expect(out.length).toBeGreaterThan(50);
  });
});
