// Every planned architecture: a spec, the header that llama.cpp's converter would write of it, and what is read from that.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { FAMILIES, type Family } from '../../../src/core/engines/llama-cpp/families.js';
import { load } from '../../../src/core/engines/llama-cpp/load.js';
import type { PreparedModel } from '../../../src/core/engines/llama-cpp/prepare.js';
import { ggufTensors, keepsMtp } from '../../../src/core/engines/llama-cpp/tensors.js';
import { type Steps, stackOf } from '../../../src/core/tensors/stack.js';
import { memorySource } from '../../../src/importers/bytes-source.js';
import { GGUF_FAMILIES } from '../../../src/importers/gguf/families.js';
import { readGgufHeader } from '../../../src/importers/gguf/header.js';
import { modelFromGguf } from '../../../src/importers/gguf/model.js';
import { createPlanner } from '../../../src/planner.js';
import type { Architecture, Block, Model } from '../../../src/schema/model.js';
import { randomFrom } from '../../oracle/random.js';
import { drawVariant } from '../../oracle/variants.js';
import { refusal } from '../../refusal.js';
import { type Written, type WrittenGguf, writeGguf } from './gguf-writer.js';
import { refused } from './refused.js';
import { ggufOfSpec } from './spec-header.js';

const MIX = 'Q4_K_M';
const CARD = { gpu: 'rtx-4090', count: 1 };
const folder = mkdtempSync(join(tmpdir(), 'llmspec-gguf-models-'));
afterAll(() => rmSync(folder, { recursive: true }));

const planner = createPlanner();
const { catalog } = planner;
const engine = catalog.engine(catalog.findEngine('llama.cpp')!);

const fileOf = (name: string, suffix: string): string =>
  join(folder, `${name.replace(/[^a-zA-Z0-9.]+/g, '-')}.${suffix}`);

/** A spec as a file, to be asked for by its path. */
function specFile(name: string, spec: Omit<Model, 'id'>): string {
  const path = fileOf(name, 'json');
  const { held: _, importNotes: __, checkpoint: ___, ...written } = spec;
  writeFileSync(path, JSON.stringify(written));
  return path;
}

const attention = { kind: 'full', heads: 16, kvHeads: 4, headDim: 128 } as const;
const experts = { kind: 'moe', experts: 60, activeExperts: 4, intermediateSize: 1408 } as const;

const toy = (
  type: string,
  blocks: Record<string, Block>,
  more: Partial<Architecture>,
): Omit<Model, 'id'> => ({
  name: `A toy of ${type}`,
  context: { native: 32768 },
  architecture: {
    type,
    hiddenSize: 2048,
    vocabSize: 50_000,
    norm: { epsilon: 1e-6 },
    rope: { theta: 10_000 },
    blocks,
    layers: [{ repeat: 8, pattern: [['attention', 'moe']] }],
    ...more,
  },
  sources: [{ facts: ['architecture', 'context'], from: 'a test', date: '2026-11-26' }],
});

/** A model of the catalogue whose indexers choose some tokens. */
function choosing(id: string): Omit<Model, 'id'> {
  const { architecture, ...model } = catalog.model(catalog.findModel(id)!);
  const blocks = Object.entries(architecture.blocks).map(([name, block]) => [
    name,
    block.kind === 'indexer' ? { ...block, chosenTokens: block.chosenTokens ?? 2048 } : block,
  ]);
  return { ...model, architecture: { ...architecture, blocks: Object.fromEntries(blocks) } };
}

/** Architectures that the catalogue has no model of which is planned. */
const OTHERS: [string, string][] = [
  [
    'qwen2moe',
    toy(
      'qwen2_moe',
      {
        attention: { ...attention, bias: 'qkv' },
        moe: { ...experts, shared: { intermediateSize: 5632, gate: true } },
      },
      {},
    ),
  ],
  [
    'bailingmoe2',
    toy(
      'bailing_moe_v2',
      {
        attention: { ...attention, qkNorm: 'head' },
        dense: { kind: 'dense', intermediateSize: 9216 },
        moe: {
          ...experts,
          experts: 64,
          groups: { count: 8, active: 4 },
          routerCorrection: 'trained',
          shared: { intermediateSize: 1408 },
        },
      },
      {
        layers: [{ pattern: [['attention', 'dense']] }, { repeat: 8, pattern: [['attention', 'moe']] }],
        mtp: { modules: 1, layer: ['attention', 'moe'] },
      },
    ),
  ],
  [
    'step35',
    toy(
      'step3p7',
      {
        attention: { ...attention, qkNorm: 'head', outputGate: 'head' },
        local: {
          ...attention,
          heads: 24,
          kind: 'sliding',
          window: 512,
          qkNorm: 'head',
          outputGate: 'head',
        },
        dense: { kind: 'dense', intermediateSize: 9216 },
        moe: { ...experts, routerCorrection: true, shared: { intermediateSize: 1408 } },
        last: {
          ...experts,
          clamped: true,
          routerCorrection: true,
          shared: { intermediateSize: 1408, clamped: true },
        },
      },
      {
        layers: [
          { pattern: [['attention', 'dense']] },
          { repeat: 4, pattern: [['local', 'moe']] },
          { pattern: [['attention', 'last']] },
        ],
        mtp: { modules: 1, layer: ['local', 'dense'] },
      },
    ),
  ],
  ['deepseek32', choosing('deepseek-v3.2')],
  ['glm-dsa', choosing('glm-5.2')],
  ['glm-dsa everywhere', choosing('glm-5')],
].map(([name, spec]) => [name as string, specFile(name as string, spec as Omit<Model, 'id'>)]);

/** The model in the engine; `undefined` where it is refused by name. */
async function preparedOf(model: string, quant = MIX): Promise<PreparedModel | undefined> {
  try {
    return (await planner.ask({ model, quant })).prepared.forEngine;
  } catch (error) {
    await refused(Promise.reject(error)).then(({ code }) => expect(code).toBe('not-understood'));
    return undefined;
  }
}

interface Known {
  readonly name: string;
  readonly model: string;
  readonly prepared: PreparedModel;
}

const asked = [...catalog.models.map(({ id }) => [id, id] as const), ...OTHERS];
const known: Known[] = (
  await Promise.all(asked.map(async ([name, model]) => ({ name, model, prepared: await preparedOf(model) })))
).flatMap(({ prepared, ...names }) => (prepared ? [{ ...names, prepared }] : []));
const isRead = ({ prepared }: Known): boolean => Object.hasOwn(GGUF_FAMILIES, prepared.architectureName);
const read = known.filter(isRead).map((one) => [one.name, one.prepared.architectureName, one] as const);
const unread = new Set(known.filter((one) => !isRead(one)).map((one) => one.prepared.architectureName));

const readBack = async (prepared: PreparedModel) =>
  modelFromGguf(await readGgufHeader(memorySource('model.gguf', writeGguf(ggufOfSpec(prepared)).header)), {
    from: 'model.gguf',
    date: '2026-11-26',
    architectures: engine.architectures,
  });

/** What every block says that needs saying: where no layer turns, none says so, nor that values are as wide as keys. */
const saying = (stack: readonly Steps[], turns: boolean) =>
  stack.map((steps) =>
    steps.map((step) =>
      step.map((block) => ({
        ...block,
        ...(!turns && { rope: undefined }),
        ...('valueDim' in block &&
          'headDim' in block &&
          block.valueDim === block.headDim && { valueDim: undefined }),
      })),
    ),
  );

/** A file has no tables of what a token may be beside text, and its extrapolation of positions is not in it. */
const facts = ({ rope, ...architecture }: Architecture, kept: boolean) => ({
  stack: saying(stackOf(architecture), rope !== undefined),
  hiddenSize: architecture.hiddenSize,
  vocabSize: architecture.vocabSize - (architecture.paddingRows ?? 0),
  tiedEmbeddings: architecture.tiedEmbeddings,
  activation: architecture.activation,
  norm: architecture.norm,
  layerEmbedding: architecture.layerEmbedding,
  rope: rope && [rope.theta, rope.dim, rope.scaling?.kind === 'dynamic' ? undefined : rope.scaling?.kind],
  modules: kept ? architecture.mtp?.modules : undefined,
});

async function expectSameSpec(prepared: PreparedModel): Promise<void> {
  const { model, architectureName } = prepared;
  const family = FAMILIES[architectureName]!;
  const { architecture, context, name } = await readBack(prepared);
  if ('sameAs' in architecture) throw new Error('a file has a geometry of its own');
  const kept = keepsMtp(model.architecture, family);
  expect(facts(architecture, true)).toEqual(facts(model.architecture, kept));
  const shapes = (one: Architecture, how: Family) =>
    ggufTensors(one, how).map(({ name: tensor, ne }) => [tensor, ne]);
  expect(shapes(architecture, { ...family, keepsMtp: true })).toEqual(shapes(model.architecture, family));
  const again = load({ ...model, architecture }, engine.architectures[architecture.type]!);
  expect(again.architectureName).toBe(architectureName);
  expect({ context, name }).toEqual({ context: { native: model.context.native }, name: model.name });
}

/** Weights by type, cache and compute buffers, on a card and the host. */
async function expectSamePlan(name: string, model: string, quant: string): Promise<void> {
  const { prepared } = (await planner.ask({ model, quant })) as { prepared: { forEngine: PreparedModel } };
  const file = fileOf(name, 'gguf');
  writeFileSync(file, writeGguf(ggufOfSpec(prepared.forEngine)).header);
  const request = { devices: [CARD], contextTokens: 4096, sequences: 2, allowContextOverflow: true };
  const ofSpec = await planner.plan({ ...request, model, quant });
  const ofFile = await planner.plan({ ...request, model: file });
  expect(ofFile.memory).toEqual(ofSpec.memory);
}

describe('what a spec would be as a file, read again', () => {
  test.each(read)('%s (%s)', async (name, _, { model, prepared }) => {
    await expectSameSpec(prepared);
    await expectSamePlan(name, model, MIX);
  });

  test('is every architecture that is read', () => {
    expect(new Set(read.map(([, architectureName]) => architectureName))).toEqual(
      new Set(Object.keys(GGUF_FAMILIES)),
    );
  });

  test.each([...unread])('but %s, which is refused by its name', async (architectureName) => {
    const bare = writeGguf({ metadata: { 'general.architecture': architectureName } }).header;
    const header = await readGgufHeader(memorySource('model.gguf', bare));
    const origin = { from: 'model.gguf', date: '2026-11-26', architectures: engine.architectures };
    expect(() => modelFromGguf(header, origin)).toThrow(refusal('not-understood'));
  });
});

describe('models that nobody made, as files', () => {
  const random = randomFrom(11);
  const onePerArchitecture = new Map(read.map(([, architectureName, one]) => [architectureName, one]));

  test.each([...onePerArchitecture])('a variant of %s', async (architectureName, { prepared }) => {
    const name = `variant-${architectureName}`;
    const model = specFile(name, drawVariant(random, prepared.model));
    const variant = await preparedOf(model, 'F16');
    if (!variant) return;
    await expectSameSpec(variant);
    await expectSamePlan(name, model, 'F16');
  });
});

test.each([
  ['llama-3.1-8b', 'llama'],
  ['mixtral-8x7b', 'mixtral'],
  ['deepseek-v3', 'deepseek_v3'],
  ['glm-4.7-flash', 'glm4_moe_lite'],
  ['gemma-4-26b-a4b', 'gemma4'],
  ['nemotron-3-nano-30b-a3b', 'nemotron_h'],
])('%s is told by its experts or its layers for multi-token prediction: %s', async (id, type) => {
  const { architecture } = await readBack((await preparedOf(id))!);
  expect(architecture).toMatchObject({ type });
});

describe('layers for multi-token prediction', () => {
  const held = async (written: WrittenGguf) => {
    const path = fileOf('mtp', 'gguf');
    writeFileSync(path, writeGguf(written).header);
    return (await createPlanner(catalog).ask({ model: path })).prepared.forEngine;
  };

  test.each([
    ['glm-4.7-flash', 'of which the converter keeps them', 1],
    ['deepseek-v3', 'of which it drops them', 0],
    ['qwen3-next-80b-a3b', 'of which it may keep them', 0],
  ])('%s, %s', async (id, _, modules) => {
    const { layers, layersAll } = await held(ggufOfSpec((await preparedOf(id))!));
    expect(layersAll - layers).toBe(modules);
  });

  test('are in the plan of a file that has them, whatever the catalogue says of its like', async () => {
    const prepared = (await preparedOf('qwen3-next-80b-a3b'))!;
    const { metadata } = ggufOfSpec(prepared);
    const { layers, layersAll } = await held({
      metadata: { ...metadata, 'qwen3next.block_count': 49, 'qwen3next.nextn_predict_layers': 1 },
      tensors: ggufTensors(prepared.model.architecture, { ...FAMILIES.qwen3next!, keepsMtp: true }),
    });
    expect([layers, layersAll]).toEqual([48, 49]);
  });

  test('that lie in a file of their own are refused', async () => {
    const { tensors = [], ...whole } = ggufOfSpec((await preparedOf('glm-4.7-flash'))!);
    const trunk = held({ ...whole, tensors: tensors.filter(({ name }) => !name.startsWith('blk.47.')) });
    expect(JSON.stringify(await refused(trunk))).toMatch(/without its layers for multi-token/);
  });
});

describe('matrices that the converter was asked to join', () => {
  const fusedFile = async (id: string, fused: NonNullable<Family['fused']>) => {
    const prepared = (await preparedOf(id, 'F16'))!;
    const { metadata = {} } = ggufOfSpec(prepared);
    const family = { ...FAMILIES[prepared.architectureName]!, fused };
    const tensors = ggufTensors(prepared.model.architecture, family);
    const path = fileOf(`${id}-joined`, 'gguf');
    writeFileSync(path, writeGguf({ metadata, tensors }).header);
    const { model, prepared: ofFile } = await planner.ask({ model: path });
    return { model, layers: ofFile.forEngine.layers };
  };

  test.each([
    ['llama-3.2-1b', ['qkv'], 'blk.0.attn_qkv.weight'],
    ['qwen2.5-0.5b', ['qkv'], 'blk.0.attn_qkv.bias'],
    ['deepseek-v3', ['expertsGateUp'], 'blk.3.ffn_gate_up_exps.weight'],
  ] as const)('%s with %s', async (id, fused, name) => {
    const { model, layers } = await fusedFile(id, fused);
    expect(model.held?.tensors.has(name)).toBe(true);
    expect(stackOf(model.architecture)).toEqual(stackOf((await preparedOf(id))!.model.architecture));
    expect(layers).toBe(stackOf(model.architecture).length);
  });

  test.each([
    ['olmo-2-1124-7b', ['qkv'], /queries, keys and values as one matrix/],
    ['qwen3.5-0.8b', ['qkv'], /outputGate, which is missing/],
    ['qwen3-30b-a3b', ['expertsGateUp'], /gate and up of experts as one matrix/],
  ] as const)('%s with %s is refused: no rule says its graph', async (id, fused, words) => {
    const error = await refused(fusedFile(id, fused));
    expect([error.code, JSON.stringify(error.args)]).toEqual([
      'not-understood',
      expect.stringMatching(words),
    ]);
  });
});

describe('indexers of GLM 5.2 are where the engine has them', () => {
  const GLM = OTHERS.find(([name]) => name === 'glm-dsa')![1];
  const TYPES = 'glm-dsa.attention.indexer.types';
  const readWith = async (keys: Record<string, Written>) => {
    const { metadata: { [TYPES]: _, ...metadata } = {}, tensors = [] } = ggufOfSpec((await preparedOf(GLM))!);
    const header = writeGguf({ metadata: { ...metadata, ...keys }, tensors }).header;
    const origin = { from: 'model.gguf', date: '2026-11-26', architectures: engine.architectures };
    return modelFromGguf(await readGgufHeader(memorySource('model.gguf', header)), origin);
  };

  test('by its context, where the file does not list them', async () => {
    const { architecture } = await readWith({});
    expect(architecture).toMatchObject({ type: 'glm_moe_dsa' });
  });

  test.each([
    ['a shorter context', { 'glm-dsa.context_length': 200_000 }, /layer 3 without tensors of an indexer/],
    ['another list', { [TYPES]: [1, 1, 0] }, /layer 2 with tensors of an indexer/],
  ])('not so with %s', async (_, keys, words) => {
    const error = await refused(readWith(keys as Record<string, Written>));
    expect([error.code, JSON.stringify(error.args)]).toEqual([
      'not-understood',
      expect.stringMatching(words),
    ]);
  });
});
