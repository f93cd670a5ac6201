import { describe, expect, test } from 'vitest';
import type { Accuracy } from '../../src/core/engines/index.js';
import { plan } from '../../src/core/plan.js';
import { bestSetups, type Candidate, setups } from '../../src/core/setups.js';
import { createPlanner } from '../../src/index.js';

const GIB = 1024 ** 3;

const card = (gpu: string, gib: number, cardsPerNode: number, vendor = 'acme'): Candidate => ({
  gpu,
  vendor,
  segment: 'consumer',
  count: 1,
  cardsPerNode,
  capacityBytes: gib * GIB,
  usableBytes: gib * GIB,
  echo: { gpu, count: 1 },
});

// Llama 3.1 8B at 4 bits and 8k: 4.3 GiB of weights, 1 GiB of cache and two buffers: too much for 4 GiB, not for two of them.
const CANDIDATES = [
  card('large', 24, 8),
  card('small', 4, 8),
  card('middle', 8, 8),
  card('alone', 4, 1, 'other'),
  card('pair', 5, 2, 'third'),
];

const { prepared, question } = await createPlanner().ask({ model: 'llama-8b', quant: 'Q4_K_M' });
const answer = plan(prepared, question);
const named = (found: readonly { gpu: string; count: number }[]) =>
  found.map(({ gpu, count }) => `${count} × ${gpu}`);

describe('setups', () => {
  const found = setups(prepared, question, answer, CANDIDATES);

  test('have the fewest cards of each kind that hold it, least memory first', () => {
    // 8, 8, 10 and 24 GiB; of two with as much, the one with fewer cards.
    expect(named(found)).toEqual(['1 × middle', '2 × small', '2 × pair', '1 × large']);
  });

  test('have no more cards than a machine takes', () => {
    expect(found.some(({ gpu }) => gpu === 'alone')).toBe(false);
  });

  test('say the least headroom of a card, never more than there is, and all usable memory', () => {
    const devices = [{ ...card('small', 4, 8), count: 2 }];
    const least = (accuracy: Accuracy): number => {
      const { memory } = plan(prepared, { ...question, devices }, accuracy);
      return Math.min(...memory.devices.slice(0, 2).map(({ headroomBytes }) => headroomBytes ?? 0));
    };
    expect(found.find(({ gpu }) => gpu === 'small')).toMatchObject({
      headroomBytes: least('atMost'),
      usableBytes: 8 * GIB,
    });
    expect(least('atMost')).toBeLessThanOrEqual(least('exact'));
    expect(least('atMost')).toBeGreaterThan(0.9 * least('exact'));
  });
});

describe('best setups', () => {
  test('are one for each vendor’s segment: the fewest cards, then the least memory', () => {
    expect(named(bestSetups(prepared, question, answer, CANDIDATES))).toEqual(['1 × middle', '2 × pair']);
  });

  test('do not depend on the order of the cards', () => {
    expect(bestSetups(prepared, question, answer, [...CANDIDATES].reverse())).toEqual(
      bestSetups(prepared, question, answer, CANDIDATES),
    );
  });

  test('are none where no cards hold it', () => {
    expect(bestSetups(prepared, question, answer, [card('alone', 4, 1)])).toEqual([]);
  });
});
