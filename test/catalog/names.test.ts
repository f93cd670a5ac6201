import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nearMisses, normalised } from '../../src/catalog/names.js';

test.each([
  ['Llama 4 Maverick', 'llama-4-maverick'],
  ['Q4_K_M', 'q4-k-m'],
  [' RTX  4090 ', 'rtx-4090'],
  ['gpt-oss:20b', 'gpt-oss:20b'],
])('%j is compared as %j', (name, plain) => {
  expect(normalised(name)).toBe(plain);
});

describe('nearMisses', () => {
  const KNOWN = ['maverick', 'llama-4-maverick', 'mixtral', 'scout', 'qwen3-8b', 'qwen3-32b'];

  test.each([
    ['a letter too few', 'maverik', ['maverick']],
    ['a letter too many', 'maverickk', ['maverick']],
    ['another letter', 'mavorick', ['maverick']],
    // One step where two letters change places; `scotu` is as far from nothing else.
    ['two letters in each other’s place', 'scuot', ['scout']],
    ['another letter in a short word', 'scoud', ['scout']],
    ['two steps in a word of six', 'mavrck', ['maverick']],
    ['no two steps in a word of five', 'mxtrl', []],
    ['case', 'MAVERIK', ['maverick']],
    ['nothing that is like it', 'zzzzzz', []],
    ['nothing', '', []],
  ])('finds %s', (_, name, near) => {
    expect(nearMisses(name, KNOWN)).toEqual(near);
  });

  test('puts the name that holds the asked one first', () => {
    expect(nearMisses('maver', KNOWN)).toEqual(['maverick', 'llama-4-maverick']);
  });

  test('takes a name that the asked one holds', () => {
    expect(nearMisses('maverick-instruct', KNOWN)[0]).toBe('maverick');
  });

  test('gives three at most, or as many as asked', () => {
    const many = ['aaaa1', 'aaaa2', 'aaaa3', 'aaaa4'];
    expect(nearMisses('aaaa', many)).toEqual(['aaaa1', 'aaaa2', 'aaaa3']);
    expect(nearMisses('aaaa', many, 1)).toEqual(['aaaa1']);
  });

  test('does not depend on the order of what is known', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(KNOWN, { minLength: KNOWN.length }),
        fc.constantFrom('qwen3', 'maver', 'mixtrol', 'scot'),
        (known, name) => {
          expect(nearMisses(name, known)).toEqual(nearMisses(name, KNOWN));
        },
      ),
    );
  });

  test('finds every known name with one letter left out', () => {
    fc.assert(
      fc.property(fc.constantFrom(...KNOWN), fc.nat(), (name, at) => {
        const cut = name.slice(0, at % name.length) + name.slice((at % name.length) + 1);
        expect(nearMisses(cut, KNOWN, KNOWN.length)).toContain(name);
      }),
    );
  });
});
