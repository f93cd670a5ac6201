import { usualQuants } from './core/quant/names.js';
import {
  type Constraints,
  type Objective,
  type Offer,
  type Recommendations,
  recommend,
} from './core/recommend.js';
import { candidatesOf } from './devices.js';
import type { Planner } from './planner.js';
import type { PriceList } from './schema/price.js';
import type { Request } from './schema/request.js';

/** What `recommend` is asked beside the request. */
export interface Wish {
  readonly by: Objective;
  readonly constraints: Constraints;
  /** Price lists in place of the shipped ones. */
  readonly prices?: readonly PriceList[];
}

/**
 * Which cards hold a deployment, ranked, with why the near misses lost.
 *
 * @throws InputError as `planner.ask`
 * @example (await recommendFor(planner, { model: 'maverick', quant: 'q4' }, { by: 'fewest', constraints: {} })).options
 */
export async function recommendFor(
  planner: Planner,
  request: Request,
  { by, constraints, prices }: Wish,
): Promise<Recommendations> {
  const asker = await planner.asker(request.model);
  const trial = asker(request);
  const quant = nextSmaller(
    usualQuants(trial.question),
    trial.question.quant,
    (name) => asker({ ...request, quant: name }).prepared.forEngine.fileBytes,
  );
  return recommend({
    trial,
    candidates: candidatesOf(planner.catalog, trial.question.engine),
    offers: (prices ?? planner.catalog.prices()).flatMap(offersOf),
    by,
    constraints,
    ...(quant ? { smaller: { quant, trial: asker({ ...request, quant }) } } : {}),
  });
}

/** The best usual format that is smaller than the one asked. */
function nextSmaller(
  usual: readonly string[],
  asked: string,
  fileBytesOf: (quant: string) => number,
): string | undefined {
  const bytes = fileBytesOf(asked);
  return usual.find((quant) => fileBytesOf(quant) < bytes);
}

const offersOf = ({ provider, instances }: PriceList): Offer[] =>
  instances.map(({ id, gpu, count, usdPerHour, kind, region, date }) => ({
    provider,
    instance: id,
    gpu,
    count,
    usdPerHour,
    kind,
    date,
    ...(region ? { region } : {}),
  }));
