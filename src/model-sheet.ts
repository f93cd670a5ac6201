import { plan } from './core/plan.js';
import { largestContextOf } from './core/resolve.js';
import { type Setup, setups } from './core/setups.js';
import { type Sheet, sheetOf } from './core/sheet.js';
import { withContext } from './core/solve/variations.js';
import { candidatesOf } from './devices.js';
import { InputError } from './errors.js';
import { inUsualQuants, type Planner } from './planner.js';
import type { Model } from './schema/model.js';
import type { Request } from './schema/request.js';

/** The contexts that a sheet shows; a model that holds fewer has its own range. */
const LONG_CONTEXTS = [1024, 499_712, 1_000_448];
const CONTEXTS = [1024, 8192, 32_768];

/** Memory of one weight format at several contexts. */
export interface ContextRow {
  readonly quant: string;
  readonly cells: readonly { readonly contextTokens: number; readonly totalBytes: number }[];
}

/** Everything about one model: its spec, what follows from it, and what would hold it. */
export type ModelSheet = Model &
  Sheet & {
    readonly activePublished?: string;
    readonly familyMembers: readonly string[];
    /** Empty where the engine does not load the model. */
    readonly grid: readonly ContextRow[];
    /** Absent where the engine does not load the model. */
    readonly hardware?: {
      readonly quant: string;
      readonly contextTokens: number;
      readonly setups: readonly Setup[];
    };
    /** What the engine does not understand of it, or says. */
    readonly notPlanned?: string;
  };

/**
 * One model's full sheet.
 *
 * @param request the model, and for the hardware perhaps a weight format and a context
 * @throws InputError for an unknown model
 */
export async function modelSheet(planner: Planner, request: Request): Promise<ModelSheet> {
  const model = await planner.model(request.model);
  const active = model.published?.active;
  return {
    ...model,
    ...sheetOf(model),
    ...(active ? { activePublished: active } : {}),
    familyMembers: familyOf(planner, model),
    // A release in a format of its own is planned in those of the engine.
    ...(await plannedOf(planner, model, model.ownFormat ? { ...request, model: model.id } : request)),
  };
}

/** What needs plans. A model that the engine does not understand has a sheet all the same. */
async function plannedOf(
  planner: Planner,
  model: Model,
  request: Request,
): Promise<Pick<ModelSheet, 'grid' | 'hardware' | 'notPlanned'>> {
  try {
    return {
      grid: await gridOf(planner, model, request.model),
      hardware: await hardwareOf(planner, request),
    };
  } catch (error) {
    if (error instanceof InputError && error.code === 'not-understood')
      return { grid: [], notPlanned: String(error.args.words ?? `${error.args.field} is not understood`) };
    throw error;
  }
}

function familyOf({ catalog }: Planner, { id, family }: Model): string[] {
  return catalog.models
    .filter((other) => family !== undefined && other.family === family && other.id !== id)
    .map((other) => other.id);
}

async function gridOf(planner: Planner, model: Model, name: string): Promise<ContextRow[]> {
  const most = largestContextOf(model);
  const contexts =
    most >= LONG_CONTEXTS.at(-1)! ? LONG_CONTEXTS : [...CONTEXTS.filter((tokens) => tokens < most), most];
  const asker = await planner.asker(name);
  const request = { model: name };
  return inUsualQuants(asker, request, asker(request)).map(({ quant, trial }) => {
    const { prepared, question } = trial();
    const cells = contexts.map((contextTokens) => ({
      contextTokens,
      totalBytes: plan(prepared, withContext(question, contextTokens)).memory.totalBytes,
    }));
    return { quant, cells };
  });
}

async function hardwareOf(planner: Planner, request: Request): Promise<NonNullable<ModelSheet['hardware']>> {
  const { prepared, question } = await planner.ask(request);
  const answer = plan(prepared, question);
  const found = setups(prepared, question, answer, candidatesOf(planner.catalog, question.engine));
  return { quant: question.quant, contextTokens: answer.request.contextTokens, setups: found };
}
