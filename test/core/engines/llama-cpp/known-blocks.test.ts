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

  test('rope may turn only layers with a window, or only in a stack of so many layers', () => {
    const rotated = { ...layersOf(['local', 'global']), rope: { theta: 1e4 } };
    const { blocks } = asLoaded(rotated, { rope: 'windows', windows: 'listed' });
    expect([blocks.local, blocks.global]).toEqual([SLIDING, { ...ATTENTION, rope: false }]);
    expect(asLoaded(rotated, { rope: 2 }).rope).toEqual({ theta: 1e4 });
    expect(asLoaded(rotated, { rope: 32 }).rope).toBeUndefined();
  });
});
