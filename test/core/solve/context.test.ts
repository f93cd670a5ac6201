import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { plan } from '../../../src/core/plan.js';
import { largestContextOf } from '../../../src/core/resolve.js';
import { largestContext } from '../../../src/core/solve/context.js';
import { withContext } from '../../../src/core/solve/variations.js';
import { createPlanner, type Request } from '../../../src/index.js';

const planner = createPlanner();
const STEP = 256;

const solve = async (request: Request) => {
  const { prepared, question } = await planner.ask(request);
  return {
    found: largestContext(prepared, question),
    fits: (tokens: number) => plan(prepared, withContext(question, tokens)).verdict.fits,
    most: largestContextOf(question.model),
  };
};

describe('the largest context', () => {
  const request = fc.record({
    model: fc.constantFrom('llama-8b', 'maverick', 'gemma-3-27b', 'qwen3-next', 'deepseek-v3', 'gpt-oss-20b'),
    gib: fc.integer({ min: 4, max: 512 }),
    count: fc.integer({ min: 1, max: 4 }),
    sequences: fc.integer({ min: 1, max: 4 }),
    kvTypeK: fc.constantFrom('f16', 'q8_0'),
  });

  test('fits, and one step more does not', () =>
    fc.assert(
      fc.asyncProperty(request, async ({ model, gib, count, sequences, kvTypeK }) => {
        const devices = [{ memoryBytes: gib * 1024 ** 3, count }];
        const { found, fits, most } = await solve({ model, devices, sequences, kvTypeK, kvTypeV: kvTypeK });
        if (found === undefined) expect(fits(STEP)).toBe(false);
        else {
          expect(fits(found)).toBe(true);
          if (found !== most) expect([found % STEP, fits(found + STEP)]).toEqual([0, false]);
        }
      }),
      { numRuns: 60 },
    ));

  test('is the model’s own where all of it fits', async () => {
    expect(
      (await solve({ model: 'llama-8b', devices: [{ memoryBytes: 512 * 1024 ** 3, count: 1 }] })).found,
    ).toBe(131_072);
  });

  test('is none where the weights alone are too much', async () => {
    expect(
      (await solve({ model: 'llama-70b', devices: [{ memoryBytes: 8 * 1024 ** 3, count: 1 }] })).found,
    ).toBeUndefined();
  });

  test('does not depend on the context that was asked', async () => {
    const devices = [{ gpu: 'rtx-4090', count: 1 }];
    const [one, other] = [
      await solve({ model: 'llama-8b', devices, contextTokens: 1024 }),
      await solve({ model: 'llama-8b', devices, options: { 'ctx-size': 65_536 } }),
    ];
    expect(one.found).toBe(other.found);
  });
});
