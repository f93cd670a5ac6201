import { describe, expect, test } from 'vitest';
import { createPlanner, type Request } from '../../src/index.js';

const planner = createPlanner();
const overviewOf = async (request: Request) => planner.overview(request, await planner.plan(request));

describe('the ladder', () => {
  test.each([
    ['llama-8b', [1024, 8192, 32_768, 131_072]],
    ['maverick', [1024, 8192, 32_768, 131_072, 1_048_576]],
    // Its largest context is one of the steps.
    ['mixtral', [1024, 8192, 32_768]],
    ['qwen3-8b', [1024, 8192, 32_768, 131_072]],
  ])('of %s ends at its largest context', async (model, contexts) => {
    expect((await overviewOf({ model })).ladder.map(({ contextTokens }) => contextTokens)).toEqual(contexts);
  });

  test('has the totals of plans', async () => {
    const request = { model: 'gpt-oss-20b', devices: [{ gpu: 'rtx-4090', count: 1 }] };
    for (const { contextTokens, totalBytes, fits } of (await overviewOf(request)).ladder) {
      const { memory, verdict } = await planner.plan({ ...request, contextTokens });
      expect({ totalBytes, fits }).toEqual({ totalBytes: memory.totalBytes, fits: verdict.fits });
    }
  });

  test('stands in the place of ctx-size', async () => {
    const { ladder } = await overviewOf({ model: 'llama-8b', options: { 'ctx-size': 4096 } });
    expect(ladder.map(({ contextTokens }) => contextTokens)).toEqual([1024, 8192, 32_768, 131_072]);
  });
});

describe('setups', () => {
  test('hold the model, each of them', async () => {
    const request = { model: 'llama-70b' };
    const { setups } = await overviewOf(request);
    expect(setups.length).toBeGreaterThan(2);
    for (const { gpu, count, level } of setups) {
      expect((await planner.plan({ ...request, devices: [{ gpu, count }] })).verdict.level, gpu).toBe(level);
    }
  });

  test('are not looked for where hardware was named', async () => {
    expect(
      (await overviewOf({ model: 'llama-8b', devices: [{ gpu: 'rtx-4090', count: 1 }] })).setups,
    ).toEqual([]);
  });
});

describe('what to try next', () => {
  const TRIES: [string, string, Request][] = [
    ['names hardware where none was', 'name-hardware', { model: 'llama-8b' }],
    [
      'is a longer context where it fits',
      'longer-context',
      { model: 'llama-8b', devices: [{ gpu: 'rtx-4090', count: 1 }] },
    ],
    // 128k of 16-bit cache is 16 GiB beside 4.6 GiB of weights; half of it is 8.5.
    [
      'is a smaller cache where that is enough',
      'cache-type',
      { model: 'llama-8b', contextTokens: 131_072, devices: [{ memoryBytes: 17 * 1024 ** 3, count: 1 }] },
    ],
    [
      'is a shorter context where a smaller cache is not enough',
      'shorter-context',
      { model: 'llama-8b', contextTokens: 131_072, devices: [{ gpu: 'rtx-3060', count: 1 }] },
    ],
    [
      'is more cards where no context fits',
      'more-cards',
      { model: 'llama-70b', devices: [{ gpu: 'rtx-4090', count: 1 }] },
    ],
    [
      'is other cards where no number of these is enough',
      'other-cards',
      { model: 'llama-70b', devices: [{ gpu: 'rtx-3060', count: 1 }] },
    ],
    [
      'is a smaller format where no cards are enough',
      'smaller-quant',
      { model: 'kimi-k2', quant: 'F32', devices: [{ gpu: 'rtx-3060', count: 1 }] },
    ],
  ];

  test.each(TRIES)('%s', async (_, kind, request) => {
    expect((await overviewOf(request)).next?.kind).toBe(kind);
  });

  test('is nothing where the largest context fits', async () => {
    const devices = [{ memoryBytes: 512 * 1024 ** 3, count: 1 }];
    expect((await overviewOf({ model: 'llama-8b', contextTokens: 'max', devices })).next).toBeUndefined();
  });

  test.each(TRIES.filter(([, kind]) => kind !== 'smaller-quant'))(
    '%s: and that holds',
    async (_, _kind, request) => {
      const { next } = await overviewOf(request);
      const changes = {
        ...(next && 'gpu' in next
          ? { devices: [{ ...(request.devices?.[0] ?? {}), gpu: next.gpu, count: next.count }] }
          : {}),
        ...(next && 'contextTokens' in next ? { contextTokens: next.contextTokens } : {}),
        ...(next && 'type' in next ? { kvTypeK: next.type, kvTypeV: next.type } : {}),
      };
      expect(Object.keys(changes).length).toBeGreaterThan(0);
      expect((await planner.plan({ ...request, ...changes } as Request)).verdict.fits).toBe(true);
    },
  );
});
