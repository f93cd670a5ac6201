// Models whose graph depends on the number of sequences; figures of llama.cpp v0.5.0 itself, on a processor.
import { describe, expect, test } from 'vitest';
import { createPlanner, type Request } from '../../../../src/index.js';
import { refusal } from '../../../refusal.js';

const planner = createPlanner();
const asked = (model: string, sequences: number, options: Request['options'] = {}): Request => ({
  model,
  quant: 'F16',
  sequences,
  devices: [],
  options: { 'no-repack': true, ...options },
});

const compute = async (request: Request) => {
  const { memory } = await planner.plan(request);
  return memory.parts.find(({ id }) => id === 'compute')!;
};

test.each([
  ['kimi-linear-48b-a3b', 1, {}, 119_019_584],
  ['kimi-linear-48b-a3b', 4, {}, 119_019_584],
  ['kimi-linear-48b-a3b', 1, { 'flash-attn': 'off', 'ubatch-size': 1024 }, 1_312_829_504],
  ['minimax-text-01', 1, {}, 340_144_448],
  ['minimax-text-01', 4, {}, 205_926_720],
  ['minimax-text-01', 3, { 'kv-unified': true }, 240_080_320],
  ['minimax-m3', 1, {}, 264_819_744],
  ['minimax-m3', 4, {}, 144_334_880],
  ['kimi-k3', 1, {}, 547_381_312],
  ['kimi-k3', 4, {}, 596_187_200],
  ['deepseek-v4-flash', 1, {}, 276_394_944],
  ['deepseek-v4-flash', 2, { 'kv-unified': true }, 280_590_976],
  ['deepseek-v4-flash', 1, { 'ubatch-size': 1 }, 2_948_256],
  ['minimax-m3', 1, { 'flash-attn': 'off', 'ubatch-size': 1024 }, 2_388_148_256],
] as const)('compute buffers of %s with %i sequences and %j', async (model, sequences, options, bytes) => {
  expect((await compute(asked(model, sequences, options))).bytes).toBe(bytes);
});

test('caches of compressed attention are apart, and joined in their own type', async () => {
  const of = async (type: string) => {
    const answer = await planner.plan({
      ...asked('deepseek-v4-flash', 1, { program: 'cli' }),
      contextTokens: 837_632,
      kvTypeK: type,
      kvTypeV: type,
    });
    return answer.memory.parts.find(({ id }) => id === 'compute')!.bytes;
  };
  expect([await of('q4_0'), await of('q8_0')]).toEqual([1_306_377_120, 1_393_695_648]);
});

describe('a last graph of one sequence', () => {
  test('may take more than the planned one: the range says so', async () => {
    const { range } = await compute(asked('minimax-text-01', 4));
    expect(range!.high).toBe((await compute(asked('minimax-text-01', 1))).bytes);
  });

  test.each(['kimi-linear-48b-a3b', 'minimax-m1-80k'])(
    'ends %s in an assertion where the sequences do not divide the ubatch',
    async (model) => {
      const words = 'GGML_ASSERT(ggml_can_repeat(b, a)) failed';
      await expect(planner.plan(asked(model, 3))).rejects.toThrow(refusal('engine-refuses', { words }));
      await expect(planner.plan(asked(model, 3, { 'ubatch-size': 513 }))).resolves.toBeDefined();
      await expect(planner.plan(asked(model, 3, { 'kv-unified': true }))).resolves.toBeDefined();
    },
  );
});

describe('a graph with a part for each sequence', () => {
  test.each([
    [11, 512],
    [13, 1024],
  ])('has room for %i sequences with an ubatch of %i, and not for one more', async (most, ubatch) => {
    const options = { 'ubatch-size': ubatch };
    const words = 'GGML_ASSERT(obj_new) failed';
    await expect(planner.plan(asked('minimax-m3', most, options))).resolves.toBeDefined();
    await expect(planner.plan(asked('minimax-m3', most + 1, options))).rejects.toThrow(
      refusal('engine-refuses', { words }),
    );
  });

  test('grows with the positions that the cache has seen: the range holds a full one', async () => {
    const [short, long] = await Promise.all(
      [8192, 131_072].map((contextTokens) => compute({ ...asked('minimax-m3', 1), contextTokens })),
    );
    expect(long!.range!.high / long!.bytes).toBeGreaterThan(short!.range!.high / short!.bytes);
  });
});
