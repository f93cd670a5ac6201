import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../../src/errors.js';
import { memorySource } from '../../../src/importers/bytes-source.js';
import { bitsOf } from '../../../src/importers/safetensors/dtypes.js';
import { readSafetensors } from '../../../src/importers/safetensors/header.js';
import { bounded } from '../gguf/bounded.js';
import { refused } from '../gguf/refused.js';
import { writeSafetensors, writeTensors } from './safetensors-writer.js';

const read = (bytes: Uint8Array) => readSafetensors(memorySource('model.safetensors', bytes));

const FILE = writeTensors(
  {
    'model.norm.weight': { dtype: 'BF16', shape: [5], bytes: 10 },
    'model.fp4': { dtype: 'F4', shape: [3, 2], bytes: 3 },
    'model.scale': { dtype: 'F32', shape: [], bytes: 4 },
    'model.empty': { dtype: 'U8', shape: [0, 7], bytes: 0 },
  },
  { format: 'pt' },
);

describe('a header', () => {
  test('gives every tensor its type, shape and bytes', async () => {
    const { tensors, metadata, fileBytes } = await read(FILE);
    expect(tensors).toEqual([
      { name: 'model.norm.weight', dtype: 'BF16', shape: [5], bytes: 10 },
      { name: 'model.fp4', dtype: 'F4', shape: [3, 2], bytes: 3 },
      { name: 'model.scale', dtype: 'F32', shape: [], bytes: 4 },
      { name: 'model.empty', dtype: 'U8', shape: [0, 7], bytes: 0 },
    ]);
    expect([Object.fromEntries(metadata), fileBytes]).toEqual([{ format: 'pt' }, FILE.length]);
  });

  test('may end in blanks, as writers pad it', async () => {
    expect(
      (await read(writeSafetensors('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}   ', 1))).tensors,
    ).toHaveLength(1);
  });

  test('may have any length, those that look like another format among them', async () => {
    // 0x034b50 is "PK\x03" of a zip, 0x8b1f the start of gzip.
    for (const length of [0x034b50, 0x8b1f, 0x0280]) {
      const json = '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'.padEnd(length);
      expect((await read(writeSafetensors(json, 1))).tensors).toHaveLength(1);
    }
  });

  test('takes names that mean something in the language as they are', async () => {
    const { tensors } = await read(
      writeSafetensors('{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1),
    );
    expect(tensors[0]?.name).toBe('__proto__');
  });

  test('of a hundred thousand tensors is read', async () => {
    const entries = Array.from({ length: 100_000 }, (_, index) => [
      `model.layers.${index % 61}.mlp.experts.${index}.down_proj.weight`,
      { dtype: 'BF16', shape: [2048, 0], data_offsets: [0, 0] },
    ]);
    const file = writeSafetensors(Object.fromEntries(entries));
    expect((await read(file)).tensors).toHaveLength(100_000);
  });
});

const one = (fields: string, dataBytes = 4): Buffer => writeSafetensors(`{"a":{${fields}}}`, dataBytes);
const shaped = (shape: string): Buffer => one(`"dtype":"F32","shape":${shape},"data_offsets":[0,4]`);
const huge = (length: bigint): Buffer => {
  const bytes = Buffer.from(FILE);
  bytes.writeBigUInt64LE(length);
  return bytes;
};
const two = (first: string, second: string, dataBytes: number): Buffer =>
  writeSafetensors(
    `{"a":{"dtype":"U8","shape":[4],"data_offsets":${first}},"b":{"dtype":"U8","shape":[4],"data_offsets":${second}}}`,
    dataBytes,
  );
const named = (name: string): Buffer =>
  writeSafetensors({ [name]: { dtype: 'U8', shape: [4], data_offsets: [0, 4] } }, 4);

describe('a hostile file is refused in under a second and with under 200 MB', () => {
  test.each<[string, Buffer, RegExp]>([
    ['empty', Buffer.alloc(0), /empty/],
    ['three bytes', Buffer.from('abc'), /3 bytes, too few/],
    ['a zip', Buffer.from('PK\u0003\u0004 and so on and on'), /zip/],
    ['a GGUF', Buffer.from('GGUF\u0003\u0000\u0000\u0000 and so on'), /GGUF/],
    ['a pickle', Buffer.concat([Buffer.from([0x80, 2]), Buffer.from('ctorch._utils')]), /pickle/],
    ['zeros', Buffer.alloc(1024), /zeros/],
    ['a header of 2^60 bytes', huge(2n ** 60n), /claims 1152921504606847000 bytes/],
    ['a header of 2^64 - 1 bytes', huge(2n ** 64n - 1n), /claims 18446744073709552000 bytes/],
    ['a header just longer than the file', huge(BigInt(FILE.length)), /cut off/],
    ['a header of nothing', huge(0n), /does not start with \{/],
    ['a header that is a list', writeSafetensors('[1]'), /does not start with \{/],
    ['a header with a mark in front', writeSafetensors('\uFEFF{}'), /does not start with \{/],
    ['a header cut short', writeSafetensors('{"a":{"dtype":"U8"'), /object that does not end/],
    ['two objects', writeSafetensors('{}{}'), /goes on after its end/],
    ['a comma too many', writeSafetensors('{"a":{"dtype":"U8",}}'), /no name in quotes/],
    ['a comment', writeSafetensors('{/* hello */}'), /no name in quotes/],
    ['lists in lists', writeSafetensors(`{"a":${'['.repeat(1_000_000)}}`), /nested deeper than 16/],
    ['objects in objects', writeSafetensors('{"a":'.repeat(1_000_000)), /nested deeper than 16/],
    [
      'millions of numbers',
      writeSafetensors(`{"a":[${'0,'.repeat(5_000_000)}0]}`),
      /more than 1000000 values/,
    ],
    [
      'millions of names',
      writeSafetensors(`{${Array.from({ length: 1_500_000 }, (_, index) => `"name ${index}":0`).join()}}`),
      /more than 200000 names/,
    ],
    ['a text without an end', writeSafetensors(`{"${'\\\\'.repeat(2_000_000)}`), /text that does not end/],
    [
      'a long row of escaped quotes',
      writeSafetensors(`{"${'\\"'.repeat(2_000_000)}`),
      /text that does not end/,
    ],
    ['a text with a line break', writeSafetensors('{"a\nb":1}'), /must be escaped/],
    [
      'no UTF-8',
      Buffer.concat([
        writeSafetensors('{"a":"    "}').subarray(0, 14),
        Buffer.from([0xff, 0xfe, 0xff, 0xfe, 0x22, 0x7d]),
      ]),
      /UTF-8/,
    ],
    [
      'a name twice',
      writeSafetensors(
        '{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}',
        1,
      ),
      /"a" twice/,
    ],
    ['a name twice, once escaped', writeSafetensors('{"a":0,"\\u0061":0}'), /"a" twice/],
    ['a field twice', one('"dtype":"F32","dtype":"U8","shape":[1],"data_offsets":[0,4]'), /"dtype" twice/],
    ['a field too many', one('"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1'), /the key "x"/],
    ['no object', writeSafetensors('{"a":[1]}'), /no JSON object/],
    ['metadata that are none', writeSafetensors('{"__metadata__":{"a":1}}'), /something else than text/],
    ['metadata that are a list', writeSafetensors('{"__metadata__":[]}'), /no JSON object/],
    [
      'a type that does not exist',
      one('"dtype":"F33","shape":[1],"data_offsets":[0,4]'),
      /"F33", which does not exist/,
    ],
    [
      'a type from the depths of the language',
      one('"dtype":"constructor","shape":[1],"data_offsets":[0,4]'),
      /does not exist/,
    ],
    ['no type', one('"shape":[1],"data_offsets":[0,4]'), /type undefined/],
    ['a negative dimension', shaped('[-1]'), /shape that is no list of whole numbers/],
    ['minus zero', shaped('[-0]'), /shape that is no list/],
    ['half a dimension', shaped('[0.5]'), /shape that is no list/],
    ['a dimension as text', shaped('["1"]'), /shape that is no list/],
    ['NaN', shaped('[NaN]'), /cannot hold "NaN/],
    ['Infinity', shaped('[Infinity]'), /cannot hold "Inf/],
    ['a number beyond doubles', shaped('[1e999]'), /shape that is no list/],
    ['a number with a zero in front', shaped('[01]'), /cannot hold "01/],
    ['a dimension beyond 2^53', shaped('[9007199254740993]'), /shape that is no list/],
    ['a shape that overflows', shaped('[2147483648,2147483648]'), /larger than any file/],
    ['sizes that disagree', shaped('[2]'), /2 elements of F32, 8 bytes, in 4 bytes/],
    ['half a byte', one('"dtype":"F4","shape":[1],"data_offsets":[0,1]', 1), /0\.5 bytes/],
    ['offsets turned round', one('"dtype":"F32","shape":[1],"data_offsets":[4,0]'), /not a start and an end/],
    ['three offsets', one('"dtype":"F32","shape":[1],"data_offsets":[0,4,8]'), /not a start and an end/],
    ['a gap in front', two('[1,5]', '[5,9]', 9), /starts at 1 and not at 0/],
    ['a gap between', two('[0,4]', '[5,9]', 9), /starts at 5 and not at 4/],
    ['an overlap', two('[0,4]', '[2,6]', 6), /starts at 2 and not at 4/],
    ['data cut off', two('[0,4]', '[4,8]', 7), /takes 8 bytes, but the file holds 7/],
    ['bytes behind the data', two('[0,4]', '[4,8]', 9), /1 bytes behind the data/],
    ['a name with path parts', named('../../x'), /path parts/],
    ['a name with control characters', named('a\u001b[2J'), /control characters/],
    ['an empty name', named(''), /empty name/],
  ])('%s', async (_, bytes, words) => {
    const error = await bounded(() => refused(read(bytes)));
    expect(error.code).toBe('bad-file');
    expect(error.args.problem).toMatch(words);
    expect(error.args.hint).toMatch(/\S/);
  });

  test('a header longer than any model has', async () => {
    const source = {
      ...memorySource('model.safetensors', FILE),
      size: 2 ** 40,
      read: async (_: number, length: number) => huge(2n ** 30n).subarray(0, Math.min(length, FILE.length)),
    };
    const error = await bounded(() => refused(readSafetensors(source)));
    expect(error.args.problem).toMatch(/1073741824 bytes, and no model/);
  });
});

test('types have the bits that their names say', () => {
  for (const dtype of ['F4', 'I8', 'F16', 'BF16', 'U32', 'F64', 'F8_E4M3'])
    expect([dtype, bitsOf(dtype)]).toEqual([dtype, Number(/\d+/.exec(dtype)![0])]);
});

async function answered(bytes: Uint8Array): Promise<void> {
  try {
    await read(bytes);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
  }
}

describe('properties', () => {
  test('every cut of a file is refused', async () => {
    for (let length = 0; length < FILE.length; length++)
      expect((await refused(read(FILE.subarray(0, length)))).code).toBe('bad-file');
  });

  test('changed bytes give an answer or a clear error, never anything else', async () => {
    const changes = fc.array(fc.tuple(fc.nat(FILE.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(changes, async (list) => {
        const bytes = Buffer.from(FILE);
        for (const [at, value] of list) bytes[at] = value;
        await answered(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  test('any JSON as a header does so too', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json(), fc.nat(64), async (json, dataBytes) => {
        await answered(writeSafetensors(`{"a":${json}}`, dataBytes));
      }),
      { numRuns: 1000 },
    );
  });

  test('what is written is read', async () => {
    const tensors = fc.dictionary(
      fc.stringMatching(/^[a-z._0-9]{1,40}$/).filter((name) => !name.includes('..') && name !== '.'),
      fc.array(fc.nat(16), { maxLength: 4 }),
      { noNullPrototype: true },
    );
    await fc.assert(
      fc.asyncProperty(tensors, async (shapes) => {
        const entries = Object.entries(shapes).map(([name, shape]) => {
          const bytes = shape.reduce((product, length) => product * length, 1) * 2;
          return [name, { dtype: 'F16', shape, bytes }] as const;
        });
        const { tensors: found } = await read(writeTensors(Object.fromEntries(entries)));
        expect(new Map(found.map(({ name, shape }) => [name, shape]))).toEqual(
          new Map(Object.entries(shapes)),
        );
      }),
    );
  });
});
