import type { PlanDocument } from '../schema/result.js';
import type { ResolvedRequest } from './request.js';

type Verdict = PlanDocument['verdict'];
type Device = PlanDocument['memory']['devices'][number];

interface Facts {
  readonly devices: readonly Device[];
  readonly totalBytes: number;
  readonly limits: ResolvedRequest['limits'];
  readonly marginBytes: number;
  readonly backend: string;
}

/**
 * Whether a plan fits: every device within what it can use, every limit held.
 *
 * `null` where nothing with a limit was named; `tight` where it fits but a card cannot give the engine's margin.
 *
 * @example verdictOf({ devices, totalBytes, limits: { totalBytes: 300 * 2 ** 30 }, marginBytes, backend: 'cuda' }).fits // true
 */
export function verdictOf({ devices, totalBytes, limits, marginBytes, backend }: Facts): Verdict {
  const limited = devices.filter(({ usableBytes }) => usableBytes !== undefined);
  if (limited.length === 0 && limits?.totalBytes === undefined && limits?.perDeviceBytes === undefined) {
    return { fits: null, level: null, reason: null, engineMessage: null };
  }
  const over = limited.find(({ headroomBytes }) => headroomBytes! < 0);
  const reason = over
    ? `${over.id} lacks ${-over.headroomBytes!} bytes`
    : limitBroken(devices, totalBytes, limits);
  if (reason)
    return { fits: false, level: 'no', reason, engineMessage: over ? engineMessage(over, backend) : null };
  const tight = limited.some(({ id, headroomBytes }) => id !== 'host' && headroomBytes! < marginBytes);
  return { fits: true, level: tight ? 'tight' : 'fits', reason: null, engineMessage: null };
}

function limitBroken(devices: readonly Device[], totalBytes: number, limits: Facts['limits']): string | null {
  if (limits?.totalBytes !== undefined && totalBytes > limits.totalBytes) {
    return `the total is ${totalBytes - limits.totalBytes} bytes over the limit`;
  }
  const most = limits?.perDeviceBytes;
  const over =
    most === undefined ? undefined : limitedDevices(devices).find((device) => device.totalBytes > most);
  return over ? `${over.id} is ${over.totalBytes - most!} bytes over the limit for a device` : null;
}

/** A limit for each device means the cards; without cards, the host. */
function limitedDevices(devices: readonly Device[]): readonly Device[] {
  const cards = devices.filter(({ id }) => id !== 'host');
  return cards.length > 0 ? cards : devices;
}

const MIB = 1024 ** 2;

/** What CUDA prints for the first buffer that finds no room: `ggml-cuda.cu:ggml_backend_cuda_buffer_type_alloc_buffer`. */
function engineMessage({ id, parts, usableBytes }: Device, backend: string): string | null {
  if (backend !== 'cuda' || id === 'host') return null;
  let free = usableBytes! - (parts.runtime ?? 0);
  for (const part of ['weights', 'kvCache', 'compute', 'projector']) {
    const bytes = parts[part] ?? 0;
    if (bytes > free) {
      return `allocating ${(bytes / MIB).toFixed(2)} MiB on device ${id.slice('gpu'.length)}: cudaMalloc failed: out of memory`;
    }
    free -= bytes;
  }
  return null;
}
