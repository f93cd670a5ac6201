import { describe, expect, test } from 'vitest';
import { llamaCpp } from '../../../../src/core/engines/llama-cpp/index.js';
import type { PlannedDevice, ResolvedRequest } from '../../../../src/core/request.js';
import type { Architecture } from '../../../../src/schema/model.js';
import { refusal } from '../../../refusal.js';
import { cards, preparedToy, resolved, wideToy } from '../../toys.js';

const GIB = 1024 ** 3;

// As in prepare.test.ts: 16-bit matrices and norms in floats.
const LAYER = 1_181_696;
const TABLE = 512_000;
const LAST_NORM = 1024;

const use = (architecture: Architecture, request: Partial<ResolvedRequest> = {}, family = 'llama') =>
  llamaCpp.use(preparedToy(architecture, { family }), resolved(request), 'exact').devices;

const weightsOf = (devices: ReturnType<typeof use>) =>
  Object.fromEntries(
    devices.map(({ id, weights }) => [id, [...weights.values()].reduce((sum, bytes) => sum + bytes, 0)]),
  );

describe('weights', () => {
  test('lie on the host where there is no card', () => {
    expect(weightsOf(use(wideToy(4)))).toEqual({ host: 4 * LAYER + 2 * TABLE + LAST_NORM });
  });

  test('lie on the card but for the table', () => {
    expect(weightsOf(use(wideToy(4), { devices: cards(1) }))).toEqual({
      gpu0: 4 * LAYER + TABLE + LAST_NORM,
      host: TABLE,
    });
  });

  test('are split by layers', () => {
    // 5 slots: 3 layers, then 1 layer and the output.
    expect(weightsOf(use(wideToy(4), { devices: cards(2) }))).toEqual({
      gpu0: 3 * LAYER,
      gpu1: LAYER + TABLE + LAST_NORM,
      host: TABLE,
    });
  });

  test('of a tied model are there twice: the table on the host, and as a head on the last card', () => {
    expect(weightsOf(use(wideToy(4, { tiedEmbeddings: true }), { devices: cards(1) }))).toEqual({
      gpu0: 4 * LAYER + TABLE + LAST_NORM,
      host: TABLE,
    });
  });

  test('of a tied model are there once without a card', () => {
    expect(weightsOf(use(wideToy(4, { tiedEmbeddings: true })))).toEqual({
      host: 4 * LAYER + TABLE + LAST_NORM,
    });
  });

  test('follow n-gpu-layers: one is the output alone', () => {
    const devices = use(wideToy(4), { devices: cards(1), options: { 'n-gpu-layers': 1 } });
    expect(weightsOf(devices)).toEqual({ gpu0: TABLE + LAST_NORM, host: 4 * LAYER + TABLE });
  });

  test('all stay on the host with n-gpu-layers 0', () => {
    const devices = use(wideToy(4), { devices: cards(1), options: { 'n-gpu-layers': 0 } });
    expect(weightsOf(devices)).toEqual({ gpu0: 0, host: 4 * LAYER + 2 * TABLE + LAST_NORM });
  });

  test('of rope factors are on every device with layers', () => {
    const llama3 = wideToy(2, { rope: { theta: 5e5, scaling: { kind: 'llama3', factor: 8 } } });
    // Three slots on four cards: floor(4i / 3) = 0, 1, 2. Two cards with a layer, one with the output, one empty. 64 factors.
    expect(weightsOf(use(llama3, { devices: cards(4) }))).toEqual({
      gpu0: LAYER + 256,
      gpu1: LAYER + 256,
      gpu2: TABLE + LAST_NORM,
      gpu3: 0,
      host: TABLE,
    });
  });

  test('take the bytes of a given file, the mix giving the proportions', () => {
    const whole = 4 * LAYER + 2 * TABLE + LAST_NORM;
    expect(weightsOf(use(wideToy(4), { devices: cards(1), fileBytes: 2 * whole }))).toEqual({
      gpu0: 2 * (4 * LAYER + TABLE + LAST_NORM),
      host: 2 * TABLE,
    });
  });
});

describe('experts on the host', () => {
  const moe = wideToy(0, {
    blocks: {
      attention: { kind: 'full', heads: 2, kvHeads: 1, headDim: 128 },
      moe: {
        kind: 'moe',
        experts: 4,
        activeExperts: 2,
        intermediateSize: 512,
        shared: { intermediateSize: 512 },
      },
    },
    layers: [{ repeat: 3, pattern: [['attention', 'moe']] }],
  });
  // 4 experts of 3 × 512 × 256 in 16 bits.
  const EXPERTS = 3_145_728;
  const expertsOf = (options: Record<string, number | boolean>) =>
    use(moe, { devices: cards(1), options }, 'granitemoe').map(
      ({ weights }) => weights.get('routedExperts') ?? 0,
    );

  test.each([
    [{}, 3, 0],
    [{ 'cpu-moe': true }, 0, 3],
    [{ 'n-cpu-moe': 1 }, 2, 1],
    [{ 'n-cpu-moe': 2, 'n-gpu-layers': 2 }, 1, 2],
    [{ 'n-gpu-layers': 2 }, 1, 2],
  ])('with %j: %i layers on the card, %i not', (options, onCard, onHost) => {
    expect(expertsOf(options)).toEqual([onCard * EXPERTS, onHost * EXPERTS]);
  });

  test('leave the shared expert, router and attention on the card', () => {
    const host = use(moe, { devices: cards(1), options: { 'cpu-moe': true } }, 'granitemoe').at(-1);
    expect([...host!.weights.keys()]).toEqual(['embedding', 'routedExperts']);
  });
});

test('the cache follows its layers', () => {
  // 512 bytes a cell, 8,192 cells: 4 MiB a layer; 3 layers and 1.
  const devices = use(wideToy(4), { devices: cards(2) });
  expect(devices.map(({ kvCache }) => kvCache.get('fullAttention') ?? 0)).toEqual([
    3 * 4_194_304,
    4_194_304,
    0,
  ]);
});

test('logits are a float for each word and sequence, on the host', () => {
  const devices = use(wideToy(1, { paddingRows: 100 }), { devices: cards(1), sequences: 3 });
  expect(devices.map(({ output }) => output)).toEqual([0, 4 * 900 * 3]);
});

test('free memory decides the split of cards with a limit', () => {
  const card = (gib: number): PlannedDevice => ({
    gpu: null,
    count: 1,
    capacityBytes: gib * GIB,
    usableBytes: gib * GIB,
    echo: { memoryBytes: gib * GIB, count: 1 },
  });
  const runtime = 400 * 1024 ** 2;
  // The context of 400 MiB comes off first: shares 23.6 and 7.6 of 33 slots; 33 × 23.6 / 31.2 = 24.97, so 25 slots.
  const devices = use(wideToy(32), { devices: [card(24), card(8)] });
  expect(devices.map(({ runtime }) => runtime.bytes)).toEqual([runtime, runtime, 0]);
  expect(weightsOf(devices)).toMatchObject({ gpu0: 25 * LAYER, gpu1: 7 * LAYER + TABLE + LAST_NORM });
});

test('experts that are clamped hold two of three, where gate and up make a new tensor', () => {
  const experts = (clamped?: true) =>
    wideToy(4, {
      blocks: {
        attention: {
          kind: 'full',
          heads: 2,
          kvHeads: 1,
          headDim: 128,
          qkNorm: 'head',
          outputGate: 'head',
        },
        dense: {
          kind: 'moe',
          experts: 8,
          activeExperts: 4,
          intermediateSize: 512,
          routerCorrection: true,
          shared: { intermediateSize: 512 },
          clamped,
        },
      },
    });
  const [plain, clamped] = [undefined, true as const].map(
    (is) => use(experts(is), { options: { 'ubatch-size': 32 } }, 'step35').at(-1)!.compute.bytes,
  );
  // As wide as all visited experts, for 32 tokens.
  expect(plain! - clamped!).toBe(4 * 512 * 32 * 4);
});

describe('the runtime', () => {
  const MIB = 1024 ** 2;
  const runtimeOf = (more: Partial<PlannedDevice>, options = {}) =>
    use(wideToy(1), {
      devices: [{ gpu: 'card', count: 1, echo: { gpu: 'card', count: 1 }, ...more }],
      options,
    })[0]!.runtime.bytes / MIB;

  test.each([
    // 3.1 MiB for each of 128 multiprocessors.
    ['grows with the multiprocessors', { backend: 'cuda', multiprocessors: 128 }, 396.8],
    ['is a middle figure where they are not known', {}, 400],
    ['is the same figure for other drivers', { backend: 'rocm', multiprocessors: 128 }, 400],
    ['is nothing on Metal', { backend: 'metal' }, 0],
  ])('%s', (_, card, mib) => {
    expect(runtimeOf(card)).toBeCloseTo(mib, 5);
  });
});

test.each([
  ['cpu', [], {}],
  ['cuda', cards(1), {}],
  ['metal', [{ gpu: 'apple', count: 1, backend: 'metal', echo: { gpu: 'apple', count: 1 } }], {}],
  ['vulkan', cards(1), { backend: 'vulkan' }],
])('the backend is %s', (backend, devices, options) => {
  expect(llamaCpp.use(preparedToy(wideToy(1)), resolved({ devices, options }), 'exact').backend).toBe(
    backend,
  );
});

test('only CUDA pads rows', () => {
  const prepared = preparedToy(wideToy(1), { quant: 'Q8_0' });
  const onCard = (backend: string) =>
    [
      ...llamaCpp
        .use(prepared, resolved({ devices: cards(1), options: { backend } }), 'exact')
        .devices[0]!.weights.values(),
    ].reduce((sum, bytes) => sum + bytes, 0);
  // Rows of 256 lack 256 elements: 8 blocks of 34 bytes, 272 → 384 in steps of 128 (the sizes are multiples of 128 already).
  // Queries, keys, values, output, gate, up and the head; down has rows of 512.
  expect(onCard('cuda') - onCard('vulkan')).toBe(7 * 384);
});

describe('a vision projector', () => {
  const vision = {
    layers: 2,
    hiddenSize: 8,
    intermediateSize: 16,
    heads: 2,
    imageSize: 8,
    patchSize: 4,
    projector: [[8, 256] as [number, number]],
  };
  const seeing = wideToy(2, { vision });

  test('lies whole on the first card, with a graph for one image', () => {
    const devices = use(seeing, { devices: cards(2), options: { mmproj: true } });
    // Matrices: patches 8 × 48, two layers of four 8 × 8 and two 8 × 16, projector 8 × 256; in 16 bits.
    const matrices = 384 + 2 * (4 * 64 + 2 * 128) + 2048;
    // Table of 4 positions, the last norm, and in each layer biases of 4 × 8 + 16 + 8 and two norms; in floats.
    const vectors = 32 + 16 + 2 * (32 + 24 + 32);
    const low = 2 * matrices + 4 * vectors;
    const graph = 4 * 4 * (3 * 16 + 4 * 8);
    expect(devices.map(({ projector }) => projector)).toEqual([
      { bytes: low + graph, low, high: low + graph + 4 * 2 * 16 },
      undefined,
      undefined,
    ]);
  });

  test('is on the host without a card, and nowhere unless it is asked for', () => {
    expect(use(seeing, { options: { mmproj: true } })[0]!.projector).toBeDefined();
    expect(use(seeing, { devices: cards(1) })[0]!.projector).toBeUndefined();
  });

  test('is refused where the model sees nothing', () => {
    expect(() => use(wideToy(2), { options: { mmproj: true } })).toThrow(refusal('contradiction'));
  });
});
