// What llama.cpp changes by itself where a model does not fit (`--fit on`, its default): `common/fit.cpp:common_params_fit_impl`,
// step by step, with its integer arithmetic.
import type { OptionValue } from '../../../schema/request.js';

/** Bytes of weights, caches and compute buffers on every card in order; and on the host. */
export interface Measured {
  readonly cards: readonly number[];
  readonly host: number;
  /** Weights of all cards. */
  readonly weights: number;
}

export type Settled = Readonly<Record<string, OptionValue>>;

export interface FitProblem {
  /** Memory of the model with these settings in place of the ones given. */
  readonly measure: (settings: Settled) => Measured;
  /** Free memory of every card, bytes. */
  readonly freeBytes: readonly number[];
  /** All memory of the host, where it is known. */
  readonly hostBytes: number | undefined;
  /** Layers without the output. */
  readonly layers: number;
  readonly hasExperts: boolean;
  /** The model's own context, tokens. */
  readonly ownContext: number;
  readonly sequences: number;
  readonly streams: number;
  /** The whole context that was asked for; nothing leaves it to the engine. */
  readonly asked: number | undefined;
  /** Settings of the user that forbid moving layers, in words. */
  readonly fixed: string | undefined;
}

/** What the engine sets, and why it stopped short of a fit, if it did. */
export interface FitAnswer {
  readonly settings: Settled;
  readonly failure?: string;
}

/** Left free on every device, bytes: `common/common.h:fit_params_target`. */
const MARGIN = 1024 ** 3;

/** Least context of one stream: `common/common.h:fit_params_min_ctx`. */
const LEAST_CONTEXT = 4096;
const CONTEXT_STEP = 256;

/**
 * The context, layers and experts that llama.cpp chooses for the free memory.
 *
 * First the context shrinks, if none was asked for; then layers stay on the host, of a mixture of experts the
 * experts first.
 *
 * @example fitParams(problem).settings // { 'ctx-size': 24576 }
 */
export function fitParams(problem: FitProblem): FitAnswer {
  const { measure, asked, ownContext, sequences, freeBytes } = problem;
  const most = asked ?? ownContext * sequences;
  const full = measure({ 'ctx-size': most });
  if (lackingOf(problem, full).every((bytes) => bytes <= 0)) return { settings: { 'ctx-size': most } };
  const context = shorterContext(problem, most, full);
  const settings = { 'ctx-size': context.tokens };
  if (context.enough) return { settings };
  if (freeBytes.length === 0)
    return { settings, failure: 'was unable to fit model into system memory by reducing context' };
  if (problem.fixed) return { settings, failure: `${problem.fixed} already set by user` };
  return { settings: { ...settings, ...placed(problem, settings) } };
}

/** What each device, or without cards the host, has too little. */
function lackingOf({ freeBytes, hostBytes }: FitProblem, { cards, host }: Measured): number[] {
  if (freeBytes.length === 0) return hostBytes === undefined ? [] : [host + MARGIN - hostBytes];
  return cards.map((used, card) => used + MARGIN - freeBytes[card]!);
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);

/** Step 2: a shorter context, by interpolation between the least and the most. */
function shorterContext(
  problem: FitProblem,
  most: number,
  full: Measured,
): { readonly tokens: number; readonly enough: boolean } {
  const { measure, freeBytes, hostBytes, streams, layers, hasExperts, asked } = problem;
  const devices = freeBytes.length;
  const least = LEAST_CONTEXT * streams;
  const lacking = sum(lackingOf(problem, full));
  if (lacking <= 0 || asked !== undefined || most <= least) return { tokens: most, enough: false };
  const usedOf = ({ cards, host }: Measured) => (devices === 0 ? host : sum(cards));
  const available = devices === 0 ? hostBytes! - MARGIN : sum(freeBytes) - devices * MARGIN;
  // Whole layers or tensors go to a device: half of one is lost on each.
  const lost = devices > 1 ? ((devices + 1) * Math.trunc(full.weights / layers)) / (hasExperts ? 6 : 2) : 0;
  const target = available - Math.trunc(lost);
  const atLeast = usedOf(measure({ 'ctx-size': least }));
  if (target <= atLeast) return { tokens: least, enough: false };
  const more = (BigInt(most - least) * BigInt(target - atLeast)) / BigInt(usedOf(full) - atLeast);
  const tokens = least + Number(more);
  const step = CONTEXT_STEP * streams;
  return { tokens: Math.max(tokens - (tokens % step), least), enough: devices <= 1 };
}

/** How much of a layer stays on its card where the rest overflows. */
type Fraction = 'attention' | 'up' | 'gate' | 'experts';

/** Names of the tensors that overflow. */
const OVERFLOWS: Readonly<Record<Fraction, string>> = {
  attention: 'ffn_(gate|up|gate_up|down).*',
  up: 'ffn_(gate|gate_up|down).*',
  gate: 'ffn_down.*',
  experts: 'ffn_(up|down|gate_up|gate)_(ch|)exps',
};

const ALL_EXPERTS = `blk\\.\\d+\\.${OVERFLOWS.experts}=CPU`;

/** Layers of one card: the last `partial` of them overflow, the first of those by `fraction`. */
interface Share {
  readonly layers: number;
  readonly partial: number;
  readonly fraction: Fraction;
  /** Where the first partial layer overflows to. */
  readonly to: 'CPU' | `CUDA${number}`;
}

const EMPTY: Share = { layers: 0, partial: 0, fraction: 'experts', to: 'CPU' };

const fullLayers = ({ layers, partial }: Share): number => layers - partial;

/** A distribution with what it takes on each card. */
interface Trial {
  readonly shares: readonly Share[];
  readonly used: readonly number[];
}

/** Settings of a distribution. */
function settingsOf(shares: readonly Share[], layers: number): Settled {
  const onCards = sum(shares.map((share) => share.layers));
  const patterns: string[] = [];
  let layer = layers + 1 - onCards;
  for (const share of shares) {
    layer += fullLayers(share);
    for (let index = 0; index < share.partial; index++, layer++) {
      const [fraction, to] = index === 0 ? [share.fraction, share.to] : (['experts', 'CPU'] as const);
      patterns.push(`blk\\.${layer}\\.${OVERFLOWS[fraction]}=${to}`);
    }
  }
  return {
    'n-gpu-layers': onCards,
    ...(shares.length > 1 && onCards > 0
      ? { 'tensor-split': shares.map((share) => share.layers).join(',') }
      : {}),
    ...(patterns.length > 0 ? { 'override-tensor': patterns.join(',') } : {}),
  };
}

/** Steps 3 and 4: layers for every card. */
function placed(problem: FitProblem, context: Settled): Settled {
  const { measure, freeBytes, layers, hasExperts } = problem;
  const targets = freeBytes.map((bytes) => bytes - MARGIN);
  const tried = (shares: readonly Share[]): Trial => ({
    shares,
    used: measure({ ...context, ...settingsOf(shares, layers) }).cards,
  });
  const search: Search = { targets, layers, hasExperts, tried };
  const dense = fillBackwards(search);
  if (!hasExperts) return settingsOf(dense.shares, layers);
  const { cards } = measure({ ...context, 'override-tensor': ALL_EXPERTS });
  const surplus = sum(freeBytes) - sum(cards) - freeBytes.length * MARGIN;
  return settingsOf((surplus > 0 ? fillForwards(search, dense) : dense).shares, layers);
}

interface Search {
  /** Most that each card may take, bytes. */
  readonly targets: readonly number[];
  readonly layers: number;
  readonly hasExperts: boolean;
  readonly tried: (shares: readonly Share[]) => Trial;
}

const withShare = (shares: readonly Share[], card: number, change: Partial<Share>): Share[] =>
  shares.map((share, index) => (index === card ? { ...share, ...change } : share));

/**
 * How many layers lie between the last distribution that fits and the first that does not, by false position.
 *
 * @param at the distribution with so many layers more than `low`
 * @returns the last that fits
 */
function narrowed(
  card: number,
  target: number,
  low: Trial,
  high: Trial,
  deltaOf: (low: Trial, high: Trial) => number,
  at: (low: Trial, step: number) => Trial,
): Trial {
  let [below, above] = [low, high];
  for (let delta = deltaOf(below, above); delta > 1; delta = deltaOf(below, above)) {
    const [from, to] = [below.used[card]!, above.used[card]!];
    // A card that is over its target already gives a negative step, which the engine reads as a huge one.
    const guess = Math.trunc((delta * (target - from)) / (to - from)) >>> 0;
    const next = at(below, Math.min(Math.max(guess, 1), delta - 1));
    if (next.used[card]! <= target) below = next;
    else above = next;
  }
  return below;
}

/** Step 3: the last card first, whole layers, or of a mixture of experts layers without their experts. */
function fillBackwards({ targets, layers, hasExperts, tried }: Search): Trial {
  const last = targets.length - 1;
  let current = tried(targets.map(() => EMPTY));
  for (let card = last; card >= 0; card--) {
    const open = layers + 1 - sum(current.shares.slice(card + 1).map((share) => share.layers));
    if (open === 0) continue;
    // The output is the last card's last layer and always whole.
    const partialOf = (count: number) => (hasExperts ? count - (card === last ? 1 : 0) : 0);
    const high = tried(withShare(current.shares, card, { layers: open, partial: partialOf(open) }));
    current =
      high.used[card]! <= targets[card]!
        ? high
        : narrowed(
            card,
            targets[card]!,
            current,
            high,
            (below, above) => above.shares[card]!.layers - below.shares[card]!.layers,
            (below, step) => {
              const count = below.shares[card]!.layers + step;
              return tried(withShare(below.shares, card, { layers: count, partial: partialOf(count) }));
            },
          );
  }
  return current;
}

/** Step 4: experts come back to the cards, the first card first. */
function fillForwards(search: Search, dense: Trial): Trial {
  const { targets } = search;
  const last = targets.length - 1;
  let current = dense;
  let start = firstWithLayers(current.shares);
  for (let card = 0; card <= start; card++) {
    const high = search.tried(allTo(current.shares, card, start));
    if (high.used[card]! <= targets[card]!) {
      current = high;
      start = last;
    } else {
      const from = start;
      current = narrowed(
        card,
        targets[card]!,
        current,
        high,
        (below, above) => fullLayers(above.shares[card]!) - fullLayers(below.shares[card]!),
        (below, step) => search.tried(moved(below.shares, card, from, step)),
      );
      start = firstPartial(current.shares, from);
    }
    current = withOneMore(search, current, card, start);
    start = firstPartial(current.shares, start);
  }
  return current;
}

function firstWithLayers(shares: readonly Share[]): number {
  let start = shares.length;
  while (start > 0 && shares[start - 1]!.layers > 0) start--;
  return start;
}

/** The first card from one on that still has layers without their experts; the last card at the latest. */
function firstPartial(shares: readonly Share[], from: number): number {
  for (let card = from; card < shares.length; card++) if (shares[card]!.partial > 0) return card;
  return shares.length - 1;
}

/** Every layer of the cards from `start` on, the output apart, given whole to one card. */
function allTo(shares: readonly Share[], card: number, start: number): Share[] {
  const last = shares.length - 1;
  let next = [...shares];
  for (let from = start; from <= last; from++) {
    const count = next[from]!.layers - (from === last ? 1 : 0);
    next = withShare(next, card, { layers: next[card]!.layers + count });
    next = withShare(next, from, { layers: next[from]!.layers - count, partial: 0 });
  }
  return next;
}

/** So many layers given whole to one card, from the first that lack their experts. */
function moved(shares: readonly Share[], card: number, start: number, count: number): Share[] {
  let next = [...shares];
  let left = count;
  for (let from = start; from < shares.length && left > 0; from++) {
    const taken = Math.min(left, next[from]!.partial);
    next = withShare(next, from, {
      layers: next[from]!.layers - taken,
      partial: next[from]!.partial - taken,
    });
    next = withShare(next, card, { layers: next[card]!.layers + taken });
    left -= taken;
  }
  return next;
}

/** Part of one layer more on a card, if it fits: attention with up, then with gate too; else attention alone. */
function withOneMore({ targets, tried }: Search, current: Trial, card: number, start: number): Trial {
  const last = targets.length - 1;
  const { layers, partial } = current.shares[start]!;
  if (partial === 0 || layers <= (card < last ? 0 : 1)) return current;
  const less = { layers: layers - 1, partial: partial - 1 };
  const shares = withShare(current.shares, start, less);
  const more = { layers: shares[card]!.layers + 1, partial: shares[card]!.partial + 1 };
  const to = card < last ? (`CUDA${card + 1}` as const) : 'CPU';
  const trial = (fraction: Fraction) => tried(withShare(shares, card, { ...more, fraction, to }));
  const fits = ({ used }: Trial) =>
    used[card]! < targets[card]! && (card === last || used[card + 1]! < targets[card + 1]!);
  const up = trial('up');
  if (fits(up)) {
    const gate = trial('gate');
    return fits(gate) ? gate : up;
  }
  const attention = trial('attention');
  return fits(attention) ? attention : current;
}
