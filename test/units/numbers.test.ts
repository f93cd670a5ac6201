import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatCount, grouped } from '../../src/units/numbers.js';

describe('grouped', () => {
  test.each([
    [0, 0, '0'],
    [999, 0, '999'],
    [1000, 0, '1,000'],
    [1234.5, 1, '1,234.5'],
    [1234.56, 1, '1,234.6'],
    [1_234_567, 0, '1,234,567'],
    // No commas behind the point.
    [0.123456, 6, '0.123456'],
    [-1234, 0, '-1,234'],
  ])('%d with %i decimals is %j', (value, decimals, text) => {
    expect(grouped(value, decimals)).toBe(text);
  });

  test('an integer without its commas is the integer', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        expect(Number(grouped(value).replaceAll(',', ''))).toBe(value);
      }),
    );
  });
});

describe('formatCount', () => {
  test.each([
    [999, '999'],
    [9999, '9,999'],
    [10_000, '10.0K'],
    [1_000_000, '1.00M'],
    [1_000_000_000, '1.00B'],
    [1_000_000_000_000, '1.00T'],
    [8_030_261_248, '8.03B'],
    [401_583_781_376, '401.58B'],
    [1_026_408_232_448, '1.03T'],
  ])('%i parameters are %j', (count, text) => {
    expect(formatCount(count)).toBe(text);
  });
});
