import type { Catalog } from './catalog/index.js';
import { gpuNamed } from './catalog/named.js';
import type { Note, PlannedDevice } from './core/request.js';
import type { Candidate } from './core/setups.js';
import { InputError } from './errors.js';
import type { GpuEntry } from './schema/catalog.js';
import type { Engine } from './schema/engine.js';
import type { DeviceRequest, Request } from './schema/request.js';
import { MOST_CARDS } from './units/devices.js';

/**
 * The devices of a request with their names looked up, and what is to be said of them. Left out means one card
 * without a limit.
 *
 * @throws InputError `unknown-gpu`, `no-engine`, `bad-number`
 */
export function devicesOf(
  catalog: Catalog,
  engine: Engine,
  asked: Request['devices'],
): { planned: PlannedDevice[]; notes: Note[] } {
  const notes: Note[] = [];
  const planned = (asked ?? [{ gpu: null, count: 1 }])
    .flatMap(apartFromDisplay)
    .map((device) => plannedDevice({ catalog, engine, notes }, device));
  return { planned, notes };
}

/** Of several cards one drives the screen: it is a device of its own. */
function apartFromDisplay(device: DeviceRequest): DeviceRequest[] {
  if (!('gpu' in device) || !device.display || (device.count ?? 1) === 1) return [device];
  const { display: _, ...others } = device;
  return [
    { ...device, count: 1 },
    { ...others, count: device.count - 1 },
  ];
}

/** A Linux desktop on the card took 1.0 to 1.6 GB (ollama issue 8723; read 2026-11-23): the larger is planned. */
const DISPLAY_BYTES = 1_600_000_000;

interface Lookup {
  readonly catalog: Catalog;
  readonly engine: Engine;
  readonly notes: Note[];
}

function plannedDevice({ catalog, engine, notes }: Lookup, device: DeviceRequest): PlannedDevice {
  const count = device.count ?? 1;
  if (!Number.isSafeInteger(count) || count < 1 || count > MOST_CARDS) {
    throw new InputError('bad-number', {
      what: 'device count',
      text: String(count),
      expected: `1 to ${MOST_CARDS}`,
    });
  }
  if (!('gpu' in device)) {
    const { memoryBytes } = device;
    return {
      gpu: null,
      count,
      capacityBytes: memoryBytes,
      usableBytes: memoryBytes,
      echo: { memoryBytes, count },
    };
  }
  if (device.gpu === null) {
    const { memoryBytes } = device;
    const limit = memoryBytes === undefined ? {} : { capacityBytes: memoryBytes, usableBytes: memoryBytes };
    return {
      gpu: null,
      count,
      ...limit,
      echo: memoryBytes === undefined ? { gpu: null, count } : { memoryBytes, count },
    };
  }
  const entry = gpuNamed(catalog, device.gpu);
  if (!serves(engine, entry)) {
    throw new InputError('no-engine', { engine: engine.name, gpu: entry.name, vendors: engine.vendors });
  }
  if (entry.boards && entry.id !== device.gpu)
    notes.push({ code: 'gpu-board', args: { asked: device.gpu, id: entry.id, boards: entry.boards } });
  if (entry.capacityEstimated) notes.push({ code: 'gpu-estimated', args: { name: entry.name } });
  const memory = cardMemory(entry, device.memoryBytes);
  if (device.display) notes.push({ code: 'display', args: { bytes: DISPLAY_BYTES, id: entry.id } });
  const usableBytes = memory.usableBytes - (device.display ? DISPLAY_BYTES : 0);
  return { ...memory, usableBytes, gpu: entry.id, count, echo: { ...device, gpu: entry.id, count } };
}

/** A total that the engine printed is what a program sees: it replaces both of the catalogue's figures. */
function cardMemory(entry: GpuEntry, memoryBytes: number | undefined) {
  return {
    capacityBytes: memoryBytes ?? entry.capacityBytes,
    usableBytes: memoryBytes ?? entry.usableBytes,
    backend: entry.backend,
    multiprocessors: entry.multiprocessors,
    unified: entry.unified,
  };
}

/** Whether the engine has a backend for a card. */
const serves = ({ vendors }: Engine, { vendor, backend }: GpuEntry): boolean =>
  vendors.includes(vendor) && backend !== undefined;

/** Cards that the engine runs on, as setups may use them. */
export const candidatesOf = ({ gpus }: Catalog, engine: Engine): Candidate[] =>
  gpus.filter((entry) => serves(engine, entry) && !entry.sizes).map(candidateOf);

// Field by field: this runs for every card of the catalogue, and spreading costs milliseconds there.
const candidateOf = (entry: GpuEntry): Candidate => ({
  gpu: entry.id,
  count: 1,
  vendor: entry.vendor,
  segment: entry.segment,
  cardsPerNode: entry.cardsPerNode ?? 1,
  capacityBytes: entry.capacityBytes,
  usableBytes: entry.usableBytes,
  backend: entry.backend,
  multiprocessors: entry.multiprocessors,
  unified: entry.unified,
  priceUsd: entry.priceUsd,
  powerWatts: entry.powerWatts,
  echo: { gpu: entry.id, count: 1 },
});
