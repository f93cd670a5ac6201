import { describe, expect, test } from 'vitest';
import { OPTIONS, readOptions } from '../../../../src/core/engines/llama-cpp/options.js';
import type { OptionValue } from '../../../../src/schema/request.js';
import { refusal } from '../../../refusal.js';

const read = (name: string, value: OptionValue) => readOptions({ [name]: value })[name];

describe('readOptions', () => {
  test.each([
    ['ubatch-size', 2048, 2048],
    ['ubatch-size', '2048', 2048],
    ['n-cpu-moe', 0, 0],
    ['n-gpu-layers', 'all', 'all'],
    ['n-gpu-layers', '20', 20],
    ['parallel', 'auto', 'auto'],
    ['parallel', '4', 4],
    ['swa-full', true, true],
    ['swa-full', 'true', true],
    ['swa-full', false, false],
    ['swa-full', 'false', false],
    ['flash-attn', 'off', 'off'],
    ['program', 'cli', 'cli'],
    ['tensor-split', '3,1', '3,1'],
    ['tensor-split', '3/1', '3/1'],
    ['tensor-split', '0,1', '0,1'],
    ['tensor-split', '0.5,0.25', '0.5,0.25'],
    ['tensor-split', 3, '3'],
  ])('%s %j is %j', (name, given, value) => {
    expect(read(name, given)).toBe(value);
  });

  test.each([
    ['ubatch-size', 0],
    ['ubatch-size', -1],
    ['ubatch-size', 1.5],
    ['ubatch-size', '1e3'],
    ['ubatch-size', ''],
    ['ubatch-size', true],
    ['ubatch-size', null],
    ['ubatch-size', '99999999999999999999'],
    ['n-gpu-layers', -1],
    ['n-gpu-layers', 'some'],
    ['parallel', 0],
    ['swa-full', 1],
    ['swa-full', ''],
    ['swa-full', 'yes'],
    ['swa-full', null],
    ['flash-attn', true],
    ['flash-attn', 'OFF'],
    ['program', 'bench'],
    ['backend', 'opencl'],
    ['fit', 'maybe'],
    ['tensor-split', ''],
    ['tensor-split', '0,0'],
    ['tensor-split', '-1,2'],
    ['tensor-split', 'a,b'],
    ['tensor-split', '1;2'],
    ['tensor-split', null],
  ])('%s %j is refused', (name, value) => {
    expect(() => read(name, value)).toThrow(
      refusal('bad-number', { what: `option ${name}`, text: String(value) }),
    );
  });

  test('a name may carry its dashes', () => {
    expect(readOptions({ '--ubatch-size': 256, '-swa-full': true })).toEqual({
      'ubatch-size': 256,
      'swa-full': true,
    });
  });

  test.each(['ubatch', 'Ubatch-Size', 'constructor', '__proto__', ''])('%j is no option', (name) => {
    const given = JSON.parse(`{"${name}": true}`);
    expect(() => readOptions(given)).toThrow(
      refusal('unknown-option', { name, known: Object.keys(OPTIONS) }),
    );
    expect(() => readOptions(given)).not.toThrow(refusal('unknown-option', { notPlanned: true }));
  });

  test.each([
    ['main-gpu', 1, 'main-gpu'],
    ['control-vector', 'a.gguf', 'control-vector'],
    ['lora', 'a.gguf', 'lora'],
    ['model-draft', 'a.gguf', 'model-draft'],
    ['--rpc', 'host:1', 'rpc'],
    ['split-mode', 'row', 'split-mode=row'],
    ['split-mode', 'tensor', 'split-mode=tensor'],
  ])('%s %j is known and not planned', (given, value, name) => {
    expect(() => readOptions({ [given]: value })).toThrow(
      refusal('unknown-option', { name, notPlanned: true }),
    );
  });
});

test('what holds where nothing is said is what the contract says', () => {
  const standards = Object.fromEntries(
    Object.entries(OPTIONS).flatMap(([name, { standard }]) =>
      standard === undefined ? [] : [[name, standard]],
    ),
  );
  expect(standards).toEqual({
    'kv-unified': false,
    'batch-size': 2048,
    'ubatch-size': 512,
    'flash-attn': 'auto',
    'swa-full': false,
    'n-gpu-layers': 'all',
    'split-mode': 'layer',
    'cpu-moe': false,
    'no-repack': false,
    mmproj: false,
    program: 'server',
    fit: 'off',
  });
});

test('every standard is a value that the option takes', () => {
  for (const [name, { standard }] of Object.entries(OPTIONS)) {
    if (standard !== undefined) expect(read(name, standard)).toBe(standard);
  }
});
