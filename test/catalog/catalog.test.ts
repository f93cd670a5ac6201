import { describe, expect, test } from 'vitest';
import { modelsLike, openCatalog } from '../../src/catalog/index.js';
import { refusal } from '../refusal.js';

const catalog = openCatalog();
const GIB = 1024 ** 3;

describe('a model is found by', () => {
  test.each([
    ['its id', 'llama-4-maverick', 'llama-4-maverick'],
    ['its name', 'Llama 4 Maverick', 'llama-4-maverick'],
    ['an alias', 'maverick', 'llama-4-maverick'],
    ['an alias in any case', 'MAVERICK', 'llama-4-maverick'],
    ['underscores for dashes', 'llama_4_maverick', 'llama-4-maverick'],
    ['its hub id', 'meta-llama/Llama-4-Maverick-17B-128E-Instruct', 'llama-4-maverick'],
    ['the hub id of a variant', 'meta-llama/Llama-4-Maverick-17B-128E', 'llama-4-maverick'],
    ['the name of its Ollama tag', 'gpt-oss:20b', 'gpt-oss-20b'],
  ])('%s', (_, name, id) => {
    expect(catalog.findModel(name)?.id).toBe(id);
  });

  test.each(['maveric', '', 'llama', 'constructor', '__proto__'])('nothing like %j', (name) => {
    expect(catalog.findModel(name)).toBeUndefined();
  });
});

test('an entry of every list is found by its own id', () => {
  const lost = [
    ...catalog.models.filter(({ id }) => catalog.findModel(id)?.id !== id),
    ...catalog.gpus.filter(({ id }) => catalog.findGpu(id)?.id !== id),
    ...catalog.quants.filter(({ id }) => catalog.findQuant(id)?.id !== id),
    ...catalog.engines.filter(({ id }) => catalog.findEngine(id)?.id !== id),
  ];
  expect(lost).toEqual([]);
});

describe('a model that is read', () => {
  const read = (name: string) => catalog.model(catalog.findModel(name)!, name);

  test('has its id', () => {
    expect(read('maverick').id).toBe('llama-4-maverick');
  });

  test('has the geometry that it shares', () => {
    expect(read('deepseek-r1').architecture).toEqual(read('deepseek-v3').architecture);
    expect(read('deepseek-r1').name).toBe('DeepSeek R1');
  });

  test('has the context of the release that was named', () => {
    expect(read('maverick').context.native).toBe(1_048_576);
    expect(read('meta-llama/Llama-4-Maverick-17B-128E').context).toEqual({ native: 262_144 });
    expect(read('META-LLAMA/LLAMA-4-MAVERICK-17B-128E').context).toEqual({ native: 262_144 });
  });
});

test('a shared geometry that is not there is said so', () => {
  expect(() => catalog.architecture('no-such-model')).toThrow(
    refusal('bad-file', { problem: expect.stringContaining('"no-such-model"') }),
  );
});

describe('a card is found by', () => {
  test.each([
    ['its id', 'rtx-4090', 'rtx-4090'],
    ['a short name', '4090', 'rtx-4090'],
    ['its name', 'GeForce RTX 4090', 'rtx-4090'],
    ['the usual board of a name with several', 'h100', 'h100-sxm5-80gb'],
    ['one of its sizes', 'apple-m4-max-36gb', 'apple-m4-max-36gb'],
    ['an alias with a size', 'm4-max-36gb', 'apple-m4-max-36gb'],
  ])('%s', (_, name, id) => {
    expect(catalog.findGpu(name)?.id).toBe(id);
  });
});

test('each size of a chip has its own memory', () => {
  // 36 GiB, of which macOS gives three quarters.
  expect(catalog.findGpu('apple-m4-max-36gb')).toMatchObject({
    capacityBytes: 36 * GIB,
    usableBytes: 27 * GIB,
    bandwidthBytesPerSecond: 410e9,
  });
  expect(catalog.findGpu('apple-m4-max')).toMatchObject({
    capacityBytes: 128 * GIB,
    usableBytes: 96 * GIB,
    bandwidthBytesPerSecond: 546e9,
  });
});

test.each([
  ['Q4_K_M', 'Q4_K_M'],
  ['q4_k_m', 'Q4_K_M'],
  ['q4-k-m', 'Q4_K_M'],
  ['iq4_xs', 'IQ4_XS'],
])('the format %s is %s', (name, id) => {
  expect(catalog.findQuant(name)?.id).toBe(id);
});

test('models like an unknown one are named', () => {
  expect(modelsLike(catalog, 'maverik')).toEqual(['maverick']);
});

test('every entry reads back as the file it names', () => {
  for (const entry of catalog.quants) expect(catalog.quant(entry).name).toBe(entry.id);
  for (const entry of catalog.engines) expect(catalog.engine(entry).name).toBe(entry.name);
  for (const entry of catalog.models) expect(catalog.model(entry).name).toBe(entry.name);
  for (const entry of catalog.gpus) expect(entry.name.startsWith(catalog.gpu(entry).name)).toBe(true);
});
