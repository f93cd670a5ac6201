import { type Plan, type Prepared, plan } from './plan.js';
import { largestContextOf, type Question, withDevices } from './resolve.js';
import { bestSetups, CARD_COUNTS, type Candidate, type Setup } from './setups.js';
import { largestContext, withContext } from './solve/context.js';

/** One step of the ladder: what another context would need. */
export interface Rung {
  readonly contextTokens: number;
  readonly totalBytes: number;
  readonly fits: boolean | null;
}

/** What to change next, and what that would give. */
export type NextTry =
  | { readonly kind: 'name-hardware'; readonly gpu: string; readonly count: number }
  | { readonly kind: 'longer-context'; readonly contextTokens: number }
  | { readonly kind: 'cache-type'; readonly type: string }
  | { readonly kind: 'shorter-context'; readonly contextTokens: number }
  | { readonly kind: 'more-cards'; readonly gpu: string; readonly count: number }
  | { readonly kind: 'other-cards'; readonly gpu: string; readonly count: number }
  | { readonly kind: 'smaller-quant' };

export interface Overview {
  readonly ladder: readonly Rung[];
  readonly setups: readonly Setup[];
  readonly next?: NextTry;
}

const LADDER_TOKENS = [1024, 8192, 32768, 131072];
const SMALLER_CACHE = 'q8_0';
const MOST_SETUPS = 6;

/**
 * What a person wants beside one plan: other contexts, hardware that would hold it, and what to try next.
 *
 * @param candidates cards to choose setups from; used only where the plan has no limit
 * @example overview(prepared, question, answer, cards).setups[0] // { gpu: 'apple-m3-ultra-512gb', count: 1, ... }
 */
export function overview(
  prepared: Prepared,
  question: Question,
  answer: Plan,
  candidates: readonly Candidate[],
): Overview {
  const found =
    answer.verdict.fits === null
      ? bestSetups(prepared, question, answer, candidates).slice(0, MOST_SETUPS)
      : [];
  const next = nextTry({ prepared, question, answer, candidates, found });
  return { ladder: ladderOf(prepared, question), setups: found, ...(next ? { next } : {}) };
}

function ladderOf(prepared: Prepared, question: Question): Rung[] {
  const most = largestContextOf(question.model);
  const steps = [...LADDER_TOKENS.filter((tokens) => tokens < most), most];
  return steps.map((contextTokens) => {
    const { memory, verdict } = plan(prepared, withContext(question, contextTokens));
    return { contextTokens, totalBytes: memory.totalBytes, fits: verdict.fits };
  });
}

interface Situation {
  readonly prepared: Prepared;
  readonly question: Question;
  readonly answer: Plan;
  readonly candidates: readonly Candidate[];
  readonly found: readonly Setup[];
}

function nextTry({ prepared, question, answer, candidates, found }: Situation): NextTry | undefined {
  const { fits } = answer.verdict;
  if (fits === null)
    return found[0] ? { kind: 'name-hardware', gpu: found[0].gpu, count: found[0].count } : undefined;
  if (fits) return longerContext(prepared, question, answer);
  return (
    smallerCache(prepared, question, answer) ??
    shorterContext(prepared, question) ??
    moreCards(prepared, question, candidates) ??
    otherCards({ prepared, question, answer, candidates, found }) ?? { kind: 'smaller-quant' }
  );
}

function longerContext(prepared: Prepared, question: Question, answer: Plan): NextTry | undefined {
  const contextTokens = largestContext(prepared, question);
  return contextTokens && contextTokens > answer.request.contextTokens
    ? { kind: 'longer-context', contextTokens }
    : undefined;
}

function smallerCache(prepared: Prepared, question: Question, answer: Plan): NextTry | undefined {
  const { kvTypeK, options } = answer.request;
  if (kvTypeK !== 'f16' || options['flash-attn'] === 'off') return undefined;
  const smaller = {
    ...question,
    request: { ...question.request, kvTypeK: SMALLER_CACHE, kvTypeV: SMALLER_CACHE },
  };
  return plan(prepared, smaller).verdict.fits ? { kind: 'cache-type', type: SMALLER_CACHE } : undefined;
}

function shorterContext(prepared: Prepared, question: Question): NextTry | undefined {
  const contextTokens = largestContext(prepared, question);
  return contextTokens ? { kind: 'shorter-context', contextTokens } : undefined;
}

function moreCards(
  prepared: Prepared,
  question: Question,
  candidates: readonly Candidate[],
): NextTry | undefined {
  const [device] = question.devices;
  if (question.devices.length !== 1 || !device?.gpu) return undefined;
  const most = candidates.find(({ gpu }) => gpu === device.gpu)?.cardsPerNode ?? 0;
  const count = CARD_COUNTS.find((cards) => {
    if (cards <= device.count || cards > most) return false;
    return plan(prepared, withDevices(question, [{ ...device, count: cards }])).verdict.fits === true;
  });
  return count ? { kind: 'more-cards', gpu: device.gpu, count } : undefined;
}

function otherCards({ prepared, question, answer, candidates }: Situation): NextTry | undefined {
  const unlimited = { ...question, request: { ...question.request, limits: undefined } };
  const [best] = bestSetups(prepared, unlimited, answer, candidates);
  return best ? { kind: 'other-cards', gpu: best.gpu, count: best.count } : undefined;
}
