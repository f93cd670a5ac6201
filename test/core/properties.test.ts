import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createPlanner, InputError, type Plan, type Request } from '../../src/index.js';

const planner = createPlanner();
const { catalog } = planner;

// Every model that is planned, in a few formats.
const MODELS = await plannedModels();
const QUANTS = ['F16', 'Q8_0', 'Q4_K_M', 'IQ2_XS', 'MXFP4_MOE'];
const GPUS = ['rtx-4090', 'h100-sxm5-80gb', 'rtx-3060-12gb', 'apple-m4-max', 'mi300x-192gb'];

/** Models that the engine does not load are refused, whatever is asked. */
async function plannedModels(): Promise<string[]> {
  const planned = await Promise.all(
    catalog.models.map(async ({ id }) => ((await isPlanned(id)) ? [id] : [])),
  );
  return planned.flat();
}

async function isPlanned(model: string): Promise<boolean> {
  try {
    return (await planner.ask({ model, quant: 'F16' })).prepared !== undefined;
  } catch (error) {
    expect((error as InputError).code).toBe('not-understood');
    return false;
  }
}

const device = fc.oneof(
  fc.record({ gpu: fc.constantFrom(null, ...GPUS), count: fc.integer({ min: 1, max: 8 }) }),
  fc.record({
    memoryBytes: fc.integer({ min: 2 ** 30, max: 2 ** 38 }),
    count: fc.integer({ min: 1, max: 8 }),
  }),
);

const options = fc.record(
  {
    'ctx-size': fc.integer({ min: 1, max: 1 << 20 }),
    'kv-unified': fc.boolean(),
    'ubatch-size': fc.integer({ min: 1, max: 4096 }),
    'batch-size': fc.integer({ min: 1, max: 8192 }),
    'flash-attn': fc.constantFrom('auto', 'on', 'off'),
    'swa-full': fc.boolean(),
    'n-gpu-layers': fc.oneof(fc.constant('all'), fc.integer({ min: 0, max: 130 })),
    'split-mode': fc.constantFrom('layer', 'none'),
    'tensor-split': fc.constantFrom('1', '3,1', '1,0', '0,1', '5,4,3'),
    'cpu-moe': fc.boolean(),
    'n-cpu-moe': fc.integer({ min: 0, max: 100 }),
    program: fc.constantFrom('server', 'cli'),
    parallel: fc.constant('auto'),
  },
  { requiredKeys: [] },
);

const kvTypes = fc.constantFrom('f16', 'f32', 'bf16', 'q8_0', 'q4_0');

const request: fc.Arbitrary<Request> = fc.record(
  {
    model: fc.constantFrom(...MODELS),
    quant: fc.constantFrom(...QUANTS),
    contextTokens: fc.oneof(fc.integer({ min: 1, max: 1 << 20 }), fc.constant('max')),
    sequences: fc.integer({ min: 1, max: 64 }),
    kvTypeK: kvTypes,
    kvTypeV: kvTypes,
    devices: fc.array(device, { maxLength: 3 }),
    hostMemoryBytes: fc.integer({ min: 2 ** 30, max: 2 ** 40 }),
    limits: fc.record({ totalBytes: fc.integer({ min: 1, max: 2 ** 42 }) }, { requiredKeys: [] }),
    options,
    imatrix: fc.boolean(),
    fileBytes: fc.integer({ min: 2 ** 30, max: 2 ** 40 }),
    allowContextOverflow: fc.constant(true),
  },
  { requiredKeys: ['model', 'allowContextOverflow'] },
) as fc.Arbitrary<Request>;

/** The plan, or nothing where the engine refuses the combination. */
async function planOrRefusal(asked: Request): Promise<Plan | undefined> {
  try {
    return await planner.plan(asked);
  } catch (error) {
    if (error instanceof InputError && error.code !== 'bug') return undefined;
    throw error;
  }
}

/** Checks a statement over plans; combinations that the engine refuses say nothing. */
const forPlans = (check: (answer: Plan, asked: Request) => void | Promise<void>, runs = 150): Promise<void> =>
  fc.assert(
    fc.asyncProperty(request, async (asked) => {
      const answer = await planOrRefusal(asked);
      fc.pre(answer !== undefined);
      await check(answer as Plan, asked);
    }),
    { numRuns: runs },
  );

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const bytesOf = (answer: Plan, id: string): number =>
  answer.memory.parts.find((part) => part.id === id)?.bytes ?? 0;

describe('in every plan', () => {
  test('the parts sum to the total', () =>
    forPlans(({ memory }) => expect(sum(memory.parts.map(({ bytes }) => bytes))).toBe(memory.totalBytes)));

  test('the children of a part sum to it', () =>
    forPlans(({ memory }) => {
      const withChildren = memory.parts.filter(({ children }) => children);
      expect(withChildren.map(({ id }) => id)).toEqual(expect.arrayContaining(['weights', 'kvCache']));
      for (const { children, bytes } of withChildren)
        expect(sum((children ?? []).map((child) => child.bytes))).toBe(bytes);
    }));

  test('the devices sum to the total', () =>
    forPlans(({ memory }) =>
      expect(sum(memory.devices.map(({ totalBytes }) => totalBytes))).toBe(memory.totalBytes),
    ));

  test('the parts of a device sum to it', () =>
    forPlans(({ memory }) => {
      for (const { parts, totalBytes } of memory.devices) expect(sum(Object.values(parts))).toBe(totalBytes);
    }));

  test('a part is the sum of its share on the devices', () =>
    forPlans(({ memory }) => {
      for (const { id, bytes } of memory.parts)
        expect(sum(memory.devices.map(({ parts }) => parts[id] ?? 0))).toBe(bytes);
    }));

  test('bytes are whole and not below zero', () =>
    forPlans(({ memory }) => {
      const all = [
        ...memory.parts.map(({ bytes }) => bytes),
        ...memory.devices.flatMap(({ parts }) => Object.values(parts)),
      ];
      expect(all.filter((bytes) => !Number.isSafeInteger(bytes) || bytes < 0)).toEqual([]);
    }));

  test('a range holds its own figure', () =>
    forPlans(({ memory }) => {
      for (const { range, bytes } of memory.parts) {
        if (!range) continue;
        expect(range.low).toBeLessThanOrEqual(bytes);
        expect(range.high).toBeGreaterThanOrEqual(bytes);
      }
    }));

  test('the low bound is below what is expected, and that below what is reserved on the cards and the host', () =>
    forPlans(({ bounds, memory }) => {
      const host = memory.devices.at(-1)?.totalBytes ?? 0;
      expect(bounds.lowBytes).toBeLessThanOrEqual(bounds.expectedBytes);
      expect(bounds.expectedBytes).toBeLessThanOrEqual(bounds.reservedBytes + host);
    }));

  test('what fits has room on every device, what does not lacks it somewhere', () =>
    forPlans(({ memory, verdict, request: { limits } }) => {
      const lacking = memory.devices.some(
        ({ headroomBytes }) => headroomBytes !== undefined && headroomBytes < 0,
      );
      const over = limits?.totalBytes !== undefined && memory.totalBytes > limits.totalBytes;
      const limited =
        limits?.totalBytes !== undefined ||
        memory.devices.some(({ usableBytes }) => usableBytes !== undefined);
      expect(verdict.fits).toBe(limited ? !(lacking || over) : null);
    }));

  test('the cards and the host are there once each', () =>
    forPlans(({ memory, request: { devices } }) => {
      const cards = sum((devices ?? []).map(({ count }) => count));
      expect(memory.devices.map(({ id }) => id)).toEqual([
        ...Array.from({ length: cards }, (_, card) => `gpu${card}`),
        'host',
      ]);
    }));

  test('the request planned again gives the same plan', () =>
    forPlans(async (answer) => {
      const again = await planner.plan(answer.request);
      const told = ({ notes: _, ...rest }: Plan) => rest;
      expect(told(again)).toEqual(told(answer));
    }));

  test('every layer has its cache once, however it is split', () =>
    forPlans(async (_, asked) => {
      // In floats: rows of quantised caches are padded on a card.
      const plain = { ...asked, kvTypeK: 'f16', kvTypeV: 'f16' };
      const split = await planner.plan(plain);
      const whole = await planner.plan({ ...plain, devices: [], options: withoutPlaces(asked) });
      expect(bytesOf(split, 'kvCache')).toBe(bytesOf(whole, 'kvCache'));
      expect(sum(split.memory.devices.map(({ parts }) => parts.kvCache ?? 0))).toBe(
        bytesOf(whole, 'kvCache'),
      );
    }));
});

/** The options that say how much, without those that say where. */
function withoutPlaces({ options = {} }: Request): NonNullable<Request['options']> {
  const places = new Set(['n-gpu-layers', 'split-mode', 'tensor-split', 'cpu-moe', 'n-cpu-moe']);
  return Object.fromEntries(Object.entries(options).filter(([name]) => !places.has(name)));
}

/** Bytes of a part; of some models the engine refuses some numbers of sequences, which say nothing. */
async function partOf(id: string, asked: Request): Promise<number> {
  try {
    return bytesOf(await planner.plan(asked), id);
  } catch (error) {
    const refused = error instanceof InputError && error.code === 'engine-refuses';
    fc.pre(!refused || (asked.sequences ?? 1) === 1);
    throw error;
  }
}

describe('more is never less', () => {
  const model = fc.constantFrom(...MODELS);
  const windowed = fc.record({
    'kv-unified': fc.boolean(),
    'swa-full': fc.boolean(),
    'ubatch-size': fc.constantFrom(64, 512, 2048),
  });

  test('cache for more context', () =>
    fc.assert(
      fc.asyncProperty(
        model,
        fc.integer({ min: 1, max: 1 << 19 }),
        fc.integer({ min: 0, max: 1 << 19 }),
        fc.integer({ min: 1, max: 9 }),
        windowed,
        async (name, tokens, more, sequences, settings) => {
          const cache = (contextTokens: number) =>
            partOf('kvCache', {
              model: name,
              contextTokens,
              sequences,
              options: settings,
              allowContextOverflow: true,
            });
          expect(await cache(tokens + more)).toBeGreaterThanOrEqual(await cache(tokens));
        },
      ),
    ));

  test('cache for more sequences', () =>
    fc.assert(
      fc.asyncProperty(
        model,
        fc.integer({ min: 1, max: 1 << 17 }),
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: 0, max: 64 }),
        windowed,
        async (name, contextTokens, sequences, more, settings) => {
          const cache = (count: number) =>
            partOf('kvCache', {
              model: name,
              contextTokens,
              sequences: count,
              options: settings,
              allowContextOverflow: true,
            });
          expect(await cache(sequences + more)).toBeGreaterThanOrEqual(await cache(sequences));
        },
      ),
    ));

  test('cache with swa-full', () =>
    fc.assert(
      fc.asyncProperty(model, fc.integer({ min: 1, max: 1 << 18 }), async (name, contextTokens) => {
        const cache = async (whole: boolean) =>
          bytesOf(
            await planner.plan({
              model: name,
              contextTokens,
              options: { 'swa-full': whole },
              allowContextOverflow: true,
            }),
            'kvCache',
          );
        expect(await cache(true)).toBeGreaterThanOrEqual(await cache(false));
      }),
    ));

  test('output for more sequences', () =>
    fc.assert(
      fc.asyncProperty(
        model,
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: 1, max: 64 }),
        async (name, sequences, more) => {
          const output = (count: number) => partOf('output', { model: name, sequences: count });
          expect(await output(sequences + more)).toBeGreaterThan(await output(sequences));
        },
      ),
    ));
});

describe('weights', () => {
  test('are the same on any number of cards, rope factors aside', () =>
    fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...MODELS),
        fc.constantFrom(...QUANTS),
        fc.integer({ min: 2, max: 16 }),
        async (model, quant, count) => {
          const weights = async (cards: number) =>
            bytesOf(await planner.plan({ model, quant, devices: [{ gpu: null, count: cards }] }), 'weights');
          const more = (await weights(count)) - (await weights(1));
          // At most one copy of 256 floats a card: half of the widest head.
          expect(more).toBeGreaterThanOrEqual(0);
          expect(more).toBeLessThanOrEqual(1024 * (count - 1));
        },
      ),
    ));

  test('on a card and host are those on the host, with a second table where tied', () =>
    fc.assert(
      fc.asyncProperty(fc.constantFrom(...MODELS), async (model) => {
        const weights = async (devices: Request['devices']) =>
          bytesOf(await planner.plan({ model, quant: 'F16', devices }), 'weights');
        const { architecture } = await planner.model(model);
        const { type, tiedEmbeddings, vocabSize, paddingRows = 0, hiddenSize } = architecture;
        // `gemma4.cpp:load_arch_tensors` makes the second table first: it is there on a host alone too.
        const isSecond = tiedEmbeddings && !type.startsWith('gemma4');
        const table = isSecond ? 2 * (vocabSize - paddingRows) * hiddenSize : 0;
        const more = (await weights([{ gpu: null, count: 1 }])) - (await weights([]));
        // Alignment of small tensors adds some kilobytes.
        expect(more).toBeGreaterThanOrEqual(table);
        expect(more).toBeLessThan(table + 1_000_000);
      }),
    ));

  test.each(QUANTS.filter((quant) => quant !== 'F16'))(
    'of every model are smaller in %s than in F16',
    async (quant) => {
      for (const model of MODELS) {
        const fileBytes = async (name: string) => (await planner.plan({ model, quant: name })).disk.fileBytes;
        expect(await fileBytes(quant), model).toBeLessThan(await fileBytes('F16'));
      }
    },
  );
});
