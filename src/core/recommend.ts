import { type Plan, plan, type Trial } from './plan.js';
import { CARD_COUNTS, type Candidate } from './setups.js';
import { SMALLER_CACHE, withDevices, withSmallerCache } from './solve/variations.js';

/** A machine for rent. */
export interface Offer {
  readonly provider: string;
  readonly instance: string;
  readonly gpu: string;
  readonly count: number;
  readonly usdPerHour: number;
  readonly kind: 'on-demand' | 'spot';
  readonly region?: string;
  readonly date: string;
}

export type Objective = 'fewest' | 'headroom' | 'price' | 'power';

/** What a recommendation may be made of. Absent means no constraint. */
export interface Constraints {
  /** Launch price of all cards, or with `cloud` the price of an hour, USD. */
  readonly maxPriceUsd?: number;
  readonly maxGpus?: number;
  readonly vendors?: readonly string[];
  readonly segments?: readonly string[];
  /** Machines for rent alone. */
  readonly cloud?: boolean;
}

/** Cards that hold the deployment; every one of them was planned. */
export interface Recommendation {
  readonly gpu: string;
  readonly vendor: string;
  readonly segment: string;
  readonly count: number;
  readonly headroomBytes: number;
  readonly usableBytes: number;
  readonly plan: Plan;
  /** Launch price of all cards, USD; absent where none is known. */
  readonly priceUsd?: number;
  readonly powerWatts?: number;
  /** The cheapest machine with enough of these cards. */
  readonly offer?: Offer;
}

/** Cards that do not make it, and why. */
export interface NearMiss {
  readonly gpu: string;
  readonly count: number;
  readonly reason: 'memory' | 'price' | 'no-price' | 'no-power';
  /** What the fullest device lacks, bytes. */
  readonly lackingBytes?: number;
  readonly priceUsd?: number;
}

/** What one change to the best option would do. */
export interface Alternative {
  readonly change: 'one-more-card' | 'smaller-quant' | 'smaller-cache';
  readonly value: string | number;
  readonly count: number;
  readonly headroomBytes: number;
  readonly plan: Plan;
}

export interface Recommendations {
  readonly options: readonly Recommendation[];
  readonly nearMisses: readonly NearMiss[];
  readonly alternatives: readonly Alternative[];
}

export interface RecommendInput {
  readonly trial: Trial;
  readonly candidates: readonly Candidate[];
  readonly offers: readonly Offer[];
  readonly by: Objective;
  readonly constraints: Constraints;
  /** The same question in the next smaller weight format. */
  readonly smaller?: { readonly quant: string; readonly trial: Trial };
}

/**
 * Cards, how many, at what price: every entry fits when planned on its own, best first by the objective.
 *
 * @example recommend(input).options[0] // { gpu: 'mi325x-256gb', count: 1, ... }
 */
export function recommend(input: RecommendInput): Recommendations {
  const { candidates, constraints } = input;
  const allowed = candidates.filter((candidate) => isAllowed(candidate, constraints));
  const found = allowed.map((candidate) =>
    constraints.cloud ? rented(candidate, input) : bought(candidate, input),
  );
  const fitting = found.flatMap((result) => (isOption(result) ? [result] : []));
  const options = fitting
    .filter((option) => lossOf(option, input) === undefined)
    .sort(ORDERS[input.by](constraints));
  const losers = fitting.flatMap((option) => lossOf(option, input) ?? []);
  const misses = found.flatMap((result) => (result && !isOption(result) ? [result] : []));
  const [best] = options;
  return {
    options,
    nearMisses: nearest([...losers, ...misses]),
    alternatives: best ? alternativesOf(best, input) : [],
  };
}

type Result = Recommendation | NearMiss | undefined;

const isOption = (result: Result): result is Recommendation => result !== undefined && 'plan' in result;

function isAllowed({ vendor, segment }: Candidate, { vendors, segments }: Constraints): boolean {
  return (vendors?.includes(vendor) ?? true) && (segments?.includes(segment) ?? true);
}

/** The fewest cards of one kind that one machine may hold. */
function bought(candidate: Candidate, input: RecommendInput): Result {
  const most = Math.min(candidate.cardsPerNode, input.constraints.maxGpus ?? Number.POSITIVE_INFINITY);
  let miss: NearMiss | undefined;
  for (const count of CARD_COUNTS.filter((cards) => cards <= most)) {
    const result = tried(input.trial, candidate, count);
    if (isOption(result)) return { ...result, ...cheapest(input.offers, candidate.gpu, count) };
    miss = result;
  }
  return miss;
}

/** The cheapest machine for rent whose cards hold it. */
function rented(candidate: Candidate, { trial, offers, constraints }: RecommendInput): Result {
  const ofCard = offers.filter(
    ({ gpu, count }) => gpu === candidate.gpu && count <= (constraints.maxGpus ?? count),
  );
  let miss: NearMiss | undefined;
  for (const offer of ofCard.slice().sort((a, b) => a.usdPerHour - b.usdPerHour)) {
    const result = tried(trial, candidate, offer.count);
    if (isOption(result)) return { ...result, offer };
    miss = result;
  }
  return miss;
}

function cheapest(offers: readonly Offer[], gpu: string, count: number): { offer?: Offer } {
  const enough = offers.filter((offer) => offer.gpu === gpu && offer.count >= count);
  const [offer] = enough.slice().sort((a, b) => a.usdPerHour - b.usdPerHour);
  return offer ? { offer } : {};
}

function tried(trial: Trial, candidate: Candidate, count: number): Recommendation | NearMiss {
  const { gpu, vendor, segment, usableBytes = 0, priceUsd, powerWatts } = candidate;
  const answer = planOn(trial, candidate, count);
  const headroomBytes = leastHeadroom(answer);
  if (answer.verdict.fits !== true) return { gpu, count, reason: 'memory', lackingBytes: -headroomBytes };
  return {
    gpu,
    vendor,
    segment,
    count,
    headroomBytes,
    usableBytes: count * usableBytes,
    plan: answer,
    ...(priceUsd === undefined ? {} : { priceUsd: priceUsd * count }),
    ...(powerWatts === undefined ? {} : { powerWatts: powerWatts * count }),
  };
}

const planOn = ({ prepared, question }: Trial, candidate: Candidate, count: number): Plan =>
  plan(prepared, withDevices(question, [{ ...candidate, count }]));

const leastHeadroom = ({ memory }: Plan): number =>
  Math.min(...memory.devices.map(({ headroomBytes }) => headroomBytes ?? Number.POSITIVE_INFINITY));

/** The price that counts: of an hour for rent, of the cards otherwise. */
const priceOf = ({ priceUsd, offer }: Recommendation, { cloud }: Constraints): number | undefined =>
  cloud ? offer?.usdPerHour : priceUsd;

/** Why an option that fits is out all the same. */
function lossOf(option: Recommendation, { by, constraints }: RecommendInput): NearMiss | undefined {
  const { gpu, count } = option;
  const price = priceOf(option, constraints);
  const { maxPriceUsd } = constraints;
  const needsPrice = by === 'price' || maxPriceUsd !== undefined;
  if (needsPrice && price === undefined) return { gpu, count, reason: 'no-price' };
  if (maxPriceUsd !== undefined && price! > maxPriceUsd)
    return { gpu, count, reason: 'price', priceUsd: price! };
  return by === 'power' && option.powerWatts === undefined ? { gpu, count, reason: 'no-power' } : undefined;
}

type Order = (a: Recommendation, b: Recommendation) => number;

const byName: Order = (a, b) => (a.gpu < b.gpu ? -1 : 1);

/** Fewest cards; of as many, those with room to spare before tight ones; then the least memory. */
const byCount: Order = (a, b) =>
  a.count - b.count ||
  Number(a.plan.verdict.level === 'tight') - Number(b.plan.verdict.level === 'tight') ||
  a.usableBytes - b.usableBytes ||
  byName(a, b);

/** How each objective ranks: one line each. */
const ORDERS: Record<Objective, (constraints: Constraints) => Order> = {
  fewest: () => byCount,
  headroom: () => (a, b) => b.headroomBytes - a.headroomBytes || byCount(a, b),
  price: (constraints) => (a, b) =>
    (priceOf(a, constraints) ?? 0) - (priceOf(b, constraints) ?? 0) || byCount(a, b),
  power: () => (a, b) => (a.powerWatts ?? 0) - (b.powerWatts ?? 0) || byCount(a, b),
};

const MOST_MISSES = 8;

/** Those that lack the least first. */
const nearest = (misses: readonly NearMiss[]): NearMiss[] =>
  misses
    .slice()
    .sort((a, b) => (a.lackingBytes ?? 0) - (b.lackingBytes ?? 0) || (a.gpu < b.gpu ? -1 : 1))
    .slice(0, MOST_MISSES);

function alternativesOf(best: Recommendation, input: RecommendInput): Alternative[] {
  const candidate = input.candidates.find(({ gpu }) => gpu === best.gpu)!;
  const { trial, smaller } = input;
  const found: (Alternative | undefined)[] = [];
  if (best.count < candidate.cardsPerNode) {
    const count = best.count + 1;
    found.push(alternative('one-more-card', count, planOn(trial, candidate, count), count));
  }
  if (smaller) found.push(fewestOf('smaller-quant', smaller.quant, smaller.trial, candidate));
  const question = withSmallerCache(trial);
  if (question) found.push(fewestOf('smaller-cache', SMALLER_CACHE, { ...trial, question }, candidate));
  return found.filter((entry) => entry !== undefined);
}

function fewestOf(
  change: Alternative['change'],
  value: string,
  trial: Trial,
  candidate: Candidate,
): Alternative | undefined {
  for (const count of CARD_COUNTS.filter((cards) => cards <= candidate.cardsPerNode)) {
    const found = alternative(change, value, planOn(trial, candidate, count), count);
    if (found) return found;
  }
  return undefined;
}

function alternative(
  change: Alternative['change'],
  value: string | number,
  answer: Plan,
  count: number,
): Alternative | undefined {
  return answer.verdict.fits
    ? { change, value, count, headroomBytes: leastHeadroom(answer), plan: answer }
    : undefined;
}
