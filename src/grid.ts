import type { Plan } from './core/plan.js';
import { InputError } from './errors.js';
import { type Asker, type Planner, planOf } from './planner.js';
import type { DeviceRequest, Request } from './schema/request.js';

/** What a grid runs over: every combination is one row, the last list fastest. */
export interface Grid {
  readonly models: readonly string[];
  readonly quants: readonly (string | undefined)[];
  readonly contexts: readonly (number | 'max' | undefined)[];
  readonly sequences: readonly (number | undefined)[];
  readonly kvTypes: readonly (string | undefined)[];
  /** Each entry is one machine. */
  readonly machines: readonly (readonly DeviceRequest[] | undefined)[];
  /** What every row shares. */
  readonly base: Omit<Request, 'model'>;
}

/** One combination: planned, or refused with the reason. */
export interface GridRow {
  readonly request: Request;
  readonly plan?: Plan;
  readonly error?: InputError;
}

/** More rows than this are a slip of the keyboard. */
const MOST_ROWS = 100_000;

/** How many rows a grid has. */
export const rowsOf = ({ models, quants, contexts, sequences, kvTypes, machines }: Grid): number =>
  models.length * quants.length * contexts.length * sequences.length * kvTypes.length * machines.length;

/**
 * Plans every combination, one at a time. A combination that the engine or the model refuses is a row with the
 * reason; an unknown name ends the run before its first row.
 *
 * @throws InputError `too-many-rows`, and for names that are unknown
 */
export async function* rowsOfGrid(planner: Planner, grid: Grid): AsyncGenerator<GridRow> {
  const count = rowsOf(grid);
  if (count > MOST_ROWS) throw new InputError('too-many-rows', { count, most: MOST_ROWS });
  const askers = new Map<string, Asker>();
  for (const model of grid.models) askers.set(model, await planner.asker(model));
  for (const model of grid.models)
    for (const request of requestsOf(grid, model)) yield rowOf(askers.get(model)!, request);
}

/** What a row may be refused for without ending the run. */
const ROW_ERRORS = new Set([
  'context-too-long',
  'engine-refuses',
  'not-understood',
  'contradiction',
  'impossible-layout',
]);

/** What came out, or why the engine refuses this one of many. @throws what would end any other too */
export function answered<T>(work: () => T): T | InputError {
  try {
    return work();
  } catch (error) {
    if (error instanceof InputError && ROW_ERRORS.has(error.code)) return error;
    throw error;
  }
}

function rowOf(asker: Asker, request: Request): GridRow {
  const plan = answered(() => planOf(asker(request)));
  return plan instanceof InputError ? { request, error: plan } : { request, plan };
}

function* requestsOf(
  { quants, contexts, sequences, kvTypes, machines, base }: Grid,
  model: string,
): Generator<Request> {
  const axes = [
    quants.map((quant) => (quant === undefined ? {} : { quant })),
    contexts.map((contextTokens) => (contextTokens === undefined ? {} : { contextTokens })),
    sequences.map((count) => (count === undefined ? {} : { sequences: count })),
    kvTypes.map((type) => (type === undefined ? {} : { kvTypeK: type, kvTypeV: type })),
    machines.map((devices) => (devices === undefined ? {} : { devices: [...devices] })),
  ];
  for (const chosen of combinations<Partial<Request>>(axes))
    yield Object.assign({ ...base, model }, ...chosen) as Request;
}

function* combinations<T>([first = [], ...others]: readonly (readonly T[])[]): Generator<T[]> {
  for (const value of first) {
    if (others.length === 0) yield [value];
    else for (const rest of combinations(others)) yield [value, ...rest];
  }
}
