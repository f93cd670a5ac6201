import { type Fit, holds, whatFits } from './core/fit.js';
import { type Plan, plan, type Trial } from './core/plan.js';
import { usualQuants } from './core/quant/names.js';
import { largestContext } from './core/solve/context.js';
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
  /** What the smallest format lacks, bytes. */
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
  for (const { id, totalParameters } of planner.catalog.models) {
    const asker = await planner.asker(id);
    const best = answered(() => bestOf(asker, { ...request, model: id }));
    rows.push({ model: id, totalParameters, ...(best instanceof InputError ? { error: best } : best) });
  }
  return rows.sort(
    (a, b) =>
      Number(b.plan !== undefined) - Number(a.plan !== undefined) || b.totalParameters - a.totalParameters,
  );
}

/** What holds in one format holds in every smaller one, so halving the list finds the best. */
function bestOf(asker: Asker, request: Request): Omit<Runnable, 'model' | 'totalParameters'> {
  const quants = request.quant === undefined ? usualQuants(asker(request).question) : [request.quant];
  const fromSmallest = quants.toReversed();
  const trialIn = (index: number) => asker({ ...request, quant: fromSmallest[index]! });
  const planIn = (index: number) => planAlone(trialIn(index));
  const best = largest(0, quants.length - 1, (index) => holds(planIn(index)));
  if (best === undefined) return { lackingBytes: lackingOf(planIn(0)) };
  const { prepared, question } = trialIn(best);
  const maxContextTokens = largestContext(prepared, question, (ready, asked) => holds(plan(ready, asked)));
  if (maxContextTokens === undefined) return { plan: planIn(best) };
  return { plan: plan(prepared, withContext(question, maxContextTokens)), maxContextTokens };
}

const planAlone = ({ prepared, question }: Trial): Plan => plan(prepared, question);

const lackingOf = ({ memory }: Plan): number =>
  Math.max(...memory.devices.map(({ headroomBytes = 0 }) => -headroomBytes));
