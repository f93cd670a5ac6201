import { expect } from 'vitest';

const MOST_MS = 1000;
const MOST_BYTES = 200 * 1024 ** 2;

/**
 * What comes back, checked to take less than a second of the processor and less than 200 MB of memory more.
 * Time on the wall is left to the runner's time-out: it depends on what else the machine does.
 */
export async function bounded<T>(work: () => Promise<T>): Promise<T> {
  const memory = process.memoryUsage.rss();
  const start = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1000).toBeLessThan(MOST_MS);
  expect(process.memoryUsage.rss() - memory).toBeLessThan(MOST_BYTES);
  return result;
}
