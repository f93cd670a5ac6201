import { describe, expect, test } from 'vitest';
import { FAMILIES } from '../../../../src/core/engines/llama-cpp/families.js';
import { refuseUnknown } from '../../../../src/core/engines/llama-cpp/known-blocks.js';
import { asLoaded } from '../../../../src/core/engines/llama-cpp/loaded.js';
import type { Architecture } from '../../../../src/schema/model.js';
import { refusal } from '../../../refusal.js';
import { ATTENTION, DENSE, TWO_LAYERS, toy } from '../../toys.js';

const SLIDING = { ...ATTENTION, kind: 'sliding', window: 100 } as const;

const layersOf = (names: readonly string[]): Architecture =>
  toy(
    { local: SLIDING, global: ATTENTION, dense: DENSE },
    names.map((name) => [name, 'dense']),
  );

const withAttention = (more: Partial<Extract<Architecture['blocks'][string], { kind: 'full' }>>) =>
  toy({ attention: { ...ATTENTION, ...more }, dense: DENSE }, [['attention', 'dense']]);

const withDense = (more: object) =>
  toy({ attention: ATTENTION, dense: { ...DENSE, ...more } }, [['attention', 'dense']]);

const SIDE_BY_SIDE = toy({ attention: ATTENTION, dense: DENSE }, [[['attention', 'dense']]]);

/** Command R of so many layers, with norms of heads or without. */
const commandR = (layers: number, more: { qkNorm?: 'heads' } = {}): Architecture => ({
  ...toy(
    { attention: { ...ATTENTION, ...more }, dense: DENSE },
    Array.from({ length: layers }, () => [['attention', 'dense']]),
  ),
  tiedEmbeddings: true,
});

const SHARED = {
  kind: 'shared',
  heads: 4,
  headDim: 64,
  queryRank: 8,
  outputGroups: 2,
  outputRank: 8,
  window: 16,
} as const;

const WITH_SHARED = toy({ attention: SHARED, dense: DENSE }, [['attention', 'dense']]);

describe('what the loader of an architecture does not take is refused', () => {
  test.each([
    ['a bias on the output', withAttention({ bias: 'qkvo' }), 'qwen2', 'bias on the output'],
    ['a bias of the feed-forward', withDense({ bias: true }), 'qwen2', 'bias of the feed-forward'],
    ['a feed-forward without a gate', withDense({ gate: false }), 'llama', 'gate'],
    ['a gate where there is none', TWO_LAYERS, 'apertus', 'gate'],
    ['a clamped feed-forward', withDense({ clamped: true }), 'llama', 'clamped'],
    ['normed queries and keys', withAttention({ qkNorm: 'head' }), 'llama', 'qkNorm'],
    ['a window', layersOf(['local']), 'glm4', 'window'],
    ['narrow heads', withAttention({ headDim: 2 }), 'qwen2', 'heads of another width'],
    ['groups of heads', TWO_LAYERS, 'qwen', 'fewer key-value heads'],
    ['norms in another place', TWO_LAYERS, 'olmo2', 'norm.placement'],
    ['a tied head', { ...TWO_LAYERS, tiedEmbeddings: true }, 'internlm2', 'tiedEmbeddings true'],
    ['a head of its own', SIDE_BY_SIDE, 'command-r', 'tiedEmbeddings false'],
    ['blocks side by side', SIDE_BY_SIDE, 'llama', 'blocks side by side'],
    [
      'norms of each head in a short stack',
      commandR(2, { qkNorm: 'heads' }),
      'command-r',
      'norms of queries',
    ],
    ['none of them in a long one', commandR(64), 'command-r', 'norms of queries'],
    ['one key for all heads', WITH_SHARED, 'llama', 'kind, which is shared'],
    ['copies of the residual stream', { ...TWO_LAYERS, residualStreams: 4 }, 'llama', 'residualStreams'],
    ['hidden states that are kept', { ...TWO_LAYERS, checkpointEvery: 12 }, 'llama', 'checkpointEvery'],
    ['an activation without a kernel', { ...TWO_LAYERS, activation: 'situ' }, 'llama', 'activation'],
    ['windows in another order', layersOf(['global', 'local']), 'gpt-oss', 'order of windows'],
  ] as const)('%s', (_, architecture, family, field) => {
    const ask = () => refuseUnknown(architecture as Architecture, FAMILIES[family]!);
    expect(ask).toThrow(refusal('not-understood', { field: expect.stringContaining(field) as string }));
  });

  test.each([
    ['llama', withAttention({ bias: 'qkvo' })],
    ['llama', withDense({ bias: true })],
    ['apertus', withDense({ gate: false, activationParameters: 2 })],
    ['gpt-oss', layersOf(['local', 'global'])],
    ['command-r', { ...SIDE_BY_SIDE, tiedEmbeddings: true as const }],
    ['command-r', commandR(64, { qkNorm: 'heads' })],
  ])('%s takes what it has', (family, architecture) => {
    expect(() => refuseUnknown(architecture, FAMILIES[family]!)).not.toThrow();
  });
});

describe('what the engine makes of a model', () => {
  test('a window that nobody reads is none', () => {
    expect(asLoaded(layersOf(['local']), { windows: 'ignored' }).blocks.local).toEqual(ATTENTION);
    expect(asLoaded(layersOf(['local']), { windows: 'listed' }).blocks.local).toEqual(SLIDING);
  });

  test('an output matrix may be dropped', () => {
    expect(asLoaded(TWO_LAYERS, { head: 'dropped' }).tiedEmbeddings).toBe(true);
    expect(asLoaded(TWO_LAYERS, {}).tiedEmbeddings).toBeUndefined();
  });

  test('norms of queries and keys that the converter adds are there', () => {
    const { blocks } = asLoaded(layersOf(['local', 'global']), { makesQkNorm: true });
    expect([blocks.local, blocks.global]).toMatchObject([{ qkNorm: 'head' }, { qkNorm: 'head' }]);
  });

  test('rope may turn only layers with a window, or only in a stack of so many layers', () => {
    const rotated = { ...layersOf(['local', 'global']), rope: { theta: 1e4 } };
    const { blocks } = asLoaded(rotated, { rope: 'windows', windows: 'listed' });
    expect([blocks.local, blocks.global]).toEqual([SLIDING, { ...ATTENTION, rope: false }]);
    expect(asLoaded(rotated, { rope: 2 }).rope).toEqual({ theta: 1e4 });
    expect(asLoaded(rotated, { rope: 32 }).rope).toBeUndefined();
  });
});
