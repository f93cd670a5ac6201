import { expect, test } from 'vitest';
import { sheetOf } from '../../src/core/sheet.js';
import { ATTENTION, DENSE, MOE, toy } from './toys.js';

const LOCAL = { ...ATTENTION, kind: 'sliding', window: 4 } as const;

const sheet = sheetOf({
  architecture: toy({ local: LOCAL, global: ATTENTION, dense: DENSE, moe: MOE }, [
    ['local', 'dense'],
    ['local', 'moe'],
    ['global', 'moe'],
  ]),
});

test('a sheet counts the layers that hold each block', () => {
  expect(sheet.layers).toBe(3);
  expect(sheet.mixers.map(({ name, layers }) => [name, layers])).toEqual([
    ['local', 2],
    ['global', 1],
  ]);
  expect(sheet.feedForwards.map(({ name, layers }) => [name, layers])).toEqual([
    ['dense', 1],
    ['moe', 2],
  ]);
});

test('a sheet has no block that no layer holds', () => {
  const architecture = toy({ attention: ATTENTION, dense: DENSE, spare: { ...DENSE } }, [
    ['attention', 'dense'],
  ]);
  expect(sheetOf({ architecture }).feedForwards.map(({ name }) => name)).toEqual(['dense']);
});

test('a sheet says what one more token adds at 16 bits', () => {
  // 4 elements of keys and 4 of values, 2 bytes each: 16 a layer.
  expect(sheet.cacheBytesPerToken).toEqual([
    { part: 'slidingWindow', bytes: 32 },
    { part: 'fullAttention', bytes: 16 },
  ]);
});

test('a sheet has roles that sum to the total', () => {
  const sum = (key: 'total' | 'active') => sheet.byRole.reduce((all, role) => all + role[key], 0);
  expect([sum('total'), sum('active')]).toEqual([sheet.parameters.total, sheet.parameters.active]);
});
