import { type Fit, whatFits } from './core/fit.js';
import { type Plan, type Prepared, plan } from './core/plan.js';
import { usualQuants } from './core/quant/names.js';
import type { Question } from './core/resolve.js';
import { largestContext } from './core/solve/context.js';
import { holdsFor } from './core/solve/holds.js';
import { largest } from './core/solve/largest.js';
import { withContext } from './core/solve/variations.js';
import { candidatesOf } from './devices.js';
import { InputError } from './errors.js';
import { answered } from './grid.js';
import { type Asker, inUsualQuants, type Planner } from './planner.js';
import type { Request } from './schema/request.js';

/**
 * What given hardware carries of one model.
 *
 * @throws InputError `no-hardware` where none with a limit is named, and as `planner.ask`
 */
export async function fitModel(planner: Planner, request: Request): Promise<Fit> {
  refuseNoLimit(request);
  const asker = await planner.asker(request.model);
  const trial = asker(request);
  return whatFits({
    trial,
    quantAsked: request.quant !== undefined,
    inQuants: inUsualQuants(asker, request, trial),
    candidates: candidatesOf(planner.catalog, trial.question.engine),
  });
}

function refuseNoLimit({ devices, hostMemoryBytes, limits }: Request): void {
  const limited =
    devices?.some((device) => !('gpu' in device) || device.gpu !== null) || hostMemoryBytes || limits;
  if (!limited) throw new InputError('no-hardware');
}

/** A model of the catalogue at the best format that hardware carries, or why it carries none. */
export interface Runnable {
  readonly model: string;
  readonly totalParameters: number;
  readonly plan?: Plan;
  /** Largest context at that format, tokens. */
  readonly maxContextTokens?: number;
  /** What the smallest format lacks at least, bytes: compute buffers count only where the rest fits. */
  readonly lackingBytes?: number;
  /** Why the engine does not plan it. */
  readonly error?: InputError;
}

/**
 * Which models of the catalogue run on given hardware, each at its best format for the asked context and then
 * at its largest context; the largest models first, then what does not run.
 *
 * @throws InputError `no-hardware`
 */
export async function fitCatalogue(planner: Planner, request: Omit<Request, 'model'>): Promise<Runnable[]> {
  refuseNoLimit({ ...request, model: '' });
  const rows: Runnable[] = [];
  // Models of like size run in like formats.
  let near: string | undefined;
  const largestFirst = planner.catalog.models.toSorted((a, b) => b.totalParameters - a.totalParameters);
  for (const { id, totalParameters } of largestFirst) {
    const asker = await planner.asker(id);
    const best = answered(() => bestOf(asker, { ...request, model: id }, near));
    rows.push({ model: id, totalParameters, ...(best instanceof InputError ? { error: best } : best) });
    if (!(best instanceof InputError) && best.plan) near = best.plan.request.quant;
  }
  return rows.sort((a, b) => Number(b.plan !== undefined) - Number(a.plan !== undefined));
}

type Best = Omit<Runnable, 'model' | 'totalParameters'>;

/** What holds in one format holds in every smaller one, so few of them find the best; `near`: where to look first. */
function bestOf(asker: Asker, request: Request, near: string | undefined): Best {
  const quants = request.quant === undefined ? usualQuants(asker(request).question) : [request.quant];
  const fromSmallest = quants.toReversed();
  const trialIn = (index: number) => asker({ ...request, quant: fromSmallest[index]! });
  const holdsIn = (index: number) => {
    const { prepared, question } = trialIn(index);
    return holdsFor(prepared, question);
  };
  const first = near === undefined ? 0 : fromSmallest.indexOf(near);
  const best = largest(0, quants.length - 1, holdsIn, Math.max(first, 0));
  const { prepared, question } = trialIn(best ?? 0);
  if (best === undefined) return { lackingBytes: lackingIn(prepared, question) };
  const maxContextTokens = largestContext(prepared, question);
  if (maxContextTokens === undefined) return { plan: plan(prepared, question) };
  return { plan: plan(prepared, withContext(question, maxContextTokens)), maxContextTokens };
}

function lackingIn(prepared: Prepared, question: Question): number {
  const least = lackingOf(plan(prepared, question, 'atLeast'));
  return least > 0 ? least : lackingOf(plan(prepared, question));
}

const lackingOf = ({ memory }: Plan): number =>
  Math.max(...memory.devices.map(({ headroomBytes = 0 }) => -headroomBytes));
