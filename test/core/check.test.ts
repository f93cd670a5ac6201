import { describe, expect, test } from 'vitest';
import { checkPlan, remediesOf } from '../../src/core/check.js';
import { factsOf } from '../../src/core/facts.js';
import { changesOf, overgrown, type Side } from '../../src/core/growth.js';
import { usualQuants } from '../../src/core/quant/names.js';
import { candidatesOf } from '../../src/devices.js';
import { createPlanner } from '../../src/planner.js';
import type { Expectations } from '../../src/schema/check.js';
import type { Request } from '../../src/schema/request.js';

const GIB = 1024 ** 3;
const planner = createPlanner();
const EIGHT: Request = { model: 'llama-3.1-8b', quant: 'q4', contextTokens: 8192 };

async function checked(request: Request, expected: Partial<Expectations> = {}) {
  const expectations = { parts: {}, ...expected };
  const [asked, answer] = [await planner.ask(request), await planner.plan(request)];
  const remedies = remediesOf(asked, expectations, { inQuants: [], candidates: [] });
  return { ...checkPlan(asked, answer, expectations), answer, remedies };
}

describe('a row', () => {
  test('without a limit has no problem', async () => {
    expect((await checked(EIGHT)).problems).toEqual([]);
  });

  test('says by how much a device, the total and a part are over', async () => {
    const request = {
      ...EIGHT,
      devices: [{ memoryBytes: 4 * GIB, count: 1 }],
      limits: { totalBytes: 2 * GIB },
    };
    const { problems, answer } = await checked(request, { parts: { kvCache: GIB / 2 } });
    // 32 layers × 8,192 tokens × 8 heads × 128 × 2 (K, V) × 2 bytes = 1 GiB.
    expect(problems).toMatchObject([
      { code: 'device-over', args: { device: 'gpu0', byBytes: -answer.memory.devices[0]!.headroomBytes! } },
      { code: 'total-over', args: { byBytes: answer.memory.totalBytes - 2 * GIB } },
      { code: 'part-over', args: { part: 'kvCache', bytes: GIB, byBytes: GIB / 2 } },
    ]);
  });

  test('may look away from the device', async () => {
    const request = { ...EIGHT, devices: [{ memoryBytes: 4 * GIB, count: 1 }] };
    expect((await checked(request, { fits: false })).problems).toEqual([]);
  });

  test('names the kind inside a part, and needs nothing for a kind that is not there', async () => {
    const { problems } = await checked(EIGHT, { parts: { 'weights.head': 1, 'kvCache.latent': 1 } });
    expect(problems.map(({ args }) => args.part)).toEqual(['weights.head']);
  });

  test('holds as many tokens and sequences as it says, and one step more does not fit', async () => {
    const request = { ...EIGHT, devices: [{ memoryBytes: 8 * GIB, count: 1 }] };
    const { capacity, problems } = await checked(request, { contextTokens: 'max', sequences: 64 });
    expect(problems.map(({ code }) => code)).toEqual(['context-under', 'sequences-under']);
    const { maxContextTokens = 0, maxSequences = 0 } = capacity ?? {};
    const fits = async (change: Partial<Request>) =>
      (await planner.plan({ ...request, ...change })).verdict.fits;
    expect(await fits({ contextTokens: maxContextTokens })).toBe(true);
    expect(await fits({ contextTokens: maxContextTokens + 256 })).toBe(false);
    expect(await fits({ sequences: maxSequences })).toBe(true);
    expect(await fits({ sequences: maxSequences + 1 })).toBe(false);
  });

  test('asks for more tokens than the model has', async () => {
    const { problems } = await checked(EIGHT, { contextTokens: 2 ** 20 });
    expect(problems).toMatchObject([
      { code: 'context-under', args: { most: 131_072, by: 2 ** 20 - 131_072 } },
    ]);
  });

  test('is told changes with which it holds', async () => {
    const request = { ...EIGHT, contextTokens: 131_072, devices: [{ memoryBytes: 16 * GIB, count: 1 }] };
    const { remedies } = await checked(request);
    expect(remedies.map(({ kind }) => kind)).toEqual(['cache-type', 'context']);
    for (const { kind, value } of remedies) {
      const change =
        kind === 'context'
          ? { contextTokens: Number(value) }
          : { kvTypeK: String(value), kvTypeV: String(value) };
      expect((await planner.plan({ ...request, ...change })).verdict.fits).toBe(true);
    }
  });

  test('is told the best smaller format that holds, the fewest cards, and nothing where none does', async () => {
    const cards = (count: number) => [{ gpu: 'rtx-4090', count }];
    const inQuants = async (request: Request) => {
      const asker = await planner.asker(request.model);
      const { question } = asker(request);
      return usualQuants(question).map((quant) => ({ quant, trial: () => asker({ ...request, quant }) }));
    };
    const remedies = async (request: Request) => {
      const asked = await planner.ask(request);
      const candidates = candidatesOf(planner.catalog, asked.question.engine);
      return remediesOf(asked, { parts: {} }, { inQuants: await inQuants(request), candidates });
    };
    const request = { model: 'qwen3-30b', quant: 'q8', devices: cards(1) };
    const found = new Map((await remedies(request)).map(({ kind, value }) => [kind, String(value)]));
    expect(found.get('cards')).toBe('2xrtx-4090');
    const names = (await inQuants(request)).map(({ quant }) => quant);
    const best = names.indexOf(found.get('quant') ?? '');
    const fits = async (quant: string) => (await planner.plan({ ...request, quant })).verdict.fits;
    expect(await fits(names[best]!)).toBe(true);
    expect(await fits(names[best - 1]!)).toBe(false);
    expect(await remedies({ model: 'maverick', quant: 'q8', devices: cards(1) })).toEqual([]);
  });

  test('is not told a shorter context where it must hold a longer one', async () => {
    const request = { ...EIGHT, contextTokens: 131_072, devices: [{ memoryBytes: 10 * GIB, count: 1 }] };
    expect((await checked(request, { contextTokens: 131_072 })).remedies).toEqual([]);
  });
});

async function side(request: Request, facts: Record<string, string | number> = {}): Promise<Side> {
  const { memory, request: resolved } = await planner.plan(request);
  const { model } = await planner.ask(request);
  const generator = { version: '0.1.0', data: 'a' };
  return { memory, request: resolved, facts: { ...factsOf(model.architecture), ...facts }, generator };
}

describe('growth', () => {
  test('is nothing where no byte differs', async () => {
    expect(changesOf(await side(EIGHT), await side(EIGHT))).toEqual([]);
  });

  test('is told part by part, with what bears on the part', async () => {
    const changes = changesOf(await side(EIGHT), await side({ ...EIGHT, contextTokens: 16_384 }));
    const cause = { what: 'request.contextTokens', from: 8192, to: 16_384 };
    expect(changes.find(({ id }) => id === 'kvCache')).toEqual({
      id: 'kvCache',
      fromBytes: GIB,
      toBytes: 2 * GIB,
      byBytes: GIB,
      causes: [cause],
    });
    expect(changes.some(({ id }) => id === 'weights')).toBe(false);
    expect(changes.at(-1)).toMatchObject({ id: 'total', causes: [cause] });
  });

  test('of weights is not put down to the context', async () => {
    const now = await side({ ...EIGHT, quant: 'q8', contextTokens: 16_384 });
    const weights = changesOf(await side(EIGHT), now).find(({ id }) => id === 'weights');
    expect(weights?.causes.map(({ what }) => what)).toEqual(['request.quant']);
  });

  test('has a changed geometry as its cause', async () => {
    const now = await side({ ...EIGHT, contextTokens: 16_384 });
    const before = await side(EIGHT, { 'blocks.attention.headDim': 64 });
    const cache = changesOf(before, now).find(({ id }) => id === 'kvCache');
    expect(cache?.causes.map(({ what }) => what)).toContain('blocks.attention.headDim');
  });

  test('is the program’s own where nothing else differs', async () => {
    const now = await side(EIGHT);
    const before = {
      ...now,
      generator: { version: '0.0.9', data: 'b' },
      memory: { ...now.memory, totalBytes: 1, parts: [] },
    };
    expect(
      changesOf(before, now)
        .at(-1)
        ?.causes.map(({ what }) => what),
    ).toEqual(['generator']);
  });

  const change = (id: string, byBytes: number) => ({
    id,
    fromBytes: 1000,
    toBytes: 1000 + byBytes,
    byBytes,
    causes: [],
  });

  test.each([
    ['nothing may grow unless it is said', undefined, ['total']],
    ['a share', { total: { share: 0.05 } }, ['total']],
    ['a larger share', { total: { share: 0.1 } }, []],
    ['bytes', { total: { bytes: 99 } }, ['total']],
    ['a part', { kvCache: { bytes: 0 } }, ['kvCache']],
  ])('%s', (_, allowances, over) => {
    const changes = [change('weights', -100), change('kvCache', 100), change('total', 100)];
    expect(overgrown(changes, allowances).map(({ id }) => id)).toEqual(over);
  });
});

test('facts count the layers of every block, exceptions taken out', async () => {
  const { architecture } = (await planner.ask({ model: 'gpt-oss-120b' })).model;
  expect(factsOf(architecture)).toMatchObject({
    layers: 36,
    'blocks.local.layers': 18,
    'blocks.moe.layers': 36,
    'blocks.local.window': 128,
  });
  const exceptions = [{ layers: [0], use: ['global', 'moe'] }];
  expect(factsOf({ ...architecture, exceptions })['blocks.local.layers']).toBe(17);
});
