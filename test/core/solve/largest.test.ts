import fc from 'fast-check';
import { expect, test } from 'vitest';
import { largest } from '../../../src/core/solve/largest.js';

const limits = fc.record({
  least: fc.integer({ min: -50, max: 50 }),
  count: fc.integer({ min: 0, max: 300 }),
  last: fc.integer({ min: -100, max: 400 }),
  near: fc.option(fc.integer({ min: -100, max: 400 }), { nil: undefined }),
});

test('the last yes is found from wherever one looks first', () =>
  fc.assert(
    fc.property(limits, ({ least, count, last, near }) => {
      const most = least + count;
      const found = largest(least, most, (value) => value <= last, near);
      expect(found).toBe(last < least ? undefined : Math.min(last, most));
    }),
  ));

test.each([
  ['from the answer, two questions', 700, 2],
  ['from the one before it, four', 699, 4],
  ['from both ends, many', undefined, 12],
])('%s', (_, near, questions) => {
  let asked = 0;
  const holds = (value: number) => {
    asked++;
    return value <= 700;
  };
  expect(largest(1, 1000, holds, near)).toBe(700);
  expect(asked).toBe(questions);
});
