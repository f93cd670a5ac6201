import { describe, expect, test } from 'vitest';
import { layoutOf, tensorsOf } from '../../../src/core/tensors/index.js';
import { countParameters, parametersByRole } from '../../../src/core/tensors/parameters.js';
import type { Architecture } from '../../../src/schema/model.js';
import { ATTENTION, DELTA_NET, DENSE, LATENT, MAMBA2, MOE, TWO_LAYERS, toy } from '../toys.js';

const count = (architecture: Architecture) => countParameters(layoutOf(architecture));
const roles = (architecture: Architecture) => Object.fromEntries(parametersByRole(tensorsOf(architecture)));

// Table 10 × 8, head 10 × 8, last norm 8.
const OUTSIDE = 168;
// Queries and output 8 × 8, keys and values 4 × 8: 64 + 64 + 32 + 32.
const ATTENTION_COUNT = 192;
// Gate, up and down: 3 × 16 × 8.
const DENSE_COUNT = 384;
// One norm in front of each block.
const NORM = 8;

describe('countParameters', () => {
  test('counts two dense layers', () => {
    // 168 + 2 × (8 + 192 + 8 + 384)
    const total = OUTSIDE + 2 * (NORM + ATTENTION_COUNT + NORM + DENSE_COUNT);
    expect(total).toBe(1352);
    expect(count(TWO_LAYERS)).toEqual({ total, text: total, active: total, mtp: 0 });
  });

  test('counts tied embeddings once', () => {
    expect(count({ ...TWO_LAYERS, tiedEmbeddings: true }).total).toBe(1352 - 80);
  });

  test.each([
    // 6 × 8 + 6 + 10 × 6 + 6 × 8 + 4 + 16 × 4 + 8 × 10
    ['latent attention', LATENT, 310],
    // 52 × 8 + 8 × 8 + 32 × 4 + 4 + 4 + 5 + 8 × 20
    ['a gated delta net', DELTA_NET, 781],
    // 48 × 8 + 32 × 4 + 32 + 4 + 4 + 4 + 12 + 8 × 12
    ['Mamba-2', MAMBA2, 664],
  ] as const)('counts %s', (_, block, own) => {
    expect(count(toy({ block }, [['block']])).total).toBe(OUTSIDE + NORM + own);
  });

  describe('of a mixture of experts', () => {
    const shared = { intermediateSize: 6, gate: true } as const;
    const model = toy({ attention: ATTENTION, moe: { ...MOE, shared, routerCorrection: true } }, [
      ['attention', 'moe'],
    ]);
    // Router 4 × 8, shared expert 3 × 6 × 8, its gate 8.
    const forAll = OUTSIDE + NORM + ATTENTION_COUNT + NORM + 32 + 144 + 8;

    test('takes all four experts for the total', () => {
      // 4 × 3 × 4 × 8
      expect(count(model).total).toBe(forAll + 384);
    });

    test('takes the two that a token visits for the active ones', () => {
      // 2 × 3 × 4 × 8
      expect(count(model).active).toBe(forAll + 192);
    });

    test('leaves out the correction of the router: it is a buffer', () => {
      const without = toy({ attention: ATTENTION, moe: { ...MOE, shared } }, [['attention', 'moe']]);
      expect(count(model)).toEqual(count(without));
    });

    test('takes the share of the biases too', () => {
      const biased = count(toy({ moe: { ...MOE, bias: true } }, [['moe']]));
      const plain = count(toy({ moe: MOE }, [['moe']]));
      // One expert has 4 + 4 + 8 biases; the router 4.
      expect(biased.total - plain.total).toBe(4 * 16 + 4);
      expect(biased.active - plain.active).toBe(2 * 16 + 4);
    });
  });

  test('keeps modules for further tokens apart', () => {
    const model: Architecture = {
      ...TWO_LAYERS,
      mtp: { modules: 2, layer: ['attention', 'dense'], ownEmbedding: true },
    };
    // A layer of 592, a projection 8 × 16, three norms, a table and a head: for each of two modules.
    expect(count(model)).toEqual({ total: 1352, text: 1352, active: 1352, mtp: 2 * (592 + 128 + 24 + 160) });
  });

  test('takes a vision tower in the total and not in the text', () => {
    const vision = {
      layers: 2,
      hiddenSize: 6,
      intermediateSize: 12,
      heads: 2,
      imageSize: 8,
      patchSize: 4,
      projector: [[6, 8]] as [number, number][],
    };
    // Patches 6 × 48, positions 4 × 6, last norm 12; a layer: 4 × (36 + 6) + (72 + 12) + (72 + 6) + 24; projector 48.
    const tower = 288 + 24 + 12 + 2 * (168 + 84 + 78 + 24) + 48;
    expect(count({ ...TWO_LAYERS, vision })).toEqual({
      total: 1352 + tower,
      text: 1352,
      active: 1352,
      mtp: 0,
    });
  });
});

describe('parametersByRole', () => {
  test('puts every parameter of a mixture in one role', () => {
    const shared = { intermediateSize: 6 };
    const model = toy({ attention: ATTENTION, dense: DENSE, moe: { ...MOE, shared } }, [
      ['attention', 'dense'],
      ['attention', 'moe'],
    ]);
    const all = (total: number, active = total) => ({ total, active });
    expect(roles(model)).toEqual({
      embedding: all(80),
      attention: all(2 * ATTENTION_COUNT),
      denseFeedForward: all(DENSE_COUNT),
      routedExperts: all(384, 192),
      sharedExperts: all(144),
      router: all(32),
      // Two a layer, and the last.
      norms: all(5 * NORM),
      head: all(80),
    });
  });

  test('calls recurrent mixers linear attention', () => {
    expect(roles(toy({ net: DELTA_NET, mamba: MAMBA2 }, [['net'], ['mamba']])).linearAttention).toEqual({
      total: 781 + 664,
      active: 781 + 664,
    });
  });
});
