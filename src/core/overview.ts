import { type Plan, type Prepared, plan } from './plan.js';
import { largestContextOf, type Question } from './resolve.js';
import { bestSetups, type Candidate, moreCards, type Setup } from './setups.js';
import { largestContext } from './solve/context.js';
import { SMALLER_CACHE, withContext, withSmallerCache } from './solve/variations.js';

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
    smallerCache(prepared, question) ??
    shorterContext(prepared, question) ??
    onMoreCards(prepared, question, candidates) ??
    otherCards({ prepared, question, answer, candidates, found }) ?? { kind: 'smaller-quant' }
  );
}

function longerContext(prepared: Prepared, question: Question, answer: Plan): NextTry | undefined {
  const contextTokens = largestContext(prepared, question);
  return contextTokens && contextTokens > answer.request.contextTokens
    ? { kind: 'longer-context', contextTokens }
    : undefined;
}

const fits = (prepared: Prepared, question: Question): boolean =>
  plan(prepared, question).verdict.fits === true;

function smallerCache(prepared: Prepared, question: Question): NextTry | undefined {
  const smaller = withSmallerCache({ prepared, question });
  return smaller && fits(prepared, smaller) ? { kind: 'cache-type', type: SMALLER_CACHE } : undefined;
}

function shorterContext(prepared: Prepared, question: Question): NextTry | undefined {
  const contextTokens = largestContext(prepared, question);
  return contextTokens ? { kind: 'shorter-context', contextTokens } : undefined;
}

function onMoreCards(
  prepared: Prepared,
  question: Question,
  candidates: readonly Candidate[],
): NextTry | undefined {
  const more = moreCards(question, candidates, (asked) => fits(prepared, asked));
  return more ? { kind: 'more-cards', gpu: more.gpu, count: more.count } : undefined;
}

function otherCards({ prepared, question, answer, candidates }: Situation): NextTry | undefined {
  const unlimited = { ...question, request: { ...question.request, limits: undefined } };
  const [best] = bestSetups(prepared, unlimited, answer, candidates);
  return best ? { kind: 'other-cards', gpu: best.gpu, count: best.count } : undefined;
}
