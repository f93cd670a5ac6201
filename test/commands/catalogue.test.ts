import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/commands/index.js';
import { jsonSchema, SCHEMAS } from '../../src/schema/index.js';
import { ran } from './outside.js';

describe('models show maverick', () => {
  test('has the plan’s model object, and the sheet in it', async () => {
    const { model, kind } = JSON.parse((await ran(['models', 'show', 'maverick', '--json'])).out);
    expect(kind).toBe('model');
    expect(model).toMatchObject({
      id: 'llama-4-maverick',
      layers: 48,
      parameters: { total: 401_583_781_376, active: 17_184_691_200 },
    });
  });

  test('names every disputed claim of the public page', async () => {
    const { model } = JSON.parse((await ran(['models', 'show', 'maverick', '--json'])).out);
    const claims = (model.disputed as { claimed: unknown }[]).map(({ claimed }) => String(claimed));
    expect(claims).toEqual(expect.arrayContaining(['400B', '17.0B', '12288', '120', '96', '2', '0.7']));
  });

  test('has the grid at 1k, 488k and 977k', async () => {
    const { out } = await ran(['models', 'show', 'maverick']);
    expect(out).toMatch(/Format +1k +488k +977k/);
  });

  test.each([
    'llama-4-scout',
    'deepseek-r1',
    'gemma-3-27b',
    'glm-4.5-air',
    'granite-4.0-h-small',
    'gpt-oss-120b',
  ])('%s has a sheet in 80 columns', async (name) => {
    const { out, exitCode } = await ran(['models', 'show', name]);
    expect(exitCode).toBe(0);
    expect(out.split('\n').filter((line) => line.length > 80 && !/[/:]/.test(line))).toEqual([]);
  });
});

describe('every command', () => {
  test.each(Object.keys(COMMANDS))('%s has a help text with examples', async (name) => {
    const { out, exitCode } = await ran([name, '--help']);
    expect(exitCode).toBe(0);
    expect(out).toContain('Examples:');
    expect(out).toContain(`llmspec ${name}`);
  });

  test.each(['models', 'gpus', 'quants', 'engines'])('%s lists as JSON', async (name) => {
    const { kind, of, items } = JSON.parse((await ran([name, '--json'])).out);
    expect([kind, of]).toEqual(['list', name]);
    expect(items.length).toBeGreaterThan(0);
  });
});

test.each(Object.keys(SCHEMAS))('schema %s prints a JSON Schema', async (name) => {
  const printed = JSON.parse((await ran(['schema', name])).out);
  expect(printed).toEqual(jsonSchema(name as keyof typeof SCHEMAS));
  expect(printed.$id).toBe(`urn:llmspec:schema:1:${name}`);
});

test('bare llmspec shows examples and the commands, and exits 0', async () => {
  const { out, exitCode } = await ran([]);
  expect(exitCode).toBe(0);
  for (const name of Object.keys(COMMANDS)) expect(out).toContain(name);
  expect(out).toContain('llmspec vram maverick --quant q4 --ctx 488k');
});

test('--version prints a version', async () => {
  expect((await ran(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
});
