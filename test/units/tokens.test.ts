import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatTokens, parseTokens } from '../../src/units/tokens.js';
import { refusal } from '../refusal.js';

describe('parseTokens', () => {
  test.each([
    ['8192', 8192],
    ['1', 1],
    ['1k', 1024],
    ['8K', 8192],
    ['1m', 1_048_576],
    ['1M', 1_048_576],
    // 488 × 1,024 and 977 × 1,024: the labels of the slider.
    ['488k', 499_712],
    ['977k', 1_000_448],
    ['1.5k', 1536],
    ['0.25m', 262_144],
    // 1.3 × 1,024 = 1,331.2: the nearest whole token.
    ['1.3k', 1331],
    ['1_000_000', 1_000_000],
    ['10_0k', 102_400],
    [' 8k ', 8192],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ])('%j is %i tokens', (text, tokens) => {
    expect(parseTokens(text)).toBe(tokens);
  });

  test.each(['max', 'MAX', ' max '])('%j stays a word', (text) => {
    expect(parseTokens(text)).toBe('max');
  });

  test.each([
    '',
    '0',
    '0k',
    '-5',
    '+5',
    '1.5',
    '0.0001k',
    '1e400',
    '1e3',
    'k',
    '8kb',
    '8 k',
    'Infinity',
    'NaN',
    '0x10',
    '１２',
    '9007199254740993',
    '99999999999999999999m',
    '_1',
    '1__0',
    '1_',
    'maximum',
    '--8k',
  ])('%j is no number of tokens', (text) => {
    expect(() => parseTokens(text)).toThrow(
      refusal('bad-number', { what: 'context', text, expected: 'tokens' }),
    );
  });

  test.each(['1,000', '1,000,000', '8,192'])('%j is refused as a list of numbers', (text) => {
    expect(() => parseTokens(text)).toThrow(refusal('bad-number', { comma: true }));
  });

  test.each(['much', '-5', '1;000'])('%j is refused without a word about commas', (text) => {
    expect(() => parseTokens(text)).toThrow(refusal('bad-number', { comma: false }));
  });

  test('the error says which flag was wrong', () => {
    expect(() => parseTokens('much', 'isl')).toThrow(refusal('bad-number', { what: 'isl' }));
  });
});

describe('formatTokens', () => {
  test.each([
    [1, '1'],
    [1000, '1000'],
    [1023, '1023'],
    [1024, '1k'],
    [1536, '1536'],
    [499_712, '488k'],
    [1_000_000, '1000000'],
    [1_048_576, '1m'],
    [1_049_600, '1025k'],
    [10_485_760, '10m'],
  ])('%i tokens are %j', (tokens, text) => {
    expect(formatTokens(tokens)).toBe(text);
  });

  test('what it writes reads back exactly', () => {
    const tokens = fc.oneof(
      fc.integer({ min: 1, max: 2 ** 40 }),
      fc.integer({ min: 1, max: 2 ** 20 }).map((count) => 1024 * count),
    );
    fc.assert(fc.property(tokens, (count) => parseTokens(formatTokens(count)) === count));
  });
});
