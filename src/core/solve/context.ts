import { type Prepared, plan } from '../plan.js';
import { largestContextOf, type Question } from '../resolve.js';

/** llama.cpp rounds a context up to this many tokens: what lies between costs the same. */
const STEP = 256;

/** The same question with another context: a context given for all sequences together gives way. */
export function withContext(question: Question, contextTokens: number): Question {
  const { 'ctx-size': _, ...options } = question.request.options ?? {};
  return { ...question, request: { ...question.request, contextTokens, options } };
}

/**
 * The largest context that still fits, in tokens, up to the model's own; `undefined` where not even the
 * smallest does. More context never needs less cache, so halving the range finds it.
 *
 * @example largestContext(prepared, question) // 131072
 */
export function largestContext(prepared: Prepared, question: Question): number | undefined {
  const most = largestContextOf(question.model);
  const fits = (contextTokens: number): boolean =>
    plan(prepared, withContext(question, contextTokens)).verdict.fits === true;
  if (fits(most)) return most;
  let [yes, no] = [0, Math.ceil(most / STEP)];
  while (no - yes > 1) {
    const middle = Math.floor((yes + no) / 2);
    if (fits(middle * STEP)) yes = middle;
    else no = middle;
  }
  return yes > 0 ? yes * STEP : undefined;
}
