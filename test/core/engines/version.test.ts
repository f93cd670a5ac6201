import { expect, test } from 'vitest';
import { readVersion } from '../../../src/core/engines/version.js';
import { refusal } from '../../refusal.js';
import { LLAMA_CPP } from '../toys.js';

test.each([
  [undefined, '0.5.0', []],
  ['0.5.0', '0.5.0', []],
  ['v0.5.0', '0.5.0', []],
  ['0.5', '0.5.0', []],
  [' 0.5.0 ', '0.5.0', []],
  ['0.5.0rc1', '0.5.0', ['version-tail']],
  ['0.5.0.post1', '0.5.0', ['version-tail']],
  ['0.6.0', '0.6.0', ['engine-version']],
  ['0.4.9', '0.4.9', ['engine-version']],
  ['1.0.0rc2', '1.0.0', ['version-tail', 'engine-version']],
  ['b9187', 'b9187', ['engine-version']],
])('%j is read as %s, with notes %j', (asked, version, codes) => {
  const read = readVersion(asked, LLAMA_CPP);
  expect({ version: read.version, codes: read.notes.map(({ code }) => code) }).toEqual({ version, codes });
});

test.each(['', 'latest', 'main', 'b', 'bx1', '5', 'version 0.5', '.5.0', '-1.0'])(
  '%j is no version',
  (asked) => {
    expect(() => readVersion(asked, LLAMA_CPP)).toThrow(
      refusal('unknown-version', { version: asked, known: '0.5.0' }),
    );
  },
);

test('the note on another release names the known one', () => {
  expect(readVersion('0.6.0', LLAMA_CPP).notes).toEqual([
    { code: 'engine-version', args: { asked: '0.6.0', known: '0.5.0', engine: 'llama.cpp' } },
  ]);
});
