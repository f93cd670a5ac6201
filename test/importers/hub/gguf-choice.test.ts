import { describe, expect, test } from 'vitest';
import { chooseGguf } from '../../../src/importers/hub/gguf-choice.js';
import { refusal } from '../../refusal.js';

const files = (...paths: string[]) => paths.map((path) => ({ path }));

const REPOSITORY = files(
  'README.md',
  'M-BF16/M-BF16-00001-of-00002.gguf',
  'M-BF16/M-BF16-00002-of-00002.gguf',
  'M-IQ4_XS.gguf',
  'M-Q4_K_M.gguf',
  'M-Q4_K_S.gguf',
  'M-Q8_0.gguf',
  'M-UD-Q4_K_M.gguf',
  'M-UD-Q4_K_XL.gguf',
  'mmproj-F16.gguf',
);

describe('the GGUF file that is meant', () => {
  test.each([
    ['Q4_K_M', 'M-Q4_K_M.gguf'],
    ['q8_0', 'M-Q8_0.gguf'],
    ['UD-Q4_K_M', 'M-UD-Q4_K_M.gguf'],
    ['UD-Q4_K_XL', 'M-UD-Q4_K_XL.gguf'],
    ['BF16', 'M-BF16/M-BF16-00001-of-00002.gguf'],
    [undefined, 'M-Q4_K_M.gguf'],
    ['latest', 'M-Q4_K_M.gguf'],
  ])('%s', (quant, path) => {
    expect(chooseGguf(REPOSITORY, quant)?.path).toBe(path);
  });

  test('is the first where none is named and the usual is not there', () => {
    expect(chooseGguf(files('b.Q8_0.gguf', 'c.Q2_K.gguf'))?.path).toBe('b.Q8_0.gguf');
  });

  test('is none in a repository without any', () => {
    expect(chooseGguf(files('model.safetensors'), 'Q4_K_M')).toBeUndefined();
  });

  test('that is not there is refused with those that are', () => {
    const near = ['BF16', 'IQ4_XS', 'Q4_K_M', 'Q4_K_S', 'Q8_0', 'UD-Q4_K_M', 'UD-Q4_K_XL'];
    expect(() => chooseGguf(REPOSITORY, 'Q5_K_M')).toThrow(refusal('unknown-quant', { near }));
    expect(() => chooseGguf(REPOSITORY, 'F16')).toThrow(refusal('unknown-quant'));
  });
});
