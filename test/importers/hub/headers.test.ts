import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { chooseGguf } from '../../../src/importers/hub/gguf-choice.js';
import { readHubCheckpoint, readHubGguf } from '../../../src/importers/hub/headers.js';
import { openRepository } from '../../../src/importers/hub/repository.js';
import { hubSettings } from '../../../src/importers/hub/settings.js';
import { writeGguf } from '../gguf/gguf-writer.js';
import { refused } from '../gguf/refused.js';
import { writeTensors } from '../safetensors/safetensors-writer.js';
import { type MockFile, mockHub } from './mock-hub.js';

const cache = mkdtempSync(join(tmpdir(), 'llmspec-hub-'));
afterAll(() => rmSync(cache, { recursive: true }));

const part = (number: number, tensor: string): MockFile => {
  const metadata = { 'split.no': number - 1, 'split.count': 2 };
  const { header, fileBytes } = writeGguf({ metadata, tensors: [{ name: tensor, ne: [32], type: 'Q8_0' }] });
  return { bytes: Buffer.concat([header, Buffer.alloc(fileBytes - header.length)]), large: true };
};
const shard = (name: string): MockFile => ({
  bytes: writeTensors({ [name]: { dtype: 'BF16', shape: [2], bytes: 4 } }),
  large: true,
});
const INDEX = { weight_map: { x: 'a.safetensors', y: 'b.safetensors' } };

async function withHub<T>(
  files: Record<string, MockFile>,
  work: (settings: ReturnType<typeof hubSettings>) => Promise<T>,
): Promise<T> {
  const hub = await mockHub(files);
  try {
    const env = { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: mkdtempSync(join(cache, 'hub-')) };
    return await work(hubSettings(env, { home: cache }));
  } finally {
    await hub.close();
  }
}

test('a split GGUF file is read with all of its parts, which lie in a folder of their own', async () => {
  const files = {
    'Q8_0/m-Q8_0-00001-of-00002.gguf': part(1, 'a'),
    'Q8_0/m-Q8_0-00002-of-00002.gguf': part(2, 'b'),
  };
  const { tensors, files: read } = await withHub(files, async (settings) => {
    const repository = await openRepository({ id: 'org/name' }, settings);
    return readHubGguf(repository, chooseGguf(repository.files, 'q8_0')!.path, settings);
  });
  expect(tensors.map(({ name }) => name)).toEqual(['a', 'b']);
  expect(read.map(({ name }) => name)).toEqual(['m-Q8_0-00001-of-00002.gguf', 'm-Q8_0-00002-of-00002.gguf']);
});

test.each([
  ['an index', { 'model.safetensors.index.json': { bytes: Buffer.from(JSON.stringify(INDEX)) } }],
  ['no index', {}],
])('a checkpoint with %s is read whole', async (_, more) => {
  const files = { ...more, 'a.safetensors': shard('x'), 'b.safetensors': shard('y') };
  const { tensors } = await withHub(files, async (settings) =>
    readHubCheckpoint(await openRepository({ id: 'org/name' }, settings), settings),
  );
  expect(tensors.map(({ name, file }) => [name, file])).toEqual([
    ['x', 'a.safetensors'],
    ['y', 'b.safetensors'],
  ]);
});

test('a repository without a checkpoint says so', async () => {
  const error = await withHub({ 'config.json': { bytes: Buffer.from('{}') } }, async (settings) =>
    refused(readHubCheckpoint(await openRepository({ id: 'org/name' }, settings), settings)),
  );
  expect([error.code, error.args.path]).toEqual(['bad-file', 'org/name']);
});
