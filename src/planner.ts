import { type Catalog, openCatalog } from './catalog/index.js';
import { quantNamed } from './catalog/named.js';
import { nearMisses } from './catalog/names.js';
import { checkpointNotes } from './checkpoint-notes.js';
import { ENGINES, type EngineId, type Explanation } from './core/engines/index.js';
import { type Overview, overview } from './core/overview.js';
import {
  explainPlan,
  type Loaded,
  loadModel,
  type Plan,
  type Prepared,
  plan,
  prepareModel,
  type Trial,
} from './core/plan.js';
import { chooseQuant, usualQuants } from './core/quant/names.js';
import type { Note } from './core/request.js';
import { candidatesOf, devicesOf } from './devices.js';
import { InputError } from './errors.js';
import { type Found, findModel } from './find-model.js';
import type { HubAccess } from './handed-in.js';
import type { Engine } from './schema/engine.js';
import type { Model } from './schema/model.js';
import type { Request } from './schema/request.js';
import { parseTokens } from './units/tokens.js';

/** A request with its names looked up and its model prepared: ready for the core. */
export interface Asked extends Trial {
  readonly model: Model;
  readonly notes: readonly Note[];
}

/** Answers requests about one model at once. @throws InputError as `planner.ask` */
export type Asker = (request: Request) => Asked;

/** The plan of what was asked, with what looking it up had to say. @throws InputError where the engine refuses */
export function planOf({ prepared, question, notes }: Asked): Plan {
  const answer = plan(prepared, question);
  return { ...answer, notes: [...notes, ...answer.notes] };
}

/** A request in every weight format that people choose among for its model, best first; prepared when asked for. */
export const inUsualQuants = (asker: Asker, request: Request, { question }: Trial) =>
  usualQuants(question).map((quant) => ({ quant, trial: () => asker({ ...request, quant }) }));

/** Answers requests from the shipped catalogue; keeps what it loaded and prepared. */
export interface Planner {
  readonly catalog: Catalog;
  /** @throws InputError for a name that is not known or a request that is wrong */
  ask(request: Request): Promise<Asked>;
  /** Loads a model once; what comes back answers requests about it at once. @throws InputError as `ask` */
  asker(name: string): Promise<Asker>;
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
 * A planner over the shipped catalogue. It holds one loaded value for each model asked, one prepared for each of its formats.
 *
 * @param hub how to ask the hub for models that are not in the catalogue; absent: they are unknown
 * @example (await createPlanner().plan({ model: 'maverick', quant: 'q4', contextTokens: '488k' })).memory.totalBytes
 */
export function createPlanner(catalog: Catalog = openCatalog(), hub?: HubAccess): Planner {
  const models = new Map<string, Found>();
  const loaded = new Map<string, Loaded>();
  const prepared = new Map<string, Prepared>();
  const engines = new Map<EngineId, Engine>();

  const find = async (name: string): Promise<Found> => {
    const known = models.get(name) ?? (await findModel(catalog, name, hub));
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
    const quant = spec.held ? undefined : quantNamed(catalog, choice.name, engine.name);
    const weights = () => spec.held ?? catalog.quant(quant!);
    const format = quant?.id ?? choice.name;
    const load = (): Loaded => {
      const key = `${request.model}\n${engineId}`;
      const known = loaded.get(key) ?? loadNow(spec, engineId, engine);
      loaded.set(key, known);
      return known;
    };
    const ready = (): Prepared => {
      const key = `${request.model}\n${engineId}\n${format}\n${imatrix}`;
      const known = prepared.get(key) ?? prepareModel(load(), weights(), imatrix);
      prepared.set(key, known);
      return known;
    };
    const devices = devicesOf(catalog, engine, request.devices);
    return {
      // Made when a plan needs it: a search over formats asks for more than it plans.
      get prepared() {
        return ready();
      },
      model: spec,
      question: {
        request: { ...request, contextTokens: tokensOf(request.contextTokens) },
        model: spec,
        modelName: name,
        engineId,
        engine,
        quant: format,
        devices: devices.planned,
      },
      notes: [...(spec.importNotes ?? []), ...checkpointNotes(spec), ...choice.notes, ...devices.notes],
    };
  };

  const ask = async (request: Request): Promise<Asked> => askKnown(await find(request.model), request);

  return {
    catalog,
    ask,
    asker: async (name) => {
      const found = await find(name);
      return (request) => askKnown(found, { ...request, model: name });
    },
    model: async (name) => (await find(name)).spec,
    plan: async (request) => planOf(await ask(request)),
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

function loadNow(model: Model, engineId: EngineId, engine: Engine): Loaded {
  const { type } = model.architecture;
  const architectureName = Object.hasOwn(engine.architectures, type) ? engine.architectures[type] : undefined;
  if (!architectureName) throw notPlanned(type, engine);
  return loadModel({ model, engineId, architectureName, engine });
}

/** What the engine does not load is another matter than what nobody wrote the rules for. */
function notPlanned(type: string, { name, version, notLoaded = [] }: Engine): InputError {
  const words = notLoaded.includes(type) ? { words: `unknown model architecture: '${type}'`, version } : {};
  return new InputError('not-understood', { field: `architecture.type ${type}`, engine: name, ...words });
}

function tokensOf(asked: Request['contextTokens']): number | 'max' | undefined {
  return typeof asked === 'string' ? parseTokens(asked) : asked;
}
