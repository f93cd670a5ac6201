// Models that are not in the catalogue, from the command line: files, folders, the hub, and `import`.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCatalog } from '../../src/catalog/index.js';
import { load } from '../../src/core/engines/llama-cpp/load.js';
import { prepare } from '../../src/core/engines/llama-cpp/prepare.js';
import { importConfig } from '../../src/importers/hf-config/index.js';
import { modelSchema } from '../../src/schema/model.js';
import type { PlanDocument } from '../../src/schema/result.js';
import { quantNamed } from '../core/toys.js';
import { writeGguf } from '../importers/gguf/gguf-writer.js';
import { ggufOfSpec } from '../importers/gguf/spec-header.js';
import { type MockHub, mockHub } from '../importers/hub/mock-hub.js';
import { writeTensors } from '../importers/safetensors/safetensors-writer.js';
import { ran } from './outside.js';

const CONFIG = {
  model_type: 'llama',
  architectures: ['LlamaForCausalLM'],
  hidden_size: 256,
  intermediate_size: 512,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  vocab_size: 1000,
  max_position_embeddings: 4096,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: false,
};
// A layer: queries and output of 256 × 256, keys and values of 256 × 128, a feed-forward of 3 × 256 × 512, two norms.
// Beside them the table and the head of 1,000 × 256 and the last norm.
const PARAMETERS = 2 * (2 * 256 * 256 + 2 * 256 * 128 + 3 * 256 * 512 + 2 * 256) + 2 * 1000 * 256 + 256;
const TEXT = JSON.stringify(CONFIG);

const mine = importConfig(CONFIG, { from: 'config.json', date: '2026-11-26', id: 'mine' });
const written = writeGguf(ggufOfSpec(prepare(load(mine, 'llama'), quantNamed('F16'), false)));
const GGUF = Buffer.concat([written.header, Buffer.alloc(written.fileBytes - written.header.length)]);

const folder = mkdtempSync(join(tmpdir(), 'llmspec-own-'));
let hub: MockHub;
beforeAll(async () => {
  hub = await mockHub({ 'config.json': { bytes: Buffer.from(TEXT) }, 'a-F16.gguf': { bytes: GGUF } });
});
afterAll(async () => {
  await hub.close();
  rmSync(folder, { recursive: true });
});

let folders = 0;
/** Writes files into a fresh folder and gives its path. */
function place(files: Readonly<Record<string, string | Buffer>>): string {
  const path = join(folder, String(folders++));
  mkdirSync(path);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content);
  return path;
}

const online = () => ({ HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: join(folder, 'cache') });

async function planned(model: string, { env = {}, more = [] as string[] } = {}): Promise<PlanDocument> {
  const { exitCode, out, err } = await ran(['vram', model, '-q', 'F16', '--json', ...more], { env });
  expect([exitCode, err]).toEqual([0, '']);
  return JSON.parse(out);
}

describe('one geometry gives one plan', () => {
  const memoryOf = async (model: string, env = {}) => (await planned(model, { env })).memory;
  let expected: PlanDocument['memory'];
  beforeAll(async () => {
    expected = await memoryOf(join(place({ 'config.json': TEXT }), 'config.json'));
  });

  test('as a config.json', async () => {
    const { model } = await planned(place({ 'config.json': TEXT }));
    expect(model.parameters.total).toBe(PARAMETERS);
  });

  test('as a repository of the hub, and once more without it', async () => {
    expect(await memoryOf('org/name', online())).toEqual(expected);
    expect(await memoryOf(`org/name@main`, { ...online(), HF_HUB_OFFLINE: '1' })).toEqual(expected);
  });

  test('as the spec that import writes', async () => {
    const { out } = await ran(['import', place({ 'config.json': TEXT })]);
    expect(await memoryOf(join(place({ 'mine.json': out }), 'mine.json'))).toEqual(expected);
  });

  test('as a spec of a folder of own models, by its name', async () => {
    const { out } = await ran(['import', place({ 'config.json': TEXT })]);
    const own = place({ 'mine.json': out });
    expect(await memoryOf('mine', { LLMSPEC_MODELS: own })).toEqual(expected);
    expect((await planned('mine', { more: ['--models-dir', own] })).memory).toEqual(expected);
  });
});

test('a GGUF file is planned with the tensors that it holds, from a disk or from the hub', async () => {
  const local = await ran(['vram', join(place({ 'a.gguf': GGUF }), 'a.gguf'), '--json']);
  const remote = await ran(['vram', 'org/name:F16', '--json'], { env: online() });
  const { memory, notes }: PlanDocument = JSON.parse(local.out);
  expect(JSON.parse(remote.out).memory).toEqual(memory);
  expect(notes.map(({ code }) => code)).toContain('file-weights');
  const fromConfig = await planned(place({ 'config.json': TEXT }));
  expect(memory.parts).toEqual(fromConfig.memory.parts);
});

describe('a checkpoint beside its config', () => {
  const tensorOf = (elements: number, dtype = 'BF16') => ({
    'model.safetensors': writeTensors({ all: { dtype, shape: [elements], bytes: 2 * elements } }),
  });
  const codesOf = async (elements: number) =>
    (await planned(place({ 'config.json': TEXT, ...tensorOf(elements) }))).notes.map(({ code }) => code);

  test('is told', async () => {
    expect(await codesOf(PARAMETERS)).toContain('checkpoint');
    expect(await codesOf(PARAMETERS)).not.toContain('checkpoint-differs');
  });

  test('of another model is told too', async () => {
    expect(await codesOf(PARAMETERS - 1)).toContain('checkpoint-differs');
  });
});

describe('a folder of own models', () => {
  const specOf = async () => (await ran(['import', place({ 'config.json': TEXT })])).out;

  test('stands in front of the catalogue', async () => {
    const own = place({ 'qwen3-8b.json': await specOf() });
    const { out } = await ran(['models', '--models-dir', own, 'qwen3-8b', '--json']);
    const [first] = JSON.parse(out).items;
    expect([first.id, first.totalParameters]).toEqual(['qwen3-8b', PARAMETERS]);
  });

  test.each([
    ['is not there', join(folder, 'none'), 'there is no such folder'],
    ['holds what is no spec', () => place({ 'a.json': '{"name": "a"}' }), 'it is not a model spec'],
  ])('that %s is refused', async (_, path, problem) => {
    const { exitCode, err } = await ran(['models', '--models-dir', typeof path === 'string' ? path : path()]);
    expect(exitCode).toBe(2);
    expect(err).toContain(problem);
  });
});

describe('import', () => {
  test('writes a spec that the schema takes, with its source', async () => {
    const { out } = await ran(['import', 'org/name'], { env: online() });
    const spec = modelSchema.parse(JSON.parse(out));
    expect(spec).toMatchObject({ name: 'name', hubIds: ['org/name'], context: { native: 4096 } });
    expect(spec.sources[0]).toMatchObject({
      facts: ['architecture', 'context.native'],
      from: 'org/name@0123456789ab:config.json',
    });
  });

  test('writes every model of the catalogue as one that says the same', async () => {
    for (const { id } of openCatalog().models) {
      const { out } = await ran(['import', id]);
      const { id: _, ...model } = openCatalog().model(openCatalog().findModel(id)!);
      expect(modelSchema.parse(JSON.parse(out))).toEqual(model);
    }
  });

  test('takes what the user calls it, writes a file, and says what was assumed', async () => {
    const { max_position_embeddings: _, ...silent } = CONFIG;
    const source = place({ 'config.json': JSON.stringify(silent) });
    const said = ['--name', 'Mine', '--maker', 'Me', '--family', 'Ours', '-o', 'mine.json'];
    const { exitCode, out, err, files } = await ran(['import', source, ...said]);
    expect([exitCode, out]).toEqual([0, 'Wrote mine.json. Next: `llmspec vram mine.json`.\n']);
    expect(err).toContain('note: The config does not say how many tokens');
    const spec = modelSchema.parse(JSON.parse(files.get('mine.json')!));
    expect(spec).toMatchObject({ name: 'Mine', maker: 'Me', family: 'Ours', context: { native: 2048 } });
    expect(spec.sources[0]!.note).toContain('The config does not say how many tokens');
    expect(spec.sources[1]!.facts).toEqual(['name', 'maker', 'family']);
  });

  test('leaves the weights of a file out', async () => {
    const { out } = await ran(['import', join(place({ 'a.gguf': GGUF }), 'a.gguf')]);
    expect(modelSchema.parse(JSON.parse(out)).architecture).toMatchObject({ hiddenSize: 256 });
  });

  test('refuses what cannot be read, and writes nothing', async () => {
    const { exitCode, out, files } = await ran(['import', 'no-such-model', '-o', 'mine.json']);
    expect([exitCode, out, files.size]).toEqual([2, '', 0]);
  });
});
