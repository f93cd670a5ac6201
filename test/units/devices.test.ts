import { describe, expect, test } from 'vitest';
import { parseDevices } from '../../src/units/devices.js';
import { refusal } from '../refusal.js';

const GIB = 1024 ** 3;

describe('parseDevices', () => {
  test.each([
    ['rtx-4090', { gpu: 'rtx-4090', count: 1 }],
    ['4090', { gpu: '4090', count: 1 }],
    ['2x4090', { gpu: '4090', count: 2 }],
    ['2x rtx-4090', { gpu: 'rtx-4090', count: 2 }],
    ['2 x rtx-4090', { gpu: 'rtx-4090', count: 2 }],
    ['2X4090', { gpu: '4090', count: 2 }],
    ['2×4090', { gpu: '4090', count: 2 }],
    ['2*4090', { gpu: '4090', count: 2 }],
    ['rtx-4090:2', { gpu: 'rtx-4090', count: 2 }],
    [' rtx-4090:2 ', { gpu: 'rtx-4090', count: 2 }],
    ['1024xh100', { gpu: 'h100', count: 1024 }],
    ['RTX 4090', { gpu: 'RTX 4090', count: 1 }],
    // An x inside a name is no count.
    ['mi300x', { gpu: 'mi300x', count: 1 }],
    ['8xmi300x', { gpu: 'mi300x', count: 8 }],
    // A size inside a name is no memory.
    ['a100-80gb', { gpu: 'a100-80gb', count: 1 }],
    ['local', { gpu: 'local', count: 1 }],
    ['any', { gpu: null, count: 1 }],
    ['4xany', { gpu: null, count: 4 }],
    ['ANY:4', { gpu: null, count: 4 }],
    ['24GiB', { memoryBytes: 24 * GIB, count: 1 }],
    ['24g', { memoryBytes: 24 * GIB, count: 1 }],
    ['2x24GiB', { memoryBytes: 24 * GIB, count: 2 }],
    ['2x 24 GiB', { memoryBytes: 24 * GIB, count: 2 }],
    ['24GiB:2', { memoryBytes: 24 * GIB, count: 2 }],
    ['24GB', { memoryBytes: 24_000_000_000, count: 1 }],
    ['22.5GiB', { memoryBytes: 22.5 * GIB, count: 1 }],
  ])('%j', (text, devices) => {
    expect(parseDevices(text)).toEqual(devices);
  });

  test.each(['', ' ', '0x4090', '4090:0', '1025x4090', '4090:1025', '99999999999999999999x4090'])(
    '%j has no right count',
    (text) => {
      expect(() => parseDevices(text)).toThrow(refusal('bad-number', { what: 'gpu', text }));
    },
  );

  test.each(['0GiB', '1.2.3GiB', '2x0g', '99999999TiB'])('%j has no right size', (text) => {
    expect(() => parseDevices(text)).toThrow(refusal('bad-number', { what: 'gpu', expected: 'size' }));
  });
});
