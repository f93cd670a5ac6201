import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Objective, Recommendation } from '../../src/core/recommend.js';
import { createPlanner } from '../../src/planner.js';
import { recommendFor } from '../../src/recommend.js';

const planner = createPlanner();
const ask = (model: string, by: Objective = 'fewest', constraints = {}) =>
  recommendFor(planner, { model, quant: 'q4' }, { by, constraints });

describe('recommend', () => {
  test.each(['maverick', 'llama-70b', 'qwen3-30b', 'gpt-oss-20b'])(
    'every entry for %s fits when planned on its own',
    async (model) => {
      const { options } = await ask(model);
      expect(options.length).toBeGreaterThan(3);
      for (const { gpu, count } of options) {
        expect([
          gpu,
          (await planner.plan({ model, quant: 'q4', devices: [{ gpu, count }] })).verdict.fits,
        ]).toEqual([gpu, true]);
      }
    },
  );

  test('prices of cards add up', async () => {
    const prices = new Map(planner.catalog.gpus.map(({ id, priceUsd }) => [id, priceUsd]));
    const { options } = await ask('llama-70b', 'price');
    for (const { gpu, count, priceUsd } of options) expect(priceUsd).toBe(count * prices.get(gpu)!);
  });

  const KEYS: Record<Objective, (option: Recommendation) => number> = {
    fewest: ({ count }) => count,
    headroom: ({ headroomBytes }) => -headroomBytes,
    price: ({ priceUsd = 0 }) => priceUsd,
    power: ({ powerWatts = 0 }) => powerWatts,
  };

  test.each(Object.keys(KEYS) as Objective[])(
    'by %s ranks by it, and leaves out what is not known',
    async (by) => {
      const keys = (await ask('qwen3-30b', by)).options.map(KEYS[by]);
      expect(keys).toEqual([...keys].sort((a, b) => a - b));
      if (by === 'price' || by === 'power') expect(keys.every((key) => key > 0)).toBe(true);
    },
  );

  test('constraints hold', async () => {
    const { options } = await ask('llama-70b', 'fewest', {
      vendors: ['nvidia'],
      segments: ['consumer'],
      maxGpus: 3,
      maxPriceUsd: 5000,
    });
    for (const { vendor, segment, count, priceUsd = 0 } of options) {
      expect([vendor, segment, count <= 3, priceUsd <= 5000]).toEqual(['nvidia', 'consumer', true, true]);
    }
  });

  test('for rent, every entry is a machine of the price lists with these cards', async () => {
    const { options } = await ask('llama-70b', 'price', { cloud: true });
    const offers = planner.catalog.prices().flatMap(({ instances }) => instances);
    for (const { gpu, count, offer } of options) {
      expect(offers).toContainEqual(
        expect.objectContaining({ id: offer?.instance, gpu, count, usdPerHour: offer?.usdPerHour }),
      );
    }
  });

  test('says why the near misses lost', async () => {
    const { options, nearMisses } = await ask('maverick', 'fewest', { maxGpus: 1, segments: ['consumer'] });
    expect(options).toEqual([]);
    for (const { reason, lackingBytes } of nearMisses)
      expect([reason, lackingBytes! > 0]).toEqual(['memory', true]);
  });
});

test('more memory on a card of the same kind never fits less', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: 120 }),
      fc.integer({ min: 1, max: 60 }),
      fc.constantFrom(1, 2, 4),
      async (gib, more, count) => {
        const verdict = async (size: number) => {
          const request = {
            model: 'qwen3-32b',
            quant: 'q4',
            devices: [{ memoryBytes: size * 1024 ** 3, count }],
          };
          return (await planner.plan(request)).verdict.fits === true;
        };
        if (await verdict(gib)) expect(await verdict(gib + more)).toBe(true);
      },
    ),
    { numRuns: 60 },
  );
});
