import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatByteRange, formatBytes, GIB, KIB, MIB, parseBytes } from '../../src/units/bytes.js';
import { refusal } from '../refusal.js';

describe('parseBytes', () => {
  test.each([
    ['24GiB', 24 * 1024 ** 3],
    ['24g', 24 * 1024 ** 3],
    ['24G', 24 * 1024 ** 3],
    ['24 gib', 24 * 1024 ** 3],
    [' 24GiB ', 24 * 1024 ** 3],
    ['24GB', 24_000_000_000],
    ['24gb', 24_000_000_000],
    ['1t', 1024 ** 4],
    ['1TiB', 1024 ** 4],
    ['1TB', 1e12],
    ['512MiB', 512 * 1024 ** 2],
    ['512m', 512 * 1024 ** 2],
    ['512MB', 512_000_000],
    ['3KiB', 3072],
    ['3k', 3072],
    ['3kB', 3000],
    ['7B', 7],
    // 22.3 × 1,073,741,824 = 23,944,442,675.2: the nearest whole byte.
    ['22.3GiB', 23_944_442_675],
    ['1_000MiB', 1000 * 1024 ** 2],
  ])('%j is %i bytes', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  test.each([
    '',
    'GiB',
    '24',
    '-24GiB',
    '+24GiB',
    '0GiB',
    '0.4B',
    '1,000GiB',
    '1e3GiB',
    '24 Gi B',
    '24GiBs',
    '24X',
    '.5GiB',
    '1.2.3g',
    '1__0g',
    '_1g',
    '9999999TiB',
    '1e400b',
    'NaNg',
    'Infinityg',
    'constructor',
    '1constructor',
  ])('%j is no size', (text) => {
    expect(() => parseBytes(text)).toThrow(refusal('bad-number', { text, expected: 'size' }));
  });

  test('the error says which flag was wrong', () => {
    expect(() => parseBytes('much', 'max-memory')).toThrow(refusal('bad-number', { what: 'max-memory' }));
  });
});

describe('formatBytes', () => {
  test.each([
    [0, '0 B'],
    [1, '1 B'],
    [1023, '1,023 B'],
    [KIB, '1.0 KiB'],
    [1536, '1.5 KiB'],
    [MIB - 1, '1,024.0 KiB'],
    [MIB, '1.0 MiB'],
    [GIB, '1.0 GiB'],
    // 242,754,060,800 / 1,073,741,824 = 226.08…
    [242_754_060_800, '226.1 GiB'],
    // Terabytes stay in GiB: 2,048 of them.
    [2 * 1024 ** 4, '2,048.0 GiB'],
    [-GIB, '-1.0 GiB'],
  ])('%i bytes are %j', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test('what it writes reads back within half of its last digit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 50 }), (bytes) => {
        const text = formatBytes(bytes);
        const unit = [GIB, MIB, KIB].find((size) => bytes >= size) ?? 1;
        const halfDigit = unit === 1 ? 0 : 0.05 * unit;
        const back = parseBytes(text.replaceAll(',', ''));
        expect(Math.abs(back - bytes)).toBeLessThanOrEqual(halfDigit + 1);
      }),
    );
  });

  test('more bytes never look like fewer', () => {
    const value = (bytes: number) => parseBytes(formatBytes(bytes).replaceAll(',', ''));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 45 }),
        fc.integer({ min: 0, max: 2 ** 45 }),
        (bytes, more) => {
          expect(value(bytes + more)).toBeGreaterThanOrEqual(value(bytes));
        },
      ),
    );
  });
});

describe('formatByteRange', () => {
  test.each([
    ['a unit that both share once', 155_500_000, 182_770_000, '148.3 to 174.3 MiB'],
    ['two units', 512 * MIB, 2 * GIB, '512.0 MiB to 2.0 GiB'],
    ['bytes', 10, 20, '10 to 20 B'],
  ])('says %s', (_, low, high, text) => {
    expect(formatByteRange(low, high)).toBe(text);
  });
});
