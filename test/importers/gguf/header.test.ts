import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { rowBytes } from '../../../src/core/quant/ggml-types.js';
import { InputError } from '../../../src/errors.js';
import { type ByteSource, localSource, memorySource } from '../../../src/importers/bytes-source.js';
import { fileTypeOf } from '../../../src/importers/gguf/file-type.js';
import { ggmlBlock } from '../../../src/importers/gguf/ggml-blocks.js';
import { readGgufHeader } from '../../../src/importers/gguf/header.js';
import { modelFromGguf } from '../../../src/importers/gguf/model.js';
import { bounded } from './bounded.js';
import { Bytes, type Written, type WrittenTensor, writeGguf } from './gguf-writer.js';
import { refused } from './refused.js';

const folder = mkdtempSync(join(tmpdir(), 'llmspec-gguf-'));
afterAll(() => rmSync(folder, { recursive: true }));

const source = (bytes: Uint8Array): ByteSource => memorySource('model.gguf', bytes);
const read = (bytes: Uint8Array) => readGgufHeader(source(bytes));

const TENSORS: WrittenTensor[] = [
  { name: 'token_embd.weight', ne: [256, 10], type: 'Q4_K' },
  { name: 'output.weight', ne: [256, 10], type: 'Q6_K' },
  { name: 'output_norm.weight', ne: [5] },
  { name: 'blk.0.ffn_down_exps.weight', ne: [64, 3, 2], type: 'MXFP4' },
];

const METADATA: Record<string, Written> = {
  'general.architecture': 'llama',
  'general.file_type': 15,
  'llama.block_count': 1,
  'llama.rope.freq_base': 500000.5,
  'llama.expert_weights_norm': true,
  'llama.attention.head_count_kv': [0, 8, 0],
  'tokenizer.ggml.tokens': ['a', 'b', 'é'],
};

const WRITTEN = writeGguf({ metadata: METADATA, tensors: TENSORS });

describe('a header', () => {
  test('gives every tensor its own type and bytes', async () => {
    const { tensors, version } = await read(WRITTEN.header);
    expect(version).toBe(3);
    expect(tensors.map(({ name, type, bytes }) => [name, type, bytes])).toEqual([
      // 10 rows of one block of 144 bytes, then of 210.
      ['token_embd.weight', 'Q4_K', 1440],
      ['output.weight', 'Q6_K', 2100],
      ['output_norm.weight', 'F32', 20],
      // 6 rows of two blocks of 17 bytes.
      ['blk.0.ffn_down_exps.weight', 'MXFP4', 204],
    ]);
    // The second starts at a multiple of 32 already, the third after 3540 = 110.6 x 32 bytes.
    expect(tensors.map(({ offset }) => offset)).toEqual([0, 1440, 3552, 3584]);
  });

  test('gives the metadata as they were written', async () => {
    const { metadata } = await read(WRITTEN.header);
    expect(Object.fromEntries(metadata)).toEqual(METADATA);
    expect(fileTypeOf({ metadata })).toBe('Q4_K_M');
  });

  test('is read the same in version 2', async () => {
    const { tensors } = await read(writeGguf({ version: 2, metadata: METADATA, tensors: TENSORS }).header);
    expect(tensors).toHaveLength(4);
  });

  test('keeps of a long vocabulary no more than its length', async () => {
    const tokens = Array.from({ length: 150_000 }, (_, index) => `token ${index}`);
    const scores = { type: 9, itemType: 6, value: tokens.map((_, index) => index) };
    const written = writeGguf({
      metadata: { 'tokenizer.ggml.tokens': tokens, 'tokenizer.ggml.scores': scores, 'general.name': 'x' },
      tensors: TENSORS,
    });
    const reads: number[] = [];
    const counted: ByteSource = {
      ...source(written.header),
      read: (offset, length) => {
        reads.push(length);
        return source(written.header).read(offset, length);
      },
    };
    const { metadata, tensors } = await bounded(() => readGgufHeader(counted));
    expect(metadata.get('tokenizer.ggml.tokens')).toEqual({ skipped: 'array', length: 150_000 });
    expect(metadata.get('tokenizer.ggml.scores')).toEqual({ skipped: 'array', length: 150_000 });
    expect([metadata.get('general.name'), tensors.length]).toEqual(['x', 4]);
    expect(reads.length).toBeLessThan(10);
  });

  test('may lie in front of no data, or of all of it, but not of a part', async () => {
    const path = join(folder, 'sparse.gguf');
    writeFileSync(path, WRITTEN.header);
    expect((await readGgufHeader(await localSource(path))).hasData).toBe(false);
    truncateSync(path, WRITTEN.fileBytes);
    expect((await readGgufHeader(await localSource(path))).hasData).toBe(true);
    truncateSync(path, WRITTEN.fileBytes - 1);
    const { args } = await refused(readGgufHeader(await localSource(path)));
    expect(args.problem).toMatch(/data goes to byte \d+, but the file ends/);
  });

  test('of a file of hundreds of gigabytes is read as fast as any', async () => {
    const written = writeGguf({
      metadata: METADATA,
      tensors: Array.from({ length: 500 }, (_, index) => ({
        name: `blk.${index}.ffn_up_exps.weight`,
        ne: [8192, 8192, 8],
        type: 'Q8_0',
      })),
    });
    const path = join(folder, 'large.gguf');
    writeFileSync(path, written.header);
    truncateSync(path, written.fileBytes);
    const { tensors } = await bounded(async () => readGgufHeader(await localSource(path)));
    expect(tensors.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(500 * rowBytes('Q8_0', 8192 * 8192 * 8));
  });
});

test('block sizes are those of the core', () => {
  const shared = ['F32', 'Q4_K', 'IQ3_XXS', 'TQ1_0', 'MXFP4', 'NVFP4', 'Q1_0'] as const;
  for (let id = 0; id < 43; id++) {
    const block = ggmlBlock(id);
    if (!block || !(shared as readonly string[]).includes(block.name)) continue;
    expect([block.name, block.bytes]).toEqual([block.name, rowBytes(block.name as 'F32', block.elements)]);
  }
});

/** A header of which the start is given, and nothing or junk follows. */
const start = (tensors: number | bigint, keys: number | bigint): Bytes =>
  new Bytes().raw(Buffer.from('GGUF')).u32(3).u64(tensors).u64(keys);

const tensor = (name: string, ne: (number | bigint)[], type: number, offset: number | bigint): Bytes => {
  const bytes = new Bytes().text(name).u32(ne.length);
  for (const length of ne) bytes.u64(length);
  return bytes.u32(type).u64(offset);
};

const oneTensor = (...given: Parameters<typeof tensor>): Buffer =>
  start(1, 0)
    .raw(tensor(...given).done())
    .raw(Buffer.alloc(64))
    .done();

const oneKey = (key: string, write: (bytes: Bytes) => Bytes): Buffer => write(start(0, 1).text(key)).done();

const HUGE = 2n ** 60n;

describe('a hostile file is refused in under a second and with under 200 MB', () => {
  test.each<[string, Buffer, RegExp]>([
    ['empty', Buffer.alloc(0), /empty/],
    ['two bytes', Buffer.from('GG'), /no GGUF/],
    ['the magic alone', Buffer.from('GGUF'), /version takes 8 bytes, but the file ends after 4/],
    ['a zip', Buffer.from('PK\u0003\u0004 and so on'), /zip/],
    ['a web page', Buffer.from('<!doctype html><html>'), /web page/],
    ['a pointer', Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:ab'), /Git LFS/],
    ['zeros', Buffer.alloc(4096), /zeros/],
    ['the format before', Buffer.from('tjgg\u0003\u0000\u0000\u0000'), /GGML/],
    ['version 1', new Bytes().raw(Buffer.from('GGUF')).u32(1).u64(0).u64(0).done(), /version 1/],
    ['a version to come', new Bytes().raw(Buffer.from('GGUF')).u32(99).u64(0).u64(0).done(), /version 99/],
    [
      'the other byte order',
      new Bytes()
        .raw(Buffer.from('GGUF'))
        .u32(3 << 24)
        .u64(0)
        .u64(0)
        .done(),
      /big end/,
    ],
    ['2^60 tensors', start(HUGE, 0).done(), /claims 1152921504606847000 tensors/],
    ['2^60 keys', start(0, HUGE).done(), /claims 1152921504606847000 keys/],
    ['2^64 - 1 tensors', start(2n ** 64n - 1n, 0).done(), /claims 18446744073709552000 tensors/],
    [
      'a million tensors in junk',
      start(1_000_000, 0).raw(Buffer.alloc(30_000_000)).done(),
      /no model has more/,
    ],
    ['a hundred thousand keys in zeros', start(0, 9_999).raw(Buffer.alloc(10_000_000)).done(), /empty name/],
    ['a key longer than the file', start(0, 1).u64(HUGE).done(), /claims|has 1152921504606847000 bytes/],
    ['a text longer than the file', oneKey('a', (bytes) => bytes.u32(8).u64(HUGE)), /but the file ends/],
    ['a text just longer than the file', oneKey('a', (bytes) => bytes.u32(8).u64(100)), /but the file ends/],
    ['a list longer than the file', oneKey('a', (bytes) => bytes.u32(9).u32(8).u64(HUGE)), /claims/],
    [
      'a list of bytes longer than the file',
      oneKey('a', (bytes) =>
        bytes
          .u32(9)
          .u32(0)
          .u64(2 ** 40),
      ),
      /claims/,
    ],
    [
      'lists in lists',
      oneKey('a', (bytes) => {
        bytes.u32(9);
        for (let depth = 0; depth < 100_000; depth++) bytes.u32(9).u64(1);
        return bytes;
      }),
      /list of lists/,
    ],
    ['a value of no type', oneKey('a', (bytes) => bytes.u32(77).u64(0)), /type 77/],
    ['a list of no type', oneKey('a', (bytes) => bytes.u32(9).u32(77).u64(1).u64(0)), /type 77/],
    ['a key twice', writeTwice(), /"general.name" is there twice/],
    [
      'a key with control characters',
      oneKey('a\u001b[2Jb', (bytes) => bytes.u32(4).u32(1)),
      /control characters/,
    ],
    ['a tensor twice', twoTensors('x', 'x'), /"x" is there twice/],
    ['a tensor without a name', oneTensor('', [1], 0, 0), /empty name/],
    ['a tensor with control characters', oneTensor('a\u0000b', [1], 0, 0), /control characters/],
    ['a tensor with path parts', oneTensor('../../etc/passwd', [1], 0, 0), /path parts/],
    ['a tensor from the root', oneTensor('/etc/passwd', [1], 0, 0), /path parts/],
    ['a tensor with a long name', oneTensor('x'.repeat(64), [1], 0, 0), /64 bytes, not 1 to 63/],
    ['a negative dimension', oneTensor('x', [-1n], 0, 0), /dimension of -1/],
    ['no dimension', oneTensor('x', [0], 0, 0), /dimension of 0/],
    ['a dimension beyond 2^53', oneTensor('x', [2n ** 62n], 0, 0), /dimension of 46/],
    [
      'a shape that overflows',
      oneTensor('x', [2 ** 31, 2 ** 31, 2 ** 31, 2 ** 31], 0, 0),
      /larger than any file/,
    ],
    [
      'four billion dimensions',
      start(1, 0).text('x').u32(4294967295).raw(Buffer.alloc(64)).done(),
      /4294967295 dimensions/,
    ],
    ['a type that does not exist', oneTensor('x', [1], 99_999, 0), /type 99999, which does not exist/],
    ['a type that was given up', oneTensor('x', [32], 31, 0), /Q4_0_4_4, which llama.cpp no longer reads/],
    ['a type of the fork', oneTensor('x', [256], 139, 0), /ik_llama/],
    ['rows that are no whole blocks', oneTensor('x', [100], 12, 0), /no whole blocks of 256/],
    ['data far beyond the file', oneTensor('x', [4], 0, HUGE), /starts at 1152921504606847000/],
    ['data cut off', oneTensor('x', [1024], 0, 0), /the file ends at byte/],
    ['an alignment of 0', alignedBy(0), /general.alignment is 0/],
    ['an alignment of 33', alignedBy(33), /general.alignment is 33/],
    ['an alignment of 2^31', alignedBy(2 ** 31), /general.alignment is 2147483648/],
    [
      'an alignment in words',
      writeGguf({ metadata: { 'general.alignment': 'wide' } }).header,
      /alignment is "wide"/,
    ],
  ])('%s', async (_, bytes, words) => {
    const error = await bounded(() => refused(read(bytes)));
    expect(error.code).toBe('bad-file');
    expect(error.args.path).toBe('model.gguf');
    expect(error.args.problem).toMatch(words);
    expect(error.args.hint).toMatch(/\S/);
  });

  test('a gigabyte of empty tokens ends at the limit of a header', async () => {
    const path = join(folder, 'tokens.gguf');
    writeFileSync(
      path,
      oneKey('tokenizer.ggml.tokens', (bytes) =>
        bytes
          .u32(9)
          .u32(8)
          .u64(2 ** 27),
      ),
    );
    truncateSync(path, 2 ** 30 + 1000);
    const error = await bounded(async () => refused(readGgufHeader(await localSource(path))));
    expect(error.args.problem).toMatch(/goes on beyond 67108864 bytes/);
  });

  test('many lists that are just short enough to keep do not fill the memory', async () => {
    const bytes = start(0, 9_000);
    const items = Buffer.alloc(4096);
    for (let key = 0; key < 9_000; key++) bytes.text(`k${key}`).u32(9).u32(0).u64(4096).raw(items);
    const header = bytes.done();
    const { metadata } = await bounded(() => read(header));
    expect(metadata.get('k8999')).toEqual({ skipped: 'array', length: 4096 });
  });

  test.each([
    ['a folder', folder, /it is a folder/],
    ['a device without end', '/dev/zero', /no regular file|no such file/],
    ['nothing', join(folder, 'nothing.gguf'), /no such file/],
  ])('%s', async (_, path, words) => {
    const error = await bounded(() => refused(localSource(path)));
    expect([error.code, error.args.problem]).toEqual(['bad-file', expect.stringMatching(words)]);
  });
});

function writeTwice(): Buffer {
  const bytes = start(0, 2);
  for (let round = 0; round < 2; round++) bytes.text('general.name').u32(8).text('a');
  return bytes.done();
}

function twoTensors(one: string, other: string): Buffer {
  return start(2, 0)
    .raw(tensor(one, [8], 0, 0).done())
    .raw(tensor(other, [8], 0, 32).done())
    .raw(Buffer.alloc(128))
    .done();
}

const alignedBy = (alignment: number): Buffer =>
  writeGguf({ metadata: { 'general.alignment': alignment } }).header;

/** Reads it, and maps it: an answer, or an error that a user can read; anything else fails. */
async function answered(bytes: Uint8Array): Promise<void> {
  try {
    modelFromGguf(await read(bytes), { from: 'x', date: '2026-01-01', architectures: { llama: 'llama' } });
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
  }
}

describe('properties', () => {
  test('every cut of a header is refused', async () => {
    const end = WRITTEN.header.length;
    for (let length = 0; length < end - 32; length++) {
      const error = await refused(read(WRITTEN.header.subarray(0, length)));
      expect(error.code).toBe('bad-file');
    }
  });

  test('changed bytes give an answer or a clear error, never anything else', async () => {
    const place = fc.nat(WRITTEN.header.length - 1);
    const changes = fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(changes, async (list) => {
        const bytes = Buffer.from(WRITTEN.header);
        for (const [at, value] of list) bytes[at] = value;
        await answered(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  test('changed numbers of 64 bits do so too', async () => {
    const place = fc.nat(WRITTEN.header.length - 8);
    await fc.assert(
      fc.asyncProperty(place, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), async (at, value) => {
        const bytes = Buffer.from(WRITTEN.header);
        bytes.writeBigUInt64LE(value, at);
        await answered(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  test('what is written is read', async () => {
    const tensors = fc.uniqueArray(
      fc.record({
        name: fc.stringMatching(/^[a-z_0-9]{1,40}$/),
        ne: fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 4 }),
      }),
      { selector: ({ name }) => name, maxLength: 20 },
    );
    await fc.assert(
      fc.asyncProperty(tensors, fc.constantFrom(8, 32, 64, 4096), async (list, alignment) => {
        const { header } = writeGguf({
          metadata: { 'general.alignment': alignment },
          tensors: list,
          alignment,
        });
        const found = await read(header);
        expect(found.tensors.map(({ name, ne }) => ({ name, ne }))).toEqual(list);
        expect(found.dataOffset).toBe(header.length);
      }),
    );
  });
});
