import { describe, expect, test } from 'vitest';
import { verdictOf } from '../../src/core/verdict.js';

const MIB = 1024 ** 2;
const MARGIN = 1024 * MIB;

type Facts = Parameters<typeof verdictOf>[0];
type Device = Facts['devices'][number];

/** A device that holds so much, in MiB; without `usable` it has no limit. */
const device = (id: string, total: number, usable?: number, parts: Record<string, number> = {}): Device => ({
  id,
  gpu: null,
  parts: Object.fromEntries(Object.entries(parts).map(([part, mib]) => [part, mib * MIB])),
  totalBytes: total * MIB,
  ...(usable === undefined ? {} : { usableBytes: usable * MIB, headroomBytes: (usable - total) * MIB }),
});

const verdict = (devices: Device[], more: Partial<Facts> = {}) =>
  verdictOf({
    devices,
    totalBytes: devices.reduce((sum, { totalBytes }) => sum + totalBytes, 0),
    limits: undefined,
    marginBytes: MARGIN,
    backend: 'cuda',
    ...more,
  });

test('without a limit there is no verdict', () => {
  expect(verdict([device('gpu0', 5000), device('host', 100)])).toEqual({
    fits: null,
    level: null,
    reason: null,
    engineMessage: null,
  });
});

test('limits that say nothing are none', () => {
  expect(verdict([device('gpu0', 5000)], { limits: {} }).fits).toBeNull();
});

describe('a card', () => {
  test.each([
    ['with more than the margin left', 8000, 10_000, true, 'fits'],
    ['with exactly the margin left', 8976, 10_000, true, 'fits'],
    ['with less than the margin left', 8977, 10_000, true, 'tight'],
    ['with nothing left', 10_000, 10_000, true, 'tight'],
    ['that lacks one MiB', 10_001, 10_000, false, 'no'],
  ])('%s', (_, total, usable, fits, level) => {
    expect(verdict([device('gpu0', total, usable), device('host', 10)])).toMatchObject({ fits, level });
  });

  test('that lacks memory is named with what it lacks', () => {
    expect(verdict([device('gpu0', 1, 10), device('gpu1', 12, 10)]).reason).toBe(
      `gpu1 lacks ${2 * MIB} bytes`,
    );
  });

  test('decides though the others have room', () => {
    expect(verdict([device('gpu0', 1, 100_000), device('gpu1', 12, 10)]).fits).toBe(false);
  });

  test('is tight though the others have room', () => {
    expect(verdict([device('gpu0', 1, 100_000), device('gpu1', 9, 10)]).level).toBe('tight');
  });
});

describe('the host', () => {
  test('needs no margin', () => {
    expect(verdict([device('gpu0', 1, 10_000), device('host', 10, 10)])).toMatchObject({
      fits: true,
      level: 'fits',
    });
  });

  test('that lacks memory decides', () => {
    expect(verdict([device('gpu0', 1, 10_000), device('host', 11, 10)])).toMatchObject({
      fits: false,
      reason: `host lacks ${MIB} bytes`,
      engineMessage: null,
    });
  });
});

describe('a limit on the total', () => {
  const two = [device('gpu0', 60), device('host', 40)];

  test('holds up to itself', () => {
    expect(verdict(two, { limits: { totalBytes: 100 * MIB } })).toMatchObject({
      fits: true,
      level: 'fits',
      reason: null,
    });
  });

  test('is broken above itself', () => {
    expect(verdict(two, { limits: { totalBytes: 100 * MIB - 1 } })).toMatchObject({
      fits: false,
      level: 'no',
      reason: 'the total is 1 bytes over the limit',
    });
  });
});

describe('a limit for each device', () => {
  test('means the cards', () => {
    expect(
      verdict([device('gpu0', 60), device('host', 400)], { limits: { perDeviceBytes: 60 * MIB } }).fits,
    ).toBe(true);
  });

  test('is broken by any card', () => {
    expect(
      verdict([device('gpu0', 60), device('gpu1', 61)], { limits: { perDeviceBytes: 60 * MIB } }).reason,
    ).toBe(`gpu1 is ${MIB} bytes over the limit for a device`);
  });

  test('means the host where there is no card', () => {
    expect(verdict([device('host', 61)], { limits: { perDeviceBytes: 60 * MIB } }).fits).toBe(false);
  });
});

test('a limit counts beside a card that has room', () => {
  expect(verdict([device('gpu0', 60, 100_000)], { limits: { totalBytes: 10 * MIB } }).fits).toBe(false);
});

describe('what the engine prints', () => {
  const full = (parts: Record<string, number>, usable: number, backend = 'cuda', id = 'gpu0') => {
    const total = Object.values(parts).reduce((sum, mib) => sum + mib, 0);
    return verdict([device(id, total, usable, parts)], { backend }).engineMessage;
  };
  const PARTS = { weights: 100, kvCache: 50, compute: 20, runtime: 10 };

  test.each([
    // The runtime comes first; then weights, cache and graph find room or not.
    [109, 'weights', 'allocating 100.00 MiB on device 0: cudaMalloc failed: out of memory'],
    [159, 'the cache', 'allocating 50.00 MiB on device 0: cudaMalloc failed: out of memory'],
    [179, 'the graph', 'allocating 20.00 MiB on device 0: cudaMalloc failed: out of memory'],
  ])('on a card of %i MiB is about %s', (usable, _, message) => {
    expect(full(PARTS, usable)).toBe(message);
  });

  test('names the device by its number', () => {
    expect(full(PARTS, 109, 'cuda', 'gpu3')).toContain('on device 3');
  });

  test('is nothing where all fits', () => {
    expect(full(PARTS, 180)).toBeNull();
  });

  test.each(['rocm', 'metal', 'vulkan'])('is not known for %s', (backend) => {
    expect(full(PARTS, 109, backend)).toBeNull();
  });
});
