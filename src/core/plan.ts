import type { Engine } from '../schema/engine.js';
import type { Model } from '../schema/model.js';
import type { HeldWeights, Quant } from '../schema/quant.js';
import type { PlanDocument } from '../schema/result.js';
import { requestEcho } from './echo.js';
import { type Accuracy, type DeviceUse, ENGINES, type EngineId, type Explanation } from './engines/index.js';
import type { LoadedModel } from './engines/llama-cpp/load.js';
import type { PreparedModel } from './engines/llama-cpp/prepare.js';
import type { Estimate } from './estimate.js';
import type { Note } from './request.js';
import { type Question, resolve } from './resolve.js';
import { type ModelParameters, modelParameters } from './tensors/parameters.js';
import { verdictOf } from './verdict.js';

export type Plan = Omit<PlanDocument, 'schemaVersion' | 'kind' | 'generator' | 'id' | 'notes' | 'why'> & {
  readonly notes: readonly Note[];
};

interface ForEngine<T> {
  readonly engineId: EngineId;
  readonly forEngine: T;
  readonly model: {
    readonly id: string;
    readonly name: string;
    readonly parameters: ModelParameters;
  };
  readonly sources: readonly string[];
}

/** A model for one engine: made once, used for many weight formats. */
export type Loaded = ForEngine<LoadedModel>;

/** A model in one weight format for one engine: made once, used for many plans. */
export type Prepared = ForEngine<PreparedModel>;

/** A question with its model prepared. */
export interface Trial {
  readonly prepared: Prepared;
  readonly question: Question;
}

/**
 * Does once what depends only on model and engine.
 *
 * @throws InputError `not-understood` where the engine's rules do not cover the model
 */
export function loadModel(input: {
  model: Model;
  engineId: EngineId;
  architectureName: string;
  engine: Engine;
}): Loaded {
  const { model, engineId, architectureName, engine } = input;
  return {
    engineId,
    forEngine: ENGINES[engineId].load(model, architectureName),
    model: {
      id: model.id,
      name: model.name,
      parameters: modelParameters(model),
    },
    sources: [
      ...model.sources.filter(({ facts }) => facts.includes('architecture')).map(({ from }) => from),
      `${engine.name} v${engine.version}`,
    ],
  };
}

/**
 * Does once what depends on the weight format too.
 *
 * @throws InputError `engine-refuses` where the format cannot be made of this model
 */
export const prepareModel = (loaded: Loaded, quant: Quant | HeldWeights, imatrix: boolean): Prepared => ({
  ...loaded,
  forEngine: ENGINES[loaded.engineId].prepare(loaded.forEngine, quant, imatrix),
});

/**
 * The memory of one deployment: the whole method on one page.
 *
 * All figures are bytes, and the engine's own to the byte but for `runtime`, which is an estimate. `compute` and
 * `runtime` carry a range of what they may really take.
 *
 * @param accuracy `atMost` or `atLeast` for a search: what fits with the one, fits; what does not with the other, does not
 *
 * @throws InputError for a request that contradicts itself or that the engine refuses
 * @example plan(prepared, question).memory.totalBytes
 */
export function plan(prepared: Prepared, question: Question, accuracy: Accuracy = 'exact'): Plan {
  const resolved = resolve(question);
  const engineUse = ENGINES[prepared.engineId].use(prepared.forEngine, resolved.request, accuracy);
  const request = { ...(engineUse.request ?? resolved.request), contextTokens: engineUse.contextTokens };
  const devices = engineUse.devices.map((use) => deviceOf(use, request.hostMemoryBytes));
  const parts = partsOf(engineUse.devices);
  const totalBytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  const marginBytes = question.engine.marginBytes;
  const cards = devices.filter(({ id }) => id !== 'host');
  const onCards = cards.reduce((sum, device) => sum + device.totalBytes, 0);
  const verdict = verdictOf({
    devices,
    totalBytes,
    limits: request.limits,
    marginBytes,
    backend: engineUse.backend,
  });
  return {
    request: requestEcho(request, engineUse.backend),
    model: prepared.model,
    memory: { totalBytes, parts, devices },
    disk: { fileBytes: request.fileBytes ?? prepared.forEngine.fileBytes },
    bounds: {
      lowBytes: partBytes(parts, 'weights') + partBytes(parts, 'kvCache'),
      expectedBytes: totalBytes,
      reservedBytes: cards.length > 0 ? onCards + marginBytes * cards.length : totalBytes,
    },
    verdict,
    notes: [...resolved.notes, ...engineUse.notes],
    sources: [...prepared.sources],
  };
}

/**
 * Every formula behind a plan with its numbers: what `--why` prints.
 *
 * @throws InputError as `plan` does
 */
export function explainPlan(prepared: Prepared, question: Question): Explanation[] {
  const { use, explain } = ENGINES[prepared.engineId];
  const { request } = resolve(question);
  return explain(prepared.forEngine, request, use(prepared.forEngine, request, 'exact'));
}

type Device = Plan['memory']['devices'][number];
type Part = Plan['memory']['parts'][number];

const sumOf = (map: ReadonlyMap<string, number>): number => {
  let sum = 0;
  for (const bytes of map.values()) sum += bytes;
  return sum;
};

function deviceOf(use: DeviceUse, hostMemoryBytes: number | undefined): Device {
  const { id, gpu, compute, output, runtime, projector } = use;
  const parts: Record<string, number> = {
    weights: sumOf(use.weights),
    kvCache: sumOf(use.kvCache),
    compute: compute.bytes,
  };
  if (output > 0) parts.output = output;
  if (projector) parts.projector = projector.bytes;
  if (runtime.bytes > 0) parts.runtime = runtime.bytes;
  let totalBytes = 0;
  for (const part in parts) totalBytes += parts[part]!;
  const device: Device = { id, gpu, parts, totalBytes };
  const { capacityBytes, usableBytes } = use.device ?? {
    capacityBytes: hostMemoryBytes,
    usableBytes: hostMemoryBytes,
  };
  if (use.device) device.node = 0;
  if (runtime.bytes > 0) device.children = { runtime: { context: runtime.bytes } };
  if (capacityBytes !== undefined) device.capacityBytes = capacityBytes;
  if (usableBytes !== undefined) {
    device.usableBytes = usableBytes;
    device.headroomBytes = usableBytes - totalBytes;
  }
  return device;
}

/** Roles and cache kinds in the order in which they are listed everywhere. */
const WEIGHT_ORDER = [
  'embedding',
  'attention',
  'linearAttention',
  'denseFeedForward',
  'routedExperts',
  'sharedExperts',
  'router',
  'norms',
  'head',
  'mtp',
];
const CACHE_ORDER = ['fullAttention', 'slidingWindow', 'latent', 'indexer', 'recurrentState'];

function partsOf(devices: readonly DeviceUse[]): Part[] {
  const weights = together(
    devices.map((device) => device.weights),
    WEIGHT_ORDER,
  );
  const kvCache = together(
    devices.map((device) => device.kvCache),
    CACHE_ORDER,
  );
  const parts = [
    summed('weights', weights),
    summed('kvCache', kvCache),
    ranged(
      'compute',
      devices.map(({ compute }) => compute),
    ),
  ];
  const output = devices.reduce((sum, device) => sum + device.output, 0);
  if (output > 0) parts.push({ id: 'output', bytes: output });
  const projectors = devices.flatMap(({ projector }) => projector ?? []);
  if (projectors.length > 0) parts.push(ranged('projector', projectors));
  const runtime = ranged(
    'runtime',
    devices.map((device) => device.runtime),
  );
  if (runtime.bytes > 0) parts.push(runtime);
  return parts;
}

type Children = NonNullable<Part['children']>;

function together(maps: readonly ReadonlyMap<string, number>[], order: readonly string[]): Children {
  return order.flatMap((id) => {
    const bytes = maps.reduce((sum, map) => sum + (map.get(id) ?? 0), 0);
    return bytes > 0 ? [{ id, bytes }] : [];
  });
}

function summed(id: string, children: Children): Part {
  return { id, bytes: children.reduce((sum, child) => sum + child.bytes, 0), children };
}

function ranged(id: string, estimates: readonly Estimate[]): Part {
  const total = (key: keyof Estimate): number => estimates.reduce((sum, estimate) => sum + estimate[key], 0);
  return { id, bytes: total('bytes'), range: { low: total('low'), high: total('high') } };
}

const partBytes = (parts: readonly Part[], id: string): number =>
  parts.find((part) => part.id === id)?.bytes ?? 0;
