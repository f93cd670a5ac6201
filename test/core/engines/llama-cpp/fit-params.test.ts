import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type FitProblem,
  fitParams,
  type Settled,
} from '../../../../src/core/engines/llama-cpp/fit-params.js';
import { createPlanner } from '../../../../src/index.js';

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
const LAYERS = 10;

/** Layers that some patterns take the experts of. */
const lightened = (settings: Settled): number[] =>
  [...String(settings['override-tensor'] ?? '').matchAll(/blk\\\.(\d+)/g)].map(([, layer]) => Number(layer));

const CACHE_OF_TOKEN = 8 * 1024;

/** A layer is 1 GiB, of which experts are 0.75, the output 0.5 GiB; the cache goes with the layers. */
function layerBytes(layer: number, settings: Settled): number {
  if (layer === LAYERS) return 0.5 * GIB;
  const all = String(settings['override-tensor'] ?? '').includes('blk\\.\\d+');
  const isLight = all || lightened(settings).includes(layer);
  return (isLight ? 0.25 : 1) * GIB + Number(settings['ctx-size']) * CACHE_OF_TOKEN;
}

/** A model of ten layers and an output, on cards with so much free memory. */
function toy(free: readonly number[], more: Partial<FitProblem> = {}): FitProblem {
  const measure = (settings: Settled) => {
    const onCards = Number(settings['n-gpu-layers'] ?? LAYERS + 1);
    const counts = String(settings['tensor-split'] ?? onCards)
      .split(',')
      .map(Number);
    let next = LAYERS + 1 - onCards;
    const cards = free.map((_, card) => {
      const own = Array.from({ length: counts[card] ?? 0 }, () => layerBytes(next++, settings));
      return own.reduce((sum, bytes) => sum + bytes, 0);
    });
    const whole = 10.5 * GIB;
    return { cards, host: whole + LAYERS * Number(settings['ctx-size']) * CACHE_OF_TOKEN, weights: whole };
  };
  return {
    measure,
    freeBytes: free,
    hostBytes: undefined,
    layers: LAYERS,
    hasExperts: false,
    ownContext: 131_072,
    sequences: 1,
    streams: 1,
    asked: undefined,
    fixed: undefined,
    ...more,
  };
}

describe('what llama.cpp changes by itself', () => {
  test('is nothing where all fits with a margin of 1 GiB', () => {
    // 10.5 GiB of weights and 10 of cache.
    expect(fitParams(toy([21.5 * GIB])).settings).toEqual({ 'ctx-size': 131_072 });
  });

  test('is the context first: as much as is left, in steps of 256', () => {
    // 16 GiB less the margin and 10.5 of weights leave 4.5 GiB of cache: 58,982.4 tokens.
    expect(fitParams(toy([16 * GIB])).settings).toEqual({ 'ctx-size': 58_880 });
    expect(fitParams(toy([16 * GIB - 20 * MIB])).settings).toEqual({ 'ctx-size': 58_624 });
  });

  test('is layers next, with the least context', () => {
    // 4,096 tokens are 32 MiB a layer; 8 GiB less the margin hold the output and six layers.
    expect(fitParams(toy([8 * GIB])).settings).toEqual({ 'ctx-size': 4096, 'n-gpu-layers': 7 });
  });

  test('keeps a context that was asked for', () => {
    const { settings } = fitParams(toy([12 * GIB], { asked: 65_536 }));
    // 5 GiB of cache: 0.5 a layer; 11 GiB hold the output and seven layers.
    expect(settings).toEqual({ 'ctx-size': 65_536, 'n-gpu-layers': 8 });
  });

  test('takes the experts of the last layers off the card, and part of one', () => {
    const { settings } = fitParams(toy([8 * GIB], { hasExperts: true }));
    // 4 GiB of whole layers, 1.5 of six without experts, the output, and 0.3 of cache; a fifth would be 7.06.
    // The engine counts the output among those without experts, so the pattern of a layer 10 finds nothing.
    expect(settings['n-gpu-layers']).toBe(LAYERS + 1);
    expect(lightened(settings)).toEqual([4, 5, 6, 7, 8, 9, 10]);
    expect(String(settings['override-tensor'])).toMatch(
      /^blk\\\.4\\\.ffn_\S+=CPU,blk\\\.5\\\.ffn_\(up\|down\|gate_up\|gate\)_\(ch\|\)exps=CPU,/,
    );
  });

  test('is none where layers were set by hand', () => {
    expect(fitParams(toy([8 * GIB], { fixed: 'n-gpu-layers' }))).toEqual({
      settings: { 'ctx-size': 4096 },
      failure: 'n-gpu-layers already set by user',
    });
  });

  test('is a shorter context alone on the processor', () => {
    expect(fitParams(toy([], { hostBytes: 16 * GIB })).settings).toEqual({ 'ctx-size': 58_880 });
    expect(fitParams(toy([], { hostBytes: 8 * GIB })).failure).toContain('system memory');
    expect(fitParams(toy([])).settings).toEqual({ 'ctx-size': 131_072 });
  });
});

describe('a plan that the engine fits', () => {
  const planner = createPlanner();
  const request = fc.record({
    model: fc.constantFrom('llama-8b', 'qwen3-30b', 'gpt-oss-120b', 'gemma-3-27b', 'deepseek-v3'),
    memoryBytes: fc.integer({ min: 6, max: 90 }).map((gib) => gib * GIB),
    contextTokens: fc.constantFrom(undefined, 8192),
  });

  test('leaves the margin free on a card, and is the same when asked again', () =>
    fc.assert(
      fc.asyncProperty(request, async ({ model, memoryBytes, contextTokens }) => {
        const devices = [{ memoryBytes, count: 1 }];
        const asked = { model, quant: 'Q4_K_M', devices, options: { fit: 'on' } };
        const plan = await planner.plan(contextTokens ? { ...asked, contextTokens } : asked);
        const [card] = plan.memory.devices;
        if (card!.parts.weights! > 0) expect(card!.headroomBytes).toBeGreaterThanOrEqual(1024 * MIB);
        expect(plan.request.options.fit).toBe('off');
        const again = await planner.plan(plan.request as Parameters<typeof planner.plan>[0]);
        expect(again.memory).toEqual(plan.memory);
      }),
      { numRuns: 40 },
    ));
});
