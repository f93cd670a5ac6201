import { describe, expect, test } from 'vitest';
import { formatHubRef, isPlainPath, parseHubRef } from '../../../src/importers/hub/ref.js';

describe('a repository of the hub', () => {
  test.each([
    ['Qwen/Qwen3-8B', { id: 'Qwen/Qwen3-8B' }],
    ['Qwen/Qwen3-8B@v1.0', { id: 'Qwen/Qwen3-8B', revision: 'v1.0' }],
    ['a/b@refs/pr/1', { id: 'a/b', revision: 'refs/pr/1' }],
    ['a/b:Q4_K_M', { id: 'a/b', quant: 'Q4_K_M' }],
    ['a/b@main:UD-Q4_K_XL', { id: 'a/b', revision: 'main', quant: 'UD-Q4_K_XL' }],
    ['hf.co/a/b:IQ4_XS', { id: 'a/b', quant: 'IQ4_XS' }],
    ['https://huggingface.co/a/b', { id: 'a/b' }],
    ['a_1/b.c-d', { id: 'a_1/b.c-d' }],
  ])('%s', (text, ref) => {
    expect(parseHubRef(text)).toEqual(ref);
    expect(parseHubRef(formatHubRef(ref))).toEqual(ref);
  });

  test.each([
    ...[
      '',
      'a',
      'a/',
      '/b',
      'a/b/c',
      'a//b',
      '../b',
      'a/..',
      './b',
      'a/b..c',
      'a/b--c',
      '-a/b',
      'a/b-',
      'a/.b',
    ],
    ...[
      'a/b.git',
      'a b/c',
      'a/b\n',
      'a/b@',
      'a/b:',
      'a/b@..',
      'a/b@a/../b',
      'a/b@/x',
      'a/b@x y',
      'a/b:Q4 K',
      'a/b:../x',
    ],
    ...[
      'a/b@main:',
      'C:/x',
      'C:\\x',
      `a/${'b'.repeat(97)}`,
      'ä/b',
      'a/b?x',
      'a/b#x',
      'a/b%2e',
      'http://evil.example/a/b',
    ],
  ])('%j is none', (text) => {
    expect(parseHubRef(text)).toBeUndefined();
  });
});

test.each([
  ['config.json', true],
  ['a/b/c.gguf', true],
  ['..', false],
  ['a/../b', false],
  ['/a', false],
  ['a//b', false],
  ['a\\b', false],
  ['C:x', false],
  ['a\u0000', false],
  ['', false],
])('%j stays below its folder: %s', (path, stays) => {
  expect(isPlainPath(path)).toBe(stays);
});
