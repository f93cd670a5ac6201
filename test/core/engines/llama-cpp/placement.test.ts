import { describe, expect, test } from 'vitest';
import { placeLayers, sharesOf } from '../../../../src/core/engines/llama-cpp/placement.js';
import { refusal } from '../../../refusal.js';
import { preparedToy, resolved, wideToy } from '../../toys.js';

const place = (layers: number, shares: number[], options = {}) =>
  placeLayers(resolved({ options }), preparedToy(wideToy(layers)), shares);

/** `0-17 17-32`: the runs of the cards. */
const runs = (cards: readonly { from: number; to: number }[]): string =>
  cards.map(({ from, to }) => `${from}-${to}`).join(' ');

describe('layers over cards', () => {
  test.each([
    ['one card takes all', 32, [1], '0-32', 0],
    // 33 slots: slot i goes to floor(2i / 33), so 17 to the first.
    ['two equal cards, the output on the last', 32, [1, 1], '0-17 17-32', 1],
    // floor(4i / 33): 9, 8, 8, and 7 with the output.
    ['four equal cards', 32, [1, 1, 1, 1], '0-9 9-17 17-25 25-32', 3],
    // 3 slots, one a card: the last holds the output alone.
    ['three cards for two layers', 2, [1, 1, 1], '0-1 1-2 2-2', 2],
    // floor(8i / 3) = 0, 2, 5: the others stay empty.
    ['eight cards for two layers', 2, new Array(8).fill(1), '0-1 1-1 1-2 2-2 2-2 2-2 2-2 2-2', 5],
    // Slot i is below three quarters while i ≤ 24.
    ['shares of free memory', 32, [24, 8], '0-25 25-32', 1],
    ['a first card without room', 32, [0, 1], '0-0 0-32', 1],
    ['a last card without room', 32, [1, 0], '0-32 32-32', 0],
  ])('%s', (_, layers, shares, cards, outputCard) => {
    const placement = place(layers, shares);
    expect(runs(placement.cards)).toBe(cards);
    expect(placement.outputCard).toBe(outputCard);
    expect(runs([placement.host])).toBe('0-0');
  });

  test('is computed in 32 bits, as the engine does', () => {
    // 6 slots, shares 0.1 and 0.5: in 64 bits 0.1 / 0.6 is above 1 / 6 and the first card would take two.
    expect(runs(place(5, [0.1, 0.5]).cards)).toBe('0-1 1-5');
  });
});

describe('n-gpu-layers', () => {
  test.each([
    // 33 slots, the output is the last of them.
    [0, '0-32', '32-32', undefined],
    [1, '0-32', '32-32', 0],
    [2, '0-31', '31-32', 0],
    [32, '0-1', '1-32', 0],
    [33, '0-0', '0-32', 0],
    [99, '0-0', '0-32', 0],
    ['all', '0-0', '0-32', 0],
    ['auto', '0-0', '0-32', 0],
  ])('%s of 32 layers and the output', (layers, host, card, outputCard) => {
    const placement = place(32, [1], { 'n-gpu-layers': layers });
    expect(runs([placement.host])).toBe(host);
    expect(runs(placement.cards)).toBe(card);
    expect(placement.outputCard).toBe(outputCard);
  });

  test('counts from the last layer, and the cards share what is left', () => {
    // 5 slots from 28: floor(2i / 5) = 0 0 0 1 1.
    const placement = place(32, [1, 1], { 'n-gpu-layers': 5 });
    expect(runs([placement.host, ...placement.cards])).toBe('0-28 28-31 31-32');
  });

  test('means nothing without a card', () => {
    const placement = place(32, [], { 'n-gpu-layers': 10 });
    expect(placement).toMatchObject({ cards: [], host: { from: 0, to: 32 }, outputCard: undefined });
  });
});

test.each([
  [{}, 0],
  [{ 'cpu-moe': true }, 32],
  [{ 'n-cpu-moe': 0 }, 0],
  [{ 'n-cpu-moe': 20 }, 20],
  [{ 'n-cpu-moe': 99 }, 32],
  [{ 'cpu-moe': true, 'n-cpu-moe': 3 }, 32],
])('with %j the experts of %i layers stay on the host', (options, layers) => {
  expect(place(32, [1], options).hostExpertLayers).toBe(layers);
});

describe('shares', () => {
  const shares = (free: number[], options = {}) => sharesOf(resolved({ options }), free);

  test.each([
    ['are free memory where nothing is said', [24, 8], {}, [24, 8]],
    ['are those of tensor-split', [24, 8], { 'tensor-split': '1,3' }, [1, 3]],
    ['may be written with a slash', [24, 8], { 'tensor-split': '1/3' }, [1, 3]],
    ['are 0 for cards that tensor-split leaves out', [1, 1, 1], { 'tensor-split': '2,1' }, [2, 1, 0]],
    ['put all on the first card with split-mode none', [8, 24], { 'split-mode': 'none' }, [1, 0]],
    [
      'of tensor-split do not count with split-mode none',
      [1, 1],
      { 'split-mode': 'none', 'tensor-split': '1,1' },
      [1, 0],
    ],
  ])('%s', (_, free, options, expected) => {
    expect(shares(free, options)).toEqual(expected);
  });

  test('cannot be more than there are cards', () => {
    expect(() => shares([1, 1], { 'tensor-split': '1,1,1' })).toThrow(
      refusal('contradiction', { one: 'tensor-split with 3 shares', other: '2 card(s)' }),
    );
  });
});
