import { describe, expect, test } from 'vitest';
import { createPlanner, type Plan, type Request } from '../../src/index.js';
import { refusal } from '../refusal.js';

const planner = createPlanner();
const MIB = 1024 ** 2;

const plan = (request: Partial<Request> & { model: string }) => planner.plan(request);
const part = (answer: Plan, id: string) => answer.memory.parts.find((found) => found.id === id);
const child = (answer: Plan, parent: string, id: string) =>
  part(answer, parent)?.children?.find((found) => found.id === id)?.bytes;
const noteOf = (answer: Plan, code: string) => answer.notes.find((note) => note.code === code);

describe('Maverick in Q4_K_M at 488k on eight cards', async () => {
  const answer = await plan({
    model: 'maverick',
    quant: 'q4',
    contextTokens: '488k',
    devices: [{ gpu: null, count: 8 }],
  });

  test('has the context and the format that were meant', () => {
    expect(answer.request).toMatchObject({
      model: 'llama-4-maverick',
      quant: 'Q4_K_M',
      contextTokens: 499_712,
    });
  });

  test('has 12 full layers of 499,712 cells and 36 of 8,704', () => {
    // 8 heads × 128 × keys and values × 2 bytes = 4,096 bytes a cell.
    expect(part(answer, 'kvCache')?.children).toEqual([
      { id: 'fullAttention', bytes: 12 * 499_712 * 4096 },
      { id: 'slidingWindow', bytes: 36 * 8704 * 4096 },
    ]);
  });

  test('has 128 experts in every second layer as nearly all of its weights', () => {
    // 24 layers × 128 experts × 3 × 5,120 × 8,192 elements, each at least 144 bytes for 256.
    expect(child(answer, 'weights', 'routedExperts')).toBeGreaterThan(
      (24 * 128 * 3 * 5120 * 8192 * 144) / 256,
    );
  });

  test('has logits for one row: 202,048 floats', () => {
    expect(part(answer, 'output')?.bytes).toBe(808_192);
  });

  test('has weights of the file, and 8 copies of nothing', () => {
    expect(answer.disk.fileBytes).toBe(242_754_060_800);
    expect(part(answer, 'weights')?.bytes).toBe(242_754_060_800);
  });

  test('has eight cards and the host', () => {
    expect(answer.memory.devices.map(({ id }) => id)).toEqual([
      'gpu0',
      'gpu1',
      'gpu2',
      'gpu3',
      'gpu4',
      'gpu5',
      'gpu6',
      'gpu7',
      'host',
    ]);
  });

  test('wants a margin of 1,024 MiB on every card', () => {
    const onCards = answer.memory.devices
      .filter(({ id }) => id !== 'host')
      .reduce((sum, { totalBytes }) => sum + totalBytes, 0);
    expect(answer.bounds.reservedBytes).toBe(onCards + 8 * 1024 * MIB);
  });

  test('cannot do without weights and cache', () => {
    expect(answer.bounds.lowBytes).toBe(
      (part(answer, 'weights')?.bytes ?? 0) + (part(answer, 'kvCache')?.bytes ?? 0),
    );
  });
});

describe('the parts', () => {
  test('are the five of the contract, in its order', async () => {
    const answer = await plan({ model: 'llama-8b' });
    expect(answer.memory.parts.map(({ id }) => id)).toEqual([
      'weights',
      'kvCache',
      'compute',
      'output',
      'runtime',
    ]);
  });

  test('have no runtime without a card', async () => {
    const answer = await plan({ model: 'llama-8b', devices: [] });
    expect(answer.memory.parts.map(({ id }) => id)).toEqual(['weights', 'kvCache', 'compute', 'output']);
  });

  test.each([
    ['llama-8b', ['embedding', 'attention', 'denseFeedForward', 'norms', 'head'], ['fullAttention']],
    [
      'maverick',
      [
        'embedding',
        'attention',
        'denseFeedForward',
        'routedExperts',
        'sharedExperts',
        'router',
        'norms',
        'head',
      ],
      ['fullAttention', 'slidingWindow'],
    ],
    [
      'deepseek-v3',
      [
        'embedding',
        'attention',
        'denseFeedForward',
        'routedExperts',
        'sharedExperts',
        'router',
        'norms',
        'head',
      ],
      ['latent'],
    ],
    [
      'qwen3-next',
      [
        'embedding',
        'attention',
        'linearAttention',
        'routedExperts',
        'sharedExperts',
        'router',
        'norms',
        'head',
      ],
      ['fullAttention', 'recurrentState'],
    ],
  ])('of %s have children by role and by kind of layer', async (model, weights, caches) => {
    const answer = await plan({ model });
    expect(part(answer, 'weights')?.children?.map(({ id }) => id)).toEqual(weights);
    expect(part(answer, 'kvCache')?.children?.map(({ id }) => id)).toEqual(caches);
  });

  test('of a tied model on a card have a head that is a copy of the table', async () => {
    const answer = await plan({ model: 'gemma-3-27b', quant: 'F16' });
    // (262,208 − 64) × 5,376 × 2 bytes.
    expect([child(answer, 'weights', 'embedding'), child(answer, 'weights', 'head')]).toEqual([
      2_818_572_288, 2_818_572_288,
    ]);
  });
});

test('layers for further tokens are in the file and not loaded', async () => {
  const answer = await plan({ model: 'glm-4.5-air', quant: 'BF16', devices: [] });
  expect([answer.disk.fileBytes, part(answer, 'weights')?.bytes]).toEqual([220_988_046_336, 213_753_780_736]);
});

test('parameters come with the plan', async () => {
  expect((await plan({ model: 'maverick' })).model).toMatchObject({
    id: 'llama-4-maverick',
    name: 'Llama 4 Maverick',
    parameters: { total: 401_583_781_376, text: 400_711_848_960, active: 17_184_691_200, mtp: 0 },
  });
});

describe('the request of the answer', () => {
  test('has every default', async () => {
    expect((await plan({ model: 'llama-8b' })).request).toEqual({
      model: 'llama-3.1-8b',
      engine: 'llama.cpp',
      engineVersion: '0.5.0',
      quant: 'Q4_K_M',
      contextTokens: 8192,
      sequences: 1,
      kvTypeK: 'f16',
      kvTypeV: 'f16',
      devices: [{ gpu: null, count: 1 }],
      options: expect.objectContaining({ backend: 'cuda', 'ubatch-size': 512 }),
      imatrix: false,
      allowContextOverflow: false,
    });
  });

  test.each([
    ['maverick', 'llama-4-maverick'],
    ['Llama 4 Maverick', 'llama-4-maverick'],
    ['meta-llama/Llama-4-Maverick-17B-128E-Instruct', 'llama-4-maverick'],
    // A release with a context of its own keeps its name, so that it can be asked again.
    ['meta-llama/Llama-4-Maverick-17B-128E', 'meta-llama/Llama-4-Maverick-17B-128E'],
  ])('names %s as %s', async (asked, named) => {
    expect((await plan({ model: asked })).request.model).toBe(named);
  });

  test('names cards by their id', async () => {
    const answer = await plan({ model: 'llama-8b', devices: [{ gpu: '4090', count: 2 }] });
    expect(answer.request.devices).toEqual([{ gpu: 'rtx-4090', count: 2 }]);
  });

  test('has the context that one sequence gets out of ctx-size', async () => {
    const answer = await plan({ model: 'llama-8b', sequences: 4, options: { 'ctx-size': 20_001 } });
    expect(answer.request).toMatchObject({ contextTokens: 5120, options: { 'ctx-size': 20_001 } });
  });

  test.each([
    ['the whole of one sequence', { contextTokens: 8192, options: { 'ctx-size': 8192 } }],
    ['a quarter of four', { contextTokens: 2048, sequences: 4, options: { 'ctx-size': 8192 } }],
    // 20,001 / 4 = 5,000, which the engine makes 5,120.
    [
      'a quarter before it is rounded',
      { contextTokens: 5000, sequences: 4, options: { 'ctx-size': 20_001 } },
    ],
    ['a quarter after it is rounded', { contextTokens: 5120, sequences: 4, options: { 'ctx-size': 20_001 } }],
    [
      'all of it for each of four in one cache',
      { contextTokens: 8192, sequences: 4, options: { 'ctx-size': 8192, 'kv-unified': true } },
    ],
  ])('may be said beside ctx-size: %s', async (_, request) => {
    await expect(plan({ model: 'llama-8b', ...request })).resolves.toBeDefined();
  });

  test.each([
    { contextTokens: 4096, options: { 'ctx-size': 8192 } },
    { contextTokens: 8192, sequences: 4, options: { 'ctx-size': 8192 } },
    { contextTokens: 2048, sequences: 4, options: { 'ctx-size': 8192, 'kv-unified': true } },
  ])('contradicts another ctx-size: %j', async (request) => {
    await expect(plan({ model: 'llama-8b', ...request })).rejects.toThrow(refusal('contradiction'));
  });

  test('keeps the context that was asked, not the rounded one', async () => {
    expect((await plan({ model: 'llama-8b', contextTokens: 1000 })).request.contextTokens).toBe(1000);
  });
});

describe('the verdict', () => {
  test('is none where nothing has a limit', async () => {
    expect((await plan({ model: 'llama-8b' })).verdict.fits).toBeNull();
  });

  test.each([
    ['rtx-4090', 'llama-8b', true, 'fits'],
    ['rtx-4090', 'llama-70b', false, 'no'],
  ])('of a %s with %s', async (gpu, model, fits, level) => {
    expect((await plan({ model, devices: [{ gpu, count: 1 }] })).verdict).toMatchObject({ fits, level });
  });

  test('is by the memory that was given beside a card’s name', async () => {
    const devices = [{ gpu: 'rtx-4090', count: 1, memoryBytes: 4096 * MIB }];
    const answer = await plan({ model: 'llama-8b', devices });
    expect(answer.memory.devices[0]).toMatchObject({
      gpu: 'rtx-4090',
      capacityBytes: 4096 * MIB,
      usableBytes: 4096 * MIB,
    });
    expect(answer.verdict.fits).toBe(false);
  });

  test('is by memory alone', async () => {
    const answer = await plan({ model: 'llama-8b', devices: [{ memoryBytes: 4096 * MIB, count: 1 }] });
    expect(answer.memory.devices[0]).toMatchObject({ gpu: null, usableBytes: 4096 * MIB });
    expect(answer.verdict.fits).toBe(false);
  });

  test('is by host memory', async () => {
    const answer = await plan({ model: 'llama-8b', devices: [], hostMemoryBytes: 1024 * MIB });
    expect(answer.verdict).toMatchObject({ fits: false, reason: expect.stringMatching(/^host lacks/) });
  });

  test('turns at the total itself', async () => {
    const { memory } = await plan({ model: 'llama-8b' });
    const fits = async (totalBytes: number) =>
      (await plan({ model: 'llama-8b', limits: { totalBytes } })).verdict.fits;
    expect([await fits(memory.totalBytes - 1), await fits(memory.totalBytes)]).toEqual([false, true]);
  });
});

test('headroom is what a card can use less all of its parts', async () => {
  const [card] = (await plan({ model: 'llama-8b', devices: [{ gpu: 'rtx-4090', count: 1 }] })).memory.devices;
  const { capacityBytes, usableBytes } = planner.catalog.findGpu('rtx-4090')!;
  expect(card).toMatchObject({ capacityBytes, usableBytes, headroomBytes: usableBytes - card!.totalBytes });
});

describe('notes', () => {
  test('say what four slots of a server cost a windowed model', async () => {
    // 33,280 cells in place of 8,704, 36 layers, 4,096 bytes: 3,456 MiB.
    const answer = await plan({ model: 'maverick', contextTokens: 131_072 });
    expect(noteOf(answer, 'server-slots')?.args).toEqual({ extraBytes: 3456 * MIB });
  });

  test.each([
    ['a model whose layers all keep everything', { model: 'llama-8b' }],
    ['cli', { model: 'maverick', contextTokens: 131_072, options: { program: 'cli' } }],
    ['two sequences', { model: 'maverick', contextTokens: 131_072, sequences: 2 }],
    ['one cache', { model: 'maverick', contextTokens: 131_072, options: { 'kv-unified': true } }],
    ['slots that were given', { model: 'maverick', contextTokens: 131_072, options: { parallel: 1 } }],
  ])('say nothing of slots with %s', async (_, request) => {
    expect(noteOf(await plan(request), 'server-slots')).toBeUndefined();
  });

  test('say that four slots cost four states', async () => {
    // Qwen3-Next: (24,576 + 524,288) × 4 bytes × 36 layers a sequence, three more.
    expect(noteOf(await plan({ model: 'qwen3-next' }), 'server-slots')?.args).toEqual({
      extraBytes: 3 * 548_864 * 4 * 36,
    });
  });

  test.each([
    ['Q4_K_M', ['quant-alias', 'stock-mix'], { quant: 'q4' }],
    ['the default', ['quant-default', 'stock-mix'], {}],
    ['F16', [], { quant: 'F16' }],
    ['IQ2_M', ['stock-mix', 'needs-imatrix'], { quant: 'IQ2_M' }],
    ['IQ2_M with a matrix', ['stock-mix'], { quant: 'IQ2_M', imatrix: true }],
    ['a file’s size', ['file-size'], { quant: 'Q4_K_M', fileBytes: 5_000_000_000 }],
    ['a processor', ['stock-mix', 'repacking'], { quant: 'Q4_K_M', devices: [] }],
    [
      'a processor without repacking',
      ['stock-mix'],
      { quant: 'Q4_K_M', devices: [], options: { 'no-repack': true } },
    ],
    ['a processor and F16', [], { quant: 'F16', devices: [] }],
    ['another release', ['engine-version', 'stock-mix'], { quant: 'Q4_K_M', engineVersion: '0.6.0' }],
    ['a card with several boards', ['gpu-board'], { quant: 'F16', devices: [{ gpu: 'h100', count: 1 }] }],
    ['one board by its id', [], { quant: 'F16', devices: [{ gpu: 'h100-sxm5-80gb', count: 1 }] }],
    [
      'an estimated card',
      ['gpu-estimated'],
      { quant: 'F16', devices: [{ gpu: 'apple-m4-max-36gb', count: 1 }] },
    ],
  ])('on %s are %j', async (_, codes, request) => {
    expect((await plan({ model: 'llama-8b', ...request })).notes.map(({ code }) => code)).toEqual(codes);
  });
});

describe('a name that is not known', () => {
  test.each([
    [{ model: 'maverik' }, 'unknown-model', { name: 'maverik', near: expect.arrayContaining(['maverick']) }],
    [
      { model: 'llama-8b', quant: 'Q4_K_X' },
      'unknown-quant',
      { name: 'Q4_K_X', near: expect.arrayContaining(['Q4_K_S']) },
    ],
    [
      { model: 'llama-8b', devices: [{ gpu: 'rtx-4091', count: 1 }] },
      'unknown-gpu',
      { name: 'rtx-4091', near: expect.arrayContaining(['rtx-4090']) },
    ],
    [{ model: 'llama-8b', engine: 'llama.cp' }, 'unknown-engine', { name: 'llama.cp', near: ['llama.cpp'] }],
    [
      { model: 'llama-8b', quant: 'AWQ' },
      'unknown-engine',
      { name: 'vllm', format: 'AWQ', nearest: 'Q4_K_M' },
    ],
    [
      { model: 'llama-8b', quant: 'FP8', engine: 'llama.cpp' },
      'unknown-quant',
      { name: 'FP8', nearest: 'Q8_0' },
    ],
    [{ model: 'llama-8b', contextTokens: '8,192' }, 'bad-number', { comma: true }],
  ] as const)('%j', async (request, code, args) => {
    await expect(plan(request as unknown as Request)).rejects.toThrow(refusal(code, args));
  });
});

test.each(['llama.cpp', 'LLAMA.CPP', 'llamacpp', 'gguf'])('%s is the engine llama.cpp', async (engine) => {
  expect((await plan({ model: 'llama-8b', engine })).request.engine).toBe('llama.cpp');
});

test('a mix that the engine cannot make of a model is refused', async () => {
  // Rows of 2,880 are no multiple of 128, and Q1_0 has no fallback.
  await expect(plan({ model: 'gpt-oss-20b', quant: 'Q1_0' })).rejects.toThrow(refusal('engine-refuses'));
});

test('a release with a shorter context is known by its hub id', async () => {
  const most = (await plan({ model: 'meta-llama/Llama-4-Maverick-17B-128E', contextTokens: 'max' })).request
    .contextTokens;
  expect(most).toBe(262_144);
});

test('all cards empty of free memory are an impossible layout', async () => {
  await expect(plan({ model: 'llama-8b', devices: [{ memoryBytes: MIB, count: 2 }] })).rejects.toThrow(
    refusal('impossible-layout'),
  );
});

test('the same request gives the same answer, asked again or of another planner', async () => {
  const request = {
    model: 'maverick',
    quant: 'q4',
    contextTokens: '488k',
    devices: [{ gpu: 'h100', count: 4 }],
  };
  const texts = await Promise.all(
    [planner, planner, createPlanner()].map(async (one) => JSON.stringify(await one.plan(request))),
  );
  expect(new Set(texts).size).toBe(1);
});

test('two requests at once do not mix', async () => {
  const fresh = createPlanner();
  const [one, other] = await Promise.all([
    fresh.plan({ model: 'llama-8b', quant: 'Q8_0' }),
    fresh.plan({ model: 'llama-8b', quant: 'F16' }),
  ]);
  expect([one.disk.fileBytes, other.disk.fileBytes]).toEqual([
    (await plan({ model: 'llama-8b', quant: 'Q8_0' })).disk.fileBytes,
    (await plan({ model: 'llama-8b', quant: 'F16' })).disk.fileBytes,
  ]);
});

describe('explain', () => {
  const REQUESTS: [string, Request][] = [
    ['full attention', { model: 'llama-8b' }],
    ['windows', { model: 'maverick', contextTokens: 131_072, sequences: 2 }],
    [
      'windows in one cache',
      { model: 'gemma-3-27b', contextTokens: 32_768, sequences: 4, options: { 'kv-unified': true } },
    ],
    ['a latent', { model: 'deepseek-v3' }],
    ['states', { model: 'granite-4.0-h-small', sequences: 3 }],
    ['quantised caches of the host', { model: 'qwen3-next', kvTypeK: 'q8_0', kvTypeV: 'q4_0', devices: [] }],
    ['experts that fall back', { model: 'glm-4.5-air', quant: 'Q4_K_M' }],
  ];

  test.each(REQUESTS)('of %s gives the bytes of the plan', async (_, request) => {
    const answer = await plan(request);
    const told = await planner.explain(request);
    const bytesOf = (id: string) =>
      told.filter((line) => line.part === id).reduce((sum, { bytes }) => sum + bytes, 0);
    const caches = part(answer, 'kvCache')?.children ?? [];
    expect(bytesOf('weights')).toBe(answer.disk.fileBytes);
    expect(caches.map(({ id }) => [id, bytesOf(`kvCache.${id}`)])).toEqual(
      caches.map(({ id, bytes }) => [id, bytes]),
    );
    expect(bytesOf('compute')).toBe(part(answer, 'compute')?.bytes);
    expect(bytesOf('output')).toBe(part(answer, 'output')?.bytes);
    expect(bytesOf('runtime')).toBe(part(answer, 'runtime')?.bytes ?? 0);
  });

  test('writes the numbers out', async () => {
    const told = await planner.explain({ model: 'maverick', contextTokens: 131_072 });
    expect(told.map(({ part: id, numbers }) => [id, numbers])).toEqual(
      expect.arrayContaining([
        ['kvCache.fullAttention', '12 × 1 × 131072 × (1024 × f16 + 1024 × f16)'],
        [
          'kvCache.slidingWindow',
          '36 × 1 × 8704 (least of 131072 and 8192 + ubatch 512, in steps of 256) × (1024 × f16 + 1024 × f16)',
        ],
        ['output', '202048 × 1 × 4'],
      ]),
    );
  });

  test('names a source for every formula', async () => {
    const told = await planner.explain({ model: 'qwen3-next' });
    expect(told.map(({ part: id }) => id)).toEqual([
      'weights',
      'kvCache.recurrentState',
      'kvCache.fullAttention',
      'compute',
      'compute.gpu0',
      'compute.host',
      'output',
      'runtime',
    ]);
    expect(told.filter(({ source }) => !source.startsWith('llama.cpp '))).toEqual([]);
  });

  test('takes the size of a given file', async () => {
    const request = { model: 'llama-8b', fileBytes: 5_000_000_000 };
    expect((await planner.explain(request)).find((line) => line.part === 'weights')?.bytes).toBe(
      5_000_000_000,
    );
    expect((await plan(request)).disk.fileBytes).toBe(5_000_000_000);
  });

  test('has the buffers of the very split that is planned', async () => {
    const devices = [
      { gpu: 'rtx-3060', count: 1 },
      { gpu: 'rtx-4090', count: 1 },
    ];
    const request = { model: 'llama-8b', contextTokens: 131_072, devices, options: { program: 'cli' } };
    const told = (await planner.explain(request)).find((line) => line.part === 'compute');
    expect(told?.bytes).toBe(part(await plan(request), 'compute')?.bytes);
  });
});
