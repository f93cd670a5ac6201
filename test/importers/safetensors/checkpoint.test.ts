import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { checkpointFiles, readCheckpointPath } from '../../../src/importers/safetensors/checkpoint.js';
import { refused } from '../gguf/refused.js';
import { writeTensors } from './safetensors-writer.js';

const root = mkdtempSync(join(tmpdir(), 'llmspec-safetensors-'));
afterAll(() => rmSync(root, { recursive: true }));

const shard = (...names: string[]): Buffer =>
  writeTensors(Object.fromEntries(names.map((name) => [name, { dtype: 'BF16', shape: [2, 3], bytes: 12 }])));

const index = (map: Record<string, unknown>): string => JSON.stringify({ metadata: {}, weight_map: map });

let folders = 0;
function folderOf(files: Record<string, string | Buffer>): string {
  const folder = join(root, String(folders++));
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

const A = 'model-00001-of-00002.safetensors';
const B = 'model-00002-of-00002.safetensors';
const INDEX = 'model.safetensors.index.json';
const WHOLE = { [INDEX]: index({ x: A, y: A, z: B }), [A]: shard('x', 'y'), [B]: shard('z') };

describe('a checkpoint', () => {
  test.each([
    ['its folder', ''],
    ['its index', INDEX],
  ])('is read from %s', async (_, name) => {
    const { tensors, files } = await readCheckpointPath(
      join(folderOf({ ...WHOLE, 'config.json': '{}' }), name),
    );
    expect(tensors.map(({ name: tensor, file, bytes }) => [tensor, file, bytes])).toEqual([
      ['x', A, 12],
      ['y', A, 12],
      ['z', B, 12],
    ]);
    expect(files).toEqual([
      { name: A, bytes: WHOLE[A].length },
      { name: B, bytes: WHOLE[B].length },
    ]);
  });

  test.each([
    ['one file', 'model.safetensors', ''],
    ['one file named', 'model.safetensors', 'model.safetensors'],
    ['one file under another name', 'weights.safetensors', ''],
  ])('may be %s', async (_, name, asked) => {
    const { tensors } = await readCheckpointPath(join(folderOf({ [name]: shard('x') }), asked));
    expect(tensors.map((tensor) => tensor.file)).toEqual([name]);
  });

  test.each<[string, Record<string, string | Buffer>, RegExp]>([
    ['a file is missing', { [INDEX]: WHOLE[INDEX]!, [A]: WHOLE[A]! }, /no such file/],
    ['a tensor is missing', { ...WHOLE, [B]: shard('other') }, /places "z" in .+, where it is not/],
    ['a tensor is in two files', { ...WHOLE, [B]: shard('x', 'z') }, /"x" is in .+ too/],
    [
      'the index names another folder',
      { ...WHOLE, [INDEX]: index({ x: '../../x.safetensors' }) },
      /path parts/,
    ],
    ['the index names a folder below', { ...WHOLE, [INDEX]: index({ x: 'a/x.safetensors' }) }, /path parts/],
    [
      'the index names an address',
      { ...WHOLE, [INDEX]: index({ x: 'http://x/y.safetensors' }) },
      /path parts/,
    ],
    [
      'the index names something else',
      { ...WHOLE, [INDEX]: index({ x: 'pytorch_model.bin' }) },
      /no safetensors file/,
    ],
    ['the index has numbers', { ...WHOLE, [INDEX]: index({ x: 1 }) }, /no file name/],
    ['the index has nothing', { ...WHOLE, [INDEX]: index({}) }, /no weight_map/],
    ['the index has no map', { ...WHOLE, [INDEX]: '{}' }, /no weight_map/],
    ['the index is a list', { ...WHOLE, [INDEX]: '[]' }, /no weight_map/],
    ['the index is empty', { ...WHOLE, [INDEX]: '' }, /empty/],
    [
      'the index names a tensor twice',
      { ...WHOLE, [INDEX]: `{"weight_map":{"x":"${A}","x":"${B}"}}` },
      /"x" twice/,
    ],
    ['there is none', { 'config.json': '{}' }, /no safetensors files/],
  ])('is refused where %s', async (_, files, words) => {
    const error = await refused(readCheckpointPath(folderOf(files)));
    expect([error.code, error.args.problem]).toEqual(['bad-file', expect.stringMatching(words)]);
  });
});

test('files below other folders, and adapters, belong to no checkpoint', () => {
  const names = ['original/model.safetensors', 'adapter_model.safetensors', 'b.safetensors', 'a.safetensors'];
  expect(checkpointFiles(names, 'org/name')).toEqual({ files: ['a.safetensors', 'b.safetensors'] });
});
