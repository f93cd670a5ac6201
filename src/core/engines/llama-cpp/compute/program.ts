import { allocations, cardBytes, type Event } from './allocator.js';
import { free, newFreeList, reset, take } from './free-list.js';
import type { Schedule } from './scheduler.js';
import { asPolynomial, keyOf, type Size, valueOf } from './size.js';
import { bytesOf } from './tensor.js';

const HOST_ALIGNMENT = 32;
const CARD_ALIGNMENT = 128;

interface DeviceProgram {
  readonly steps: Int32Array;
  readonly slots: number;
  readonly alignment: number;
}

/** What a graph takes and gives back on every device, with sizes that wait for the values of a request. */
export interface Program {
  readonly sizes: readonly Size[];
  readonly devices: readonly DeviceProgram[];
  readonly events: readonly Event[];
}

export function compile(plan: Schedule, host: number): Program {
  const events = allocations(plan);
  const sizes: Size[] = [];
  const numbers = new Map<string, number>();
  const devices = Array.from({ length: host + 1 }, (_, device) => {
    const steps: number[] = [];
    let slots = 0;
    for (const event of events) {
      if (event.device !== device) continue;
      slots = Math.max(slots, event.slot + 1);
      if (event.kind === 'free') { steps.push(event.slot, -1); continue; }
      const size = device === host ? bytesOf(event.tensor) : cardBytes(event.tensor);
      const key = keyOf(size);
      if (!numbers.has(key)) { numbers.set(key, sizes.length); sizes.push(asPolynomial(size)); }
      steps.push(event.slot, numbers.get(key)!);
    }
    return { steps: Int32Array.from(steps), slots, alignment: device === host ? HOST_ALIGNMENT : CARD_ALIGNMENT };
  });
  return { sizes, devices, events };
}

export function replay(program: Program, values: Float64Array): number[] {
  const list = newFreeList();
  const bytes = program.sizes.map((size) => valueOf(size, values));
  return program.devices.map(({ steps, slots, alignment }) => {
    reset(list);
    const padded = bytes.map((size) => Math.ceil(size / alignment) * alignment);
    const at = new Float64Array(slots);
    const held = new Float64Array(slots);
    for (let step = 0; step < steps.length; step += 2) {
      const slot = steps[step]!;
      const size = steps[step + 1]!;
      if (size < 0) free(list, at[slot]!, held[slot]!);
      else {
        held[slot] = padded[size]!;
        at[slot] = take(list, padded[size]!);
      }
    }
    return list.most;
  });
}
