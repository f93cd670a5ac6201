import { describe, expect, test } from 'vitest';
import { holds } from '../../src/core/solve/holds.js';
import { fitCatalogue, fitModel } from '../../src/fit.js';
import { createPlanner } from '../../src/planner.js';
import type { Request } from '../../src/schema/request.js';

const planner = createPlanner();
const GIB = 1024 ** 3;

const CASES: readonly (readonly [string, Request])[] = [
  ['a card with room', { model: 'qwen3-30b', devices: [{ gpu: 'rtx-4090', count: 1 }] }],
  [
    'memory alone and a host',
    { model: 'qwen3-30b', devices: [{ memoryBytes: 24 * GIB, count: 1 }], hostMemoryBytes: 64 * GIB },
  ],
  [
    'too small a card',
    { model: 'llama-70b', quant: 'q4', devices: [{ gpu: 'rtx-4090', count: 1 }], hostMemoryBytes: 64 * GIB },
  ],
  [
    'too small a card for experts',
    { model: 'gpt-oss-120b', devices: [{ gpu: 'rtx-4090', count: 1 }], hostMemoryBytes: 128 * GIB },
  ],
  [
    'mixed cards',
    {
      model: 'llama-70b',
      devices: [
        { gpu: 'rtx-4090', count: 1 },
        { gpu: 'rtx-3090', count: 1 },
      ],
    },
  ],
  ['a processor', { model: 'llama-8b', devices: [], hostMemoryBytes: 16 * GIB }],
  [
    'eight cards for a giant',
    { model: 'deepseek-r1', contextTokens: 131_072, devices: [{ gpu: 'h100', count: 8 }] },
  ],
];

/** The same request with the number that an option was solved for, one step further; whether it still holds. */
async function oneStepMore(kind: string, value: number, request: Request): Promise<boolean> {
  const option = (name: string, count: number): Request => ({
    ...request,
    options: { ...request.options, [name]: count },
  });
  const further: Record<string, Request> = {
    'longer-context': { ...request, contextTokens: value + 256 },
    'shorter-context': { ...request, contextTokens: value + 256 },
    'more-sequences': { ...request, sequences: value + 1 },
    'experts-on-host': option('n-cpu-moe', value - 1),
    'layers-on-host': option('n-gpu-layers', value + 1),
  };
  const { model } = await planner.ask(request);
  const most = Math.max(model.context.native, model.context.extended?.tokens ?? 0);
  const next = further[kind];
  if (!next || Number(next.contextTokens ?? 0) > most) return false;
  return holds(await planner.plan(next));
}

describe.each(CASES)('fit on %s', (_, request) => {
  test('every option fits when planned on its own', async () => {
    const { options } = await fitModel(planner, request);
    expect(options.length).toBeGreaterThan(0);
    for (const option of options)
      expect((await planner.plan({ ...option.plan.request })).verdict.fits).toBe(true);
  });

  test('one step more does not fit', async () => {
    const { options } = await fitModel(planner, request);
    for (const { kind, value } of options) {
      if (typeof value === 'number')
        expect([kind, await oneStepMore(kind, value, request)]).toEqual([kind, false]);
    }
  });
});

test('nothing fits where nothing can', async () => {
  const { options } = await fitModel(planner, {
    model: 'kimi-k2',
    devices: [{ memoryBytes: GIB, count: 1 }],
    hostMemoryBytes: GIB,
  });
  expect(options).toEqual([]);
});

test('no hardware with a limit is refused', async () => {
  await expect(fitModel(planner, { model: 'llama-8b' })).rejects.toMatchObject({ code: 'no-hardware' });
  await expect(fitCatalogue(planner, { devices: [{ gpu: null, count: 2 }] })).rejects.toMatchObject({
    code: 'no-hardware',
  });
});

test.each([
  // A graph with a part for each sequence has room for so many.
  ['minimax-m3', 'b300', 8, 11],
  // Separate caches must divide the ubatch of 512 tokens.
  ['kimi-linear-48b-a3b', 'rtx-4090', 2, 128],
])('sequences that the engine refuses are passed over: %s', async (model, gpu, count, most) => {
  const { options } = await fitModel(planner, { model, devices: [{ gpu, count }] });
  expect(options.find(({ kind }) => kind === 'more-sequences')?.value).toBe(most);
});

test('every architecture that starts on a pair of cards has an answer', async () => {
  const ids = new Map<string, string>();
  for (const { id } of planner.catalog.models) ids.set((await planner.model(id)).architecture.type, id);
  for (const id of ids.values()) {
    const asked = { model: id, devices: [{ gpu: 'rtx-4090', count: 2 }], hostMemoryBytes: 256 * GIB };
    const refusal = await fitModel(planner, asked).then(
      () => undefined,
      (error) => error.code,
    );
    expect([id, refusal]).toSatisfy(([, code]) => code === undefined || code === 'not-understood');
  }
});

test('the catalogue on a card: what runs comes first, larger models before smaller, and all are named', async () => {
  const rows = await fitCatalogue(planner, { devices: [{ gpu: 'rtx-4090', count: 1 }] });
  const running = rows.filter(({ plan }) => plan);
  expect(rows).toHaveLength(planner.catalog.models.length);
  expect(rows.slice(0, running.length)).toEqual(running);
  expect(running.map(({ totalParameters }) => totalParameters)).toEqual(
    running.map(({ totalParameters }) => totalParameters).sort((a, b) => b - a),
  );
  for (const { plan } of running) expect(plan?.verdict.fits).toBe(true);
  for (const { lackingBytes, error } of rows.slice(running.length))
    expect(error?.code ?? lackingBytes).toSatisfy((why) => why === 'not-understood' || Number(why) > 0);
});

test('flags to paste say what was planned', async () => {
  const { options } = await fitModel(planner, {
    model: 'llama-70b',
    quant: 'q4',
    devices: [{ gpu: 'rtx-4090', count: 1 }],
    hostMemoryBytes: 64 * GIB,
  });
  const layers = options.find(({ kind }) => kind === 'layers-on-host');
  expect(layers?.flags.join(' ')).toBe(
    `llama-server -m MODEL.gguf -c 8192 -np 1 -ngl ${layers?.value} --fit off`,
  );
});
