import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openCatalog } from '../../src/catalog/index.js';
import { readModelFile } from '../../src/importers/model-file.js';
import { looksLikePath, pathExists } from '../../src/importers/paths.js';
import { createPlanner } from '../../src/index.js';
import { refusal } from '../refusal.js';

const folder = mkdtempSync(join(tmpdir(), 'llmspec-'));
afterAll(() => rmSync(folder, { recursive: true }));

const { architecture } = openCatalog();

let files = 0;
/** Writes a file below a fresh folder and gives its path. */
function write(content: unknown, name = 'my-model.json'): string {
  const below = join(folder, String(files++));
  mkdirSync(below);
  const path = join(below, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const read = async (path: string) => readModelFile(path, { architecture, ggufNames: {} });

const SPEC = {
  name: 'My Model',
  context: { native: 4096 },
  architecture: {
    type: 'llama',
    hiddenSize: 256,
    vocabSize: 1000,
    norm: { epsilon: 1e-5 },
    blocks: {
      attention: { kind: 'full', heads: 2, kvHeads: 1, headDim: 128 },
      dense: { kind: 'dense', intermediateSize: 512 },
    },
    layers: [{ repeat: 2, pattern: [['attention', 'dense']] }],
  },
  sources: [{ facts: ['architecture'], from: 'my notes', date: '2026-01-01' }],
};

describe('a model spec', () => {
  test('is read with its geometry', async () => {
    expect((await read(write(SPEC))).architecture).toEqual(SPEC.architecture);
  });

  test.each([
    ['its own id', { ...SPEC, id: 'mine' }, 'a.json', 'mine'],
    ['the name of its file', SPEC, 'My-Model.json', 'My-Model'],
    ['the whole name of a file that does not end in .json', SPEC, 'model.spec', 'model.spec'],
  ])('has as its id %s', async (_, spec, name, id) => {
    expect((await read(write(spec, name))).id).toBe(id);
  });

  test('may have the geometry of a model of the catalogue', async () => {
    const model = await read(write({ ...SPEC, architecture: { sameAs: 'llama-3.1-8b' } }));
    expect(model.architecture).toEqual(architecture('llama-3.1-8b'));
  });

  test('cannot have the geometry of a model that is not there', async () => {
    await expect(read(write({ ...SPEC, architecture: { sameAs: 'llama-9' } }))).rejects.toThrow(
      refusal('bad-file', { problem: expect.stringContaining('"llama-9"') }),
    );
  });

  test('is planned by its path', async () => {
    const plan = await createPlanner().plan({ model: write(SPEC), quant: 'F16', devices: [] });
    // Two layers of 1,181,696 bytes (attention and feed-forward in 16 bits, two norms), table and head of 512,000, the last norm.
    expect(plan.disk.fileBytes).toBe(2 * 1_181_696 + 2 * 512_000 + 1024);
  });

  test('is held against its own context', async () => {
    const model = write(SPEC);
    await expect(createPlanner().plan({ model, contextTokens: 4097 })).rejects.toThrow(
      refusal('context-too-long', { most: 4096 }),
    );
  });

  test('of an architecture that no engine knows is not understood', async () => {
    const model = write({ ...SPEC, architecture: { ...SPEC.architecture, type: 'rwkv' } });
    await expect(createPlanner().plan({ model })).rejects.toThrow(
      refusal('not-understood', { field: 'architecture.type rwkv' }),
    );
  });

  test('whose layers name a block that is not there is wrong', async () => {
    const layers = [{ pattern: [['attention', 'dens']] }];
    const model = write({ ...SPEC, architecture: { ...SPEC.architecture, layers } });
    await expect(createPlanner().plan({ model })).rejects.toThrow(
      refusal('bad-file', { problem: expect.stringContaining('"dens"') }),
    );
  });

  test('is named in the answer so that it can be asked again', async () => {
    const planner = createPlanner();
    const answer = await planner.plan({ model: write(SPEC) });
    expect((await planner.plan(answer.request)).memory).toEqual(answer.memory);
  });
});

describe('a file that is no spec', () => {
  test.each([
    ['missing', () => join(folder, 'nowhere.json'), 'there is no such file'],
    ['empty', () => write(''), 'it is empty'],
    ['blank', () => write(' \n\t'), 'it is empty'],
    ['cut off', () => write(JSON.stringify(SPEC).slice(0, -20)), 'it is no JSON'],
    ['text', () => write('hello'), 'it is no JSON'],
    ['a list', () => write([SPEC]), 'it is not a model spec'],
    ['a number', () => write('7'), 'it is not a model spec'],
    ['null', () => write('null'), 'it is not a model spec'],
    ['an empty object', () => write({}), 'it is not a model spec'],
  ])('because it is %s is said so', async (_, path, problem) => {
    const file = path();
    await expect(read(file)).rejects.toThrow(
      refusal('bad-file', { path: file, problem: expect.stringContaining(problem) }),
    );
  });

  test('has all of its problems listed', async () => {
    const { name: _, ...rest } = SPEC;
    const wrong = {
      ...rest,
      contxt: 1,
      context: { native: -1 },
      architecture: { ...SPEC.architecture, hiddenSize: '256' },
    };
    const list = await problemsOf(write(wrong));
    expect(list.length).toBe(4);
    expect(list).toEqual(
      expect.arrayContaining([
        expect.stringContaining('at name'),
        expect.stringContaining('at context.native'),
        expect.stringContaining('at architecture'),
        expect.stringContaining('"contxt"'),
      ]),
    );
  });

  test.each([
    [
      'a key too many in a block',
      { ...SPEC.architecture.blocks, dense: { kind: 'dense', intermediateSize: 512, width: 512 } },
    ],
    [
      'a kind of block that is not there',
      { ...SPEC.architecture.blocks, dense: { kind: 'dence', intermediateSize: 512 } },
    ],
    ['a block without a size', { ...SPEC.architecture.blocks, dense: { kind: 'dense' } }],
  ])('because of %s is not read', async (_, blocks) => {
    await expect(read(write({ ...SPEC, architecture: { ...SPEC.architecture, blocks } }))).rejects.toThrow(
      refusal('bad-file'),
    );
  });

  test('because it is huge is refused without being read', async () => {
    const path = write('{');
    // A sparse file of 4 GiB: more than a string can hold.
    truncateSync(path, 4 * 1024 ** 3);
    await expect(read(path)).rejects.toThrow(
      refusal('bad-file', { path, problem: expect.stringContaining('4294967296 bytes') }),
    );
  });
});

/** Every problem that the error lists, without its marks. */
async function problemsOf(path: string): Promise<string[]> {
  const error = await read(path).then(
    () => undefined,
    (thrown: { args: { list: string[] } }) => thrown,
  );
  const lines = error?.args.list.join('\n').split(/^✖ /m) ?? [];
  return lines.filter(Boolean).map((line) => line.replaceAll(/\s+/g, ' ').trim());
}

describe('a GGUF file', () => {
  test.each(['model.gguf', 'model.json'])('called %s is known by its first bytes', async (name) => {
    const path = write('GGUF\u0003\u0000\u0000\u0000', name);
    await expect(read(path)).rejects.toThrow(refusal('bad-file', { path, problem: expect.any(String) }));
  });
});

describe('a folder', () => {
  const folderWith = (name: string, content: unknown) => join(write(content, name), '..');

  test('with a config.json is read by it', async () => {
    const config = { architectures: ['SoundForCausalLM'], model_type: 'sound' };
    await expect(read(folderWith('config.json', config))).rejects.toThrow(
      refusal('not-understood', { field: 'model_type "sound"' }),
    );
  });

  test('with one GGUF file is that file', async () => {
    await expect(read(folderWith('part-1.gguf', 'GGUF'))).rejects.toThrow(
      refusal('bad-file', { path: expect.stringContaining('part-1.gguf'), problem: expect.any(String) }),
    );
  });

  test.each(['model.safetensors', 'spec.json'])('with %s alone is no model', async (name) => {
    await expect(read(folderWith(name, SPEC))).rejects.toThrow(
      refusal('bad-file', { problem: 'it is a folder without a config.json or a GGUF file' }),
    );
  });

  test('behind a link is a folder too', async () => {
    const link = join(folder, 'link');
    symlinkSync(folderWith('config.json', { model_type: 'llama' }), link);
    await expect(read(link)).rejects.toThrow(refusal('not-understood'));
  });
});

describe('looksLikePath', () => {
  test.each(['/models/a', './a', '../a', '.', '..', 'C:\\a', 'c:/a', 'a.json', 'A.GGUF', 'dir/a.gguf', './'])(
    '%j is a path by its form',
    (name) => {
      expect(looksLikePath(name)).toBe(true);
    },
  );

  test.each([
    'maverick',
    'meta-llama/Llama-3.1-8B',
    'llama-3.1-8b',
    'gpt-oss:20b',
    'a.json.txt',
    '.hidden',
    '...',
    '~/a',
    'json',
  ])('%j is a name', (name) => {
    expect(looksLikePath(name)).toBe(false);
  });
});

describe('a name that may be a path', () => {
  test('is known to be there or not', () => {
    expect([pathExists(folder), pathExists(join(folder, 'nowhere'))]).toEqual([true, false]);
  });

  test('is looked up on disk only where the catalogue does not know it', async () => {
    // The root of the repository is the working folder of the tests: it has a folder `data`.
    await expect(createPlanner().model('data')).rejects.toThrow(
      refusal('bad-file', { problem: 'it is a folder without a config.json or a GGUF file' }),
    );
    await expect(createPlanner().model('maverick')).resolves.toMatchObject({ id: 'llama-4-maverick' });
  });

  test('and is neither is an unknown model', async () => {
    await expect(createPlanner().model('maverik')).rejects.toThrow(
      refusal('unknown-model', { name: 'maverik' }),
    );
  });
});
