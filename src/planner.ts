import { gpuNamed } from './catalog/gpus.js';
import { type Catalog, modelsLike, openCatalog } from './catalog/index.js';
import { nearMisses } from './catalog/names.js';
import { ENGINES, type EngineId, type Explanation, type Replay } from './core/engines/index.js';
import { type Overview, overview } from './core/overview.js';
import { explainPlan, type Plan, type Prepared, plan, prepareModel } from './core/plan.js';
import { chooseQuant } from './core/quant/names.js';
import type { Note, PlannedDevice } from './core/request.js';
import type { Question } from './core/resolve.js';
import type { Candidate } from './core/setups.js';
import { InputError } from './errors.js';
import { looksLikePath, pathExists } from './importers/paths.js';
import type { GpuEntry } from './schema/catalog.js';
import type { Engine } from './schema/engine.js';
import type { Model } from './schema/model.js';
import type { DeviceRequest, Request } from './schema/request.js';
import { parseTokens } from './units/tokens.js';

/** A request with its names looked up and its model prepared: ready for the core. */
export interface Asked {
  readonly prepared: Prepared;
  readonly question: Question;
  readonly model: Model;
  readonly notes: readonly Note[];
}

/** Answers requests from the shipped catalogue; keeps what it prepared. */
export interface Planner {
  readonly catalog: Catalog;
  /** @throws InputError for a name that is not known or a request that is wrong */
  ask(request: Request): Promise<Asked>;
  /** Loads a model once; what comes back answers requests about it at once. @throws InputError as `ask` */
  asker(name: string, options?: Request['options']): Promise<(request: Request) => Asked>;
  /** @throws InputError as `ask`, and where the engine refuses */
  plan(request: Request): Promise<Plan>;
  /** Every formula behind the plan of a request, with its numbers. */
  explain(request: Request): Promise<Explanation[]>;
  /** What a person wants beside a plan: other contexts, hardware that would hold it, what to try next. */
  overview(request: Request, answer: Plan): Promise<Overview>;
  /** A model by name or path. @throws InputError where there is none */
  model(name: string): Promise<Model>;
}

/**
 * A planner over the shipped catalogue. It holds one prepared value for each model and weight format asked.
 *
 * @example (await createPlanner().plan({ model: 'maverick', quant: 'q4', contextTokens: '488k' })).memory.totalBytes
 */
export function createPlanner(catalog: Catalog = openCatalog()): Planner {
  const models = new Map<string, Found>();
  const prepared = new Map<string, Prepared>();
  const engines = new Map<EngineId, Engine>();
  let replay: Replay | undefined;

  // It is a third of the program, and few requests ask for it.
  const loadReplay = async (options: Request['options']): Promise<void> => {
    if (options?.compute === 'replay')
      replay ??= await import('./core/engines/llama-cpp/compute-replay/index.js');
  };

  const find = async (name: string): Promise<Found> => {
    const known = models.get(name) ?? (await findModel(catalog, name));
    models.set(name, known);
    return known;
  };

  const askKnown = ({ spec, name }: Found, request: Request): Asked => {
    const engineId = engineOf(catalog, request.engine);
    const engine = engines.get(engineId) ?? catalog.engine(catalog.findEngine(engineId)!);
    engines.set(engineId, engine);
    const choice = chooseQuant(request.quant, spec, engine);
    if (choice.kind === 'other-engine') throw otherEngine(choice, request.engine);
    const imatrix = request.imatrix ?? false;
    const key = `${request.model}\n${engineId}\n${choice.name.toLowerCase()}\n${imatrix}`;
    const ready =
      prepared.get(key) ?? prepareNow(catalog, { spec, engineId, engine, quant: choice.name, imatrix });
    prepared.set(key, ready);
    const devices = devicesOf(catalog, engine, request.devices);
    return {
      prepared: ready,
      model: spec,
      question: {
        request: { ...request, contextTokens: tokensOf(request.contextTokens) },
        model: spec,
        modelName: name,
        engineId,
        engine,
        quant: ready.forEngine.quant.name,
        devices: devices.planned,
        ...(replay ? { tools: { replay } } : {}),
      },
      notes: [...choice.notes, ...devices.notes],
    };
  };

  const ask = async (request: Request): Promise<Asked> => {
    if (request.options?.compute === 'replay') await loadReplay(request.options);
    return askKnown(models.get(request.model) ?? (await find(request.model)), request);
  };

  return {
    catalog,
    ask,
    asker: async (name, options) => {
      await loadReplay(options);
      const found = await find(name);
      return (request) => askKnown(found, { ...request, model: name });
    },
    model: async (name) => (await find(name)).spec,
    plan: async (request) => {
      const { prepared, question, notes } = await ask(request);
      const answer = plan(prepared, question);
      return { ...answer, notes: [...notes, ...answer.notes] };
    },
    explain: async (request) => {
      const { prepared, question } = await ask(request);
      return explainPlan(prepared, question);
    },
    overview: async (request, answer) => {
      const { prepared, question } = await ask(request);
      return overview(prepared, question, answer, candidatesOf(catalog, question.engine));
    },
  };
}

/** A model, and the name under which it can be asked again. */
interface Found {
  readonly spec: Model;
  readonly name: string;
}

/** In this order: a path by its form, a name of the catalogue, any other path that exists. */
async function findModel(catalog: Catalog, name: string): Promise<Found> {
  const entry = looksLikePath(name) ? undefined : catalog.findModel(name);
  if (entry)
    return { spec: catalog.model(entry, name), name: catalog.isVariant(entry, name) ? name : entry.id };
  if (!looksLikePath(name) && !pathExists(name)) {
    throw new InputError('unknown-model', { name, near: modelsLike(catalog, name) });
  }
  // Only a file of one's own needs its shape checked: the checker is loaded here and nowhere before.
  const { readModelFile } = await import('./handed-in.js');
  return { spec: readModelFile(name, catalog.architecture), name };
}

function engineOf(catalog: Catalog, asked: string | undefined): EngineId {
  const entry = asked === undefined ? undefined : catalog.findEngine(asked);
  const id = asked === undefined ? 'llama.cpp' : entry?.id;
  if (id !== undefined && Object.hasOwn(ENGINES, id)) return id as EngineId;
  throw new InputError('unknown-engine', {
    name: asked!,
    known: Object.keys(ENGINES),
    near: nearMisses(asked!, Object.keys(ENGINES)),
  });
}

/** A format that only serving engines read is their question, unless this engine was asked for by name. */
function otherEngine(
  { name, nearest }: { name: string; nearest: string },
  engine: string | undefined,
): InputError {
  return engine === undefined
    ? new InputError('unknown-engine', { name: 'vllm', format: name, nearest, known: Object.keys(ENGINES) })
    : new InputError('unknown-quant', { name, engine, nearest });
}

function prepareNow(
  catalog: Catalog,
  {
    spec,
    engineId,
    engine,
    quant,
    imatrix,
  }: { spec: Model; engineId: EngineId; engine: Engine; quant: string; imatrix: boolean },
): Prepared {
  const entry = catalog.findQuant(quant);
  if (!entry)
    throw new InputError('unknown-quant', {
      name: quant,
      engine: engine.name,
      near: nearMisses(
        quant,
        catalog.quants.map(({ id }) => id),
      ),
    });
  const { type } = spec.architecture;
  const architectureName = Object.hasOwn(engine.architectures, type) ? engine.architectures[type] : undefined;
  if (!architectureName)
    throw new InputError('not-understood', { field: `architecture.type ${type}`, engine: engine.name });
  return prepareModel({
    model: spec,
    engineId,
    architectureName,
    quant: catalog.quant(entry),
    imatrix,
    engine,
  });
}

function tokensOf(asked: Request['contextTokens']): number | 'max' | undefined {
  return typeof asked === 'string' ? parseTokens(asked) : asked;
}

/** Left out means one card without a limit. */
function devicesOf(
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

const MOST_CARDS = 1024;

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
    ...(entry.backend ? { backend: entry.backend } : {}),
    ...(entry.multiprocessors ? { multiprocessors: entry.multiprocessors } : {}),
    ...(entry.unified ? { unified: true } : {}),
  };
}

/** Whether the engine has a backend for a card. */
const serves = ({ vendors }: Engine, { vendor, backend }: GpuEntry): boolean =>
  vendors.includes(vendor) && backend !== undefined;

/** Cards that the engine runs on, as setups may use them. */
export function candidatesOf({ gpus }: Catalog, engine: Engine): Candidate[] {
  return gpus
    .filter((entry) => serves(engine, entry) && !entry.sizes)
    .map((entry) => ({
      ...cardMemory(entry, undefined),
      gpu: entry.id,
      count: 1,
      vendor: entry.vendor,
      segment: entry.segment,
      cardsPerNode: entry.cardsPerNode ?? 1,
      echo: { gpu: entry.id, count: 1 },
    }));
}
