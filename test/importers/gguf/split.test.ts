import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readGgufFile } from '../../../src/importers/gguf/split.js';
import { type Written, type WrittenTensor, writeGguf } from './gguf-writer.js';
import { refused } from './refused.js';

const root = mkdtempSync(join(tmpdir(), 'llmspec-split-'));
afterAll(() => rmSync(root, { recursive: true }));

interface Part {
  readonly name: string;
  readonly metadata: Record<string, Written>;
  readonly tensors: WrittenTensor[];
}

const part = (number: number, names: string[], more: Record<string, Written> = {}): Part => ({
  name: `m-0000${number}-of-00003.gguf`,
  metadata: {
    'split.no': number - 1,
    'split.count': 3,
    'split.tensors.count': { type: 5, value: 4 },
    ...more,
  },
  tensors: names.map((name) => ({ name, ne: [32, 2], type: 'Q8_0' })),
});

const PARTS = [part(1, ['a', 'b'], { 'general.architecture': 'llama' }), part(2, ['c']), part(3, ['d'])];

let folders = 0;
function folderOf(parts: readonly Part[]): string {
  const folder = join(root, String(folders++));
  mkdirSync(folder);
  for (const { name, metadata, tensors } of parts) {
    const { header, fileBytes } = writeGguf({ metadata, tensors });
    writeFileSync(join(folder, name), header);
    truncateSync(join(folder, name), fileBytes);
  }
  return folder;
}

describe('a split file', () => {
  test.each([1, 2, 3])('is read whole from its part %i', async (number) => {
    const folder = folderOf(PARTS);
    const { tensors, metadata, files, hasData, date } = await readGgufFile(
      join(folder, `m-0000${number}-of-00003.gguf`),
    );
    expect(tensors.map(({ name, bytes }) => [name, bytes])).toEqual(
      ['a', 'b', 'c', 'd'].map((name) => [name, 68]),
    );
    expect(metadata.get('general.architecture')).toBe('llama');
    expect(files.map(({ name }) => name)).toEqual(PARTS.map(({ name }) => name));
    expect([hasData, date]).toEqual([true, expect.stringMatching(/^\d{4}-\d\d-\d\d$/)]);
  });

  test.each<[string, readonly Part[], RegExp]>([
    ['a part is missing', PARTS.slice(0, 2), /no such file/],
    [
      'a part is another one',
      [PARTS[0]!, { ...PARTS[2]!, name: PARTS[1]!.name }, PARTS[2]!],
      /says that it is part 3 of 3, but its name says part 2/,
    ],
    ['a tensor is in two parts', [PARTS[0]!, part(2, ['a']), PARTS[2]!], /"a" is in two parts/],
    [
      'a tensor is missing',
      [PARTS[0]!, part(2, []), PARTS[2]!],
      /announces 4 tensors, but its 3 parts hold 3/,
    ],
    ['the count differs', [PARTS[0]!, part(2, ['c'], { 'split.count': 2 }), PARTS[2]!], /part 2 of 2/],
    ['the count is no count', [part(1, ['a'], { 'split.count': 'three' })], /split.count is no count/],
    ['the count is too high', [part(1, ['a'], { 'split.count': 65535 })], /65535 parts/],
  ])('is refused where %s', async (_, parts, words) => {
    const error = await refused(readGgufFile(join(folderOf(parts), 'm-00001-of-00003.gguf')));
    expect([error.code, error.args.problem]).toEqual(['bad-file', expect.stringMatching(words)]);
  });

  test('is refused under another name', async () => {
    const folder = folderOf([{ ...PARTS[0]!, name: 'renamed.gguf' }]);
    const error = await refused(readGgufFile(join(folder, 'renamed.gguf')));
    expect(error.args.hint).toMatch(/name-00001-of-00003\.gguf/);
  });
});

test('the table of frequencies says the factor of the rope scaling', async () => {
  const folder = join(root, 'table');
  mkdirSync(folder);
  const { header } = writeGguf({
    metadata: { 'general.architecture': 'llama' },
    tensors: [{ name: 'rope_freqs.weight', ne: [4] }],
  });
  const table = Buffer.from(new Float32Array([1, 1, 2.5, 32]).buffer);
  writeFileSync(join(folder, 'm.gguf'), Buffer.concat([header, table]));
  expect((await readGgufFile(join(folder, 'm.gguf'))).ropeFactor).toBe(32);
});
