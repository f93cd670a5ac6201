import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openCatalog } from '../../../src/catalog/index.js';
import { FAMILIES } from '../../../src/core/engines/llama-cpp/families.js';
import { ggufTensors } from '../../../src/core/engines/llama-cpp/tensors.js';
import { stackOf } from '../../../src/core/tensors/stack.js';
import { memorySource } from '../../../src/importers/bytes-source.js';
import { readGgufHeader } from '../../../src/importers/gguf/header.js';
import { modelFromGguf, tensorShapes } from '../../../src/importers/gguf/model.js';
import type { Architecture } from '../../../src/schema/model.js';
import { refusal } from '../../refusal.js';
import { type Written, type WrittenGguf, type WrittenTensor, writeGguf } from './gguf-writer.js';
import { refused } from './refused.js';

const headerOf = (written: WrittenGguf) =>
  readGgufHeader(memorySource('folder/model.gguf', writeGguf(written).header));

async function specOf(written: WrittenGguf) {
  const spec = modelFromGguf(await headerOf(written), { ...ORIGIN, architectures: engine.architectures });
  return { ...spec, architecture: spec.architecture as Architecture };
}

const byName = (tensors: readonly (readonly [string, readonly number[]])[]) =>
  tensors.toSorted(([one], [other]) => (one < other ? -1 : 1));

/** The tensors that the core makes of a spec, as the file lists them. */
const shapesOf = (architecture: Architecture, engineName: string) =>
  byName(ggufTensors(architecture, FAMILIES[engineName]!).map(({ name, ne }) => [name, ne] as const));

const catalog = openCatalog();
const engine = catalog.engine(catalog.findEngine('llama.cpp')!);
const ORIGIN = { from: 'model.gguf', date: '2026-11-26' };
const TRUTH = new URL('../../../../shared/truth/gguf-tensors.json', import.meta.url);

interface Truth {
  readonly arch: string;
  readonly metadata: Record<string, Written | [number, number[]]>;
  readonly tensors: [string, number[]][];
}

const truth: [string, Truth][] = existsSync(TRUTH)
  ? Object.entries(JSON.parse(readFileSync(TRUTH, 'utf8')) as Record<string, Truth>)
  : [];

describe.skipIf(truth.length === 0)(
  'files that llama.cpp itself loaded (skipped where ../shared is absent)',
  () => {
    test.each(truth)('%s', async (_, { arch, metadata, tensors }) => {
      const written = {
        metadata: Object.fromEntries(
          Object.entries(metadata).map(([key, value]) => [
            key,
            Array.isArray(value)
              ? { type: 9, itemType: value[0] as number, value: value[1] as number[] }
              : value,
          ]),
        ),
        tensors: tensors.map(([name, ne]) => ({ name, ne })),
      };
      const { architecture } = await specOf(written);
      expect(byName(tensorShapes(await headerOf(written)))).toEqual(byName(tensors));
      expect(shapesOf(architecture, arch)).toEqual(byName(tensors));
      expect(engine.architectures[architecture.type]).toBe(arch);
    });
  },
);

const LLAMA = {
  'general.architecture': 'llama',
  'llama.context_length': 4096,
  'llama.block_count': 2,
  'llama.embedding_length': 64,
  'llama.feed_forward_length': 128,
  'llama.attention.head_count': 4,
  'llama.attention.head_count_kv': 2,
};

const layer = (index: number, { heads = 4, kvHeads = 2, width = 128 } = {}): WrittenTensor[] =>
  [
    { name: 'attn_norm.weight', ne: [64] },
    { name: 'ffn_norm.weight', ne: [64] },
    { name: 'attn_q.weight', ne: [64, 16 * heads] },
    { name: 'attn_k.weight', ne: [64, 16 * kvHeads] },
    { name: 'attn_v.weight', ne: [64, 16 * kvHeads] },
    { name: 'attn_output.weight', ne: [16 * heads, 64] },
    { name: 'ffn_gate.weight', ne: [64, width] },
    { name: 'ffn_up.weight', ne: [64, width] },
    { name: 'ffn_down.weight', ne: [width, 64] },
  ].map(({ name, ne }) => ({ name: `blk.${index}.${name}`, ne }));

const OUTSIDE: WrittenTensor[] = [
  { name: 'token_embd.weight', ne: [64, 1000] },
  { name: 'output_norm.weight', ne: [64] },
];

const file = (metadata: Record<string, Written>, ...tensors: WrittenTensor[][]): WrittenGguf => ({
  metadata: { ...LLAMA, ...metadata },
  tensors: [...OUTSIDE, ...tensors.flat()],
});

describe('what differs from layer to layer', () => {
  test('heads and widths given as lists make blocks of their own', async () => {
    const { architecture } = await specOf(
      file(
        {
          'llama.attention.head_count': [4, 8],
          'llama.attention.head_count_kv': [2, 1],
          'llama.attention.key_length': 16,
          'llama.attention.value_length': 16,
          'llama.feed_forward_length': [128, 256],
        },
        layer(0),
        layer(1, { heads: 8, kvHeads: 1, width: 256 }),
      ),
    );
    expect(architecture.blocks).toEqual({
      attention: { kind: 'full', heads: 4, kvHeads: 2, headDim: 16 },
      dense: { kind: 'dense', intermediateSize: 128 },
      attention2: { kind: 'full', heads: 8, kvHeads: 1, headDim: 16 },
      dense2: { kind: 'dense', intermediateSize: 256 },
    });
    expect(architecture.layers).toEqual([
      {
        pattern: [
          ['attention', 'dense'],
          ['attention2', 'dense2'],
        ],
      },
    ]);
  });

  test('biases, query norms and a head of its own are read off the tensors', async () => {
    const more = ['attn_q.bias', 'attn_k.bias', 'attn_v.bias'].map((name) => ({
      name: `blk.0.${name}`,
      ne: [64],
    }));
    const norms = ['attn_q_norm.weight', 'attn_k_norm.weight'].map((name) => ({
      name: `blk.0.${name}`,
      ne: [16],
    }));
    const { architecture } = await specOf({
      metadata: { ...LLAMA, 'llama.block_count': 1 },
      tensors: [...OUTSIDE, { name: 'output.weight', ne: [64, 1000] }, ...layer(0), ...more, ...norms],
    });
    expect(architecture.blocks.attention).toMatchObject({ bias: 'qkv', qkNorm: 'head' });
    expect(architecture.tiedEmbeddings).toBeUndefined();
  });

  test('the vocabulary is that of the table; the name comes from the file where it has none', async () => {
    const spec = await specOf(file({}, layer(0), layer(1)));
    expect(spec.architecture).toMatchObject({ vocabSize: 1000, tiedEmbeddings: true });
    expect(spec.name).toBe('model');
    expect(spec.sources[0]).toMatchObject(ORIGIN);
  });
});

test('an architecture that the engine has no type for yet is refused; with one it is read', async () => {
  const metadata = { 'general.architecture': 'qwen2', ...renamed(LLAMA, 'qwen2') };
  const biases = [0, 1].flatMap((index) =>
    [
      ['q', 64],
      ['k', 32],
      ['v', 32],
    ].map(([name, length]) => ({ name: `blk.${index}.attn_${name}.bias`, ne: [Number(length)] })),
  );
  const header = await headerOf({ metadata, tensors: [...OUTSIDE, ...layer(0), ...layer(1), ...biases] });
  expect(() => modelFromGguf(header, { ...ORIGIN, architectures: {} })).toThrow(refusal('not-understood'));
  const { architecture } = modelFromGguf(header, { ...ORIGIN, architectures: { qwen2: 'qwen2' } });
  expect(architecture).toMatchObject({
    type: 'qwen2',
    blocks: { attention: { kind: 'full', heads: 4, kvHeads: 2, headDim: 16, bias: 'qkv' } },
    layers: [{ repeat: 2, pattern: [['attention', 'dense']] }],
  });
});

describe('windows', () => {
  const GEMMA = { 'general.architecture': 'gemma3', ...renamed(LLAMA, 'gemma3') };

  test.each([
    ['six by six without the key', {}, ['sliding', 'sliding']],
    ['the pattern of the file', { 'gemma3.attention.sliding_window_pattern': 2 }, ['sliding', 'full']],
    ['no window, no pattern', { 'gemma3.attention.sliding_window': 0 }, ['full', 'full']],
  ])('%s', async (_, keys, kinds) => {
    const { architecture } = await specOf({
      metadata: { ...GEMMA, 'gemma3.attention.sliding_window': 512, ...keys },
      tensors: [...OUTSIDE, ...layer(0), ...layer(1)],
    });
    expect(stackOf(architecture).map((steps) => steps.flat()[0]!.kind)).toEqual(kinds);
  });
});

describe('the window of each layer', () => {
  const headerAs = (architecture: string, keys: Record<string, Written>, layers = 4): WrittenGguf => ({
    metadata: {
      ...renamed({ ...LLAMA, 'llama.block_count': layers }, architecture),
      ...renamed(
        Object.fromEntries(Object.entries(keys).map(([key, value]) => [`llama.${key}`, value])),
        architecture,
      ),
      'general.architecture': architecture,
    },
    tensors: [...OUTSIDE, ...Array.from({ length: layers }, (_, index) => layer(index)).flat()],
  });
  const WINDOW = 'attention.sliding_window';
  const PATTERN = 'attention.sliding_window_pattern';
  const listed = (...value: number[]): Written => ({ type: 9, itemType: 7, value });

  test.each<[string, Record<string, Written>, string]>([
    ['gemma2', {}, '4096 - 4096 -'],
    ['gemma2', { [WINDOW]: 64 }, '64 - 64 -'],
    ['gpt-oss', { [WINDOW]: 64 }, '64 - 64 -'],
    ['gpt-oss', { [WINDOW]: 64, [PATTERN]: 0 }, '64 64 64 64'],
    ['gemma3', { [WINDOW]: 64, [PATTERN]: 1 }, '- - - -'],
    ['gemma4', { [WINDOW]: 64, [PATTERN]: listed(0, 1, 1, 0) }, '- 64 64 -'],
    ['olmo2', {}, '- - - -'],
    ['olmo2', { [WINDOW]: 64 }, '64 64 64 -'],
    ['olmo2', { [WINDOW]: 64, [PATTERN]: listed(1, 0) }, '64 - - -'],
    ['laguna', { [WINDOW]: 64 }, '- 64 64 64'],
    ['laguna', { [WINDOW]: 0 }, '- - - -'],
    ['cohere2', { [WINDOW]: 64 }, '64 64 64 -'],
    ['exaone-moe', { [WINDOW]: 64 }, '64 64 64 -'],
    ['llama4', { [WINDOW]: 64 }, '8192 8192 8192 -'],
    ['llama4', { [WINDOW]: 0 }, '- - - -'],
    // Which these engines read nowhere.
    ['qwen3', { [WINDOW]: 64 }, '- - - -'],
    ['phi3', { [WINDOW]: 64 }, '- - - -'],
  ])('of %s with %j: %s', async (architecture, keys, windows) => {
    const spec = await specOf(headerAs(architecture, keys));
    const blocks = stackOf(spec.architecture).map((steps) => steps.flat()[0]!);
    expect(blocks.map((block) => ('window' in block ? block.window : '-')).join(' ')).toBe(windows);
  });

  test.each([
    ['cohere2', { [WINDOW]: 64 }, 'turns turns turns -'],
    ['exaone-moe', { [WINDOW]: 64 }, 'turns turns turns -'],
    ['afmoe', { [WINDOW]: 64 }, 'turns turns turns -'],
    ['llama4', {}, 'turns turns turns -'],
    ['olmo2', { [WINDOW]: 64 }, 'turns turns turns turns'],
    ['baichuan', {}, '- - - -'],
    ['granite', { 'rope.scaling.finetuned': false }, '- - - -'],
    ['granite', {}, 'turns turns turns turns'],
  ])('and which of %s with %j see positions: %s', async (architecture, keys, turns) => {
    const spec = await specOf(headerAs(architecture, keys));
    const blocks = stackOf(spec.architecture).map((steps) => steps.flat()[0]!);
    expect(blocks.map((block) => ('rope' in block ? '-' : 'turns')).join(' ')).toBe(turns);
  });

  test.each([
    ['granite', { embedding_scale: 0, residual_scale: 0.2 }],
    ['gemma3', { [WINDOW]: 64, final_logit_softcapping: 30 }],
    ['dbrx', { 'attention.clamp_kqv': 8 }],
    ['grok', { final_logit_softcapping: 30 }],
    ['glm4moe', { expert_gating_func: 1, expert_weights_scale: 2.5 }],
    ['qwen3', { 'attention.causal': true, pooling_type: 3, 'wings.length': 2 }],
  ])('what changes no memory of %s, as %j, is nobody’s concern', async (architecture, keys) => {
    const { architecture: spec } = await specOf(headerAs(architecture, keys));
    expect(stackOf(spec)).toHaveLength(4);
  });

  test.each([
    ['cohere2', {}, 'bad-file', /sliding_window is missing/],
    ['gpt-oss', { [WINDOW]: 0 }, 'bad-file', /sliding_window is 0/],
    ['gemma4', { [WINDOW]: 64 }, 'bad-file', /sliding_window_pattern is missing/],
    ['afmoe', {}, 'not-understood', /key attention.sliding_window/],
    ['granite', { deepstack_mapping: [0, 1] }, 'not-understood', /key deepstack_mapping/],
    ['glm4', { 'rope.dimension_sections': [8, 12, 12, 0] }, 'not-understood', /key rope.dimension_sections/],
    ['deepseek2', { 'attention.temperature_scale': 0.1 }, 'not-understood', /temperature_scale/],
    ['mistral3', { 'rope.scaling.type': 'yarn' }, 'not-understood', /temperature_scale/],
    ['mistral3', { 'attention.temperature_scale': 0.1 }, 'not-understood', /temperature_scale/],
    ['qwen3', { 'attention.causal': false }, 'not-understood', /key attention.causal/],
    ['qwen3', { nextn_predict_layers: 1 }, 'not-understood', /key nextn_predict_layers/],
  ])('but %s with %j is refused: %s', async (architecture, keys, code, words) => {
    const error = await refused(specOf(headerAs(architecture, keys)));
    expect([error.code, JSON.stringify(error.args)]).toEqual([code, expect.stringMatching(words)]);
  });
});

function renamed(metadata: Record<string, Written>, architecture: string): Record<string, Written> {
  return Object.fromEntries(
    Object.entries(metadata).flatMap(([key, value]) =>
      key.startsWith('llama.') ? [[key.replace('llama', architecture), value]] : [],
    ),
  );
}

describe('refusals', () => {
  const both = [layer(0), layer(1)];

  test.each<[string, WrittenGguf, string, RegExp]>([
    [
      'an architecture that is not known',
      file({ 'general.architecture': 'wombat' }, ...both),
      'not-understood',
      /architecture .+wombat/,
    ],
    [
      'a name from the depths of the language',
      file({ 'general.architecture': '__proto__' }, ...both),
      'not-understood',
      /__proto__/,
    ],
    ['an adapter', file({ 'general.type': 'adapter' }, ...both), 'bad-file', /adapter/],
    ['no architecture', { metadata: {}, tensors: OUTSIDE }, 'bad-file', /general\.architecture is missing/],
    [
      'a tensor that no rule reads',
      file({}, ...both, [{ name: 'blk.0.wings.weight', ne: [64] }]),
      'not-understood',
      /blk\.0\.wings\.weight/,
    ],
    ['a layer too few', file({}, layer(0)), 'bad-file', /says 2 layers, but has tensors of 1/],
    ['a layer out of order', file({}, layer(0), layer(7)), 'bad-file', /no tensors of layer 1/],
    [
      'billions of layers',
      file({ 'llama.block_count': 4294967295 }, ...both),
      'bad-file',
      /4294967295 layers/,
    ],
    ['no layers', file({ 'llama.block_count': 0 }, ...both), 'bad-file', /block_count is 0/],
    [
      'negative layers',
      file({ 'llama.block_count': { type: 5, value: -3 } }, ...both),
      'bad-file',
      /block_count is -3/,
    ],
    [
      'a count in words',
      file({ 'llama.embedding_length': 'many' }, ...both),
      'bad-file',
      /embedding_length is many/,
    ],
    [
      'no heads',
      file({ 'llama.attention.head_count': [4, 0] }, ...both),
      'bad-file',
      /gives layer 1 no heads/,
    ],
    [
      'a list of another length',
      file({ 'llama.attention.head_count_kv': [1, 2, 3] }, ...both),
      'bad-file',
      /3 items for 2 layers/,
    ],
    [
      'another width than the tensors',
      file({ 'llama.feed_forward_length': 99 }, ...both),
      'bad-file',
      /feed_forward_length is 99/,
    ],
    [
      'another width than the table',
      file({ 'llama.embedding_length': 32 }, ...both),
      'bad-file',
      /embedding_length is 32/,
    ],
    [
      'a base that is no number',
      file({ 'llama.rope.freq_base': { type: 6, value: Number.NaN } }, ...both),
      'bad-file',
      /freq_base is NaN/,
    ],
    [
      'a scaling that is not known',
      file({ 'llama.rope.scaling.type': 'longrope', 'llama.rope.scaling.factor': 4 }, ...both),
      'not-understood',
      /longrope/,
    ],
    ['no table', { metadata: LLAMA, tensors: both.flat() }, 'bad-file', /token_embd/],
  ])('%s', async (_, written, code, words) => {
    const error = await refused(specOf(written));
    expect(error.code).toBe(code);
    expect(JSON.stringify(error.args)).toMatch(words);
  });
});
