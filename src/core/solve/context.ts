import type { Prepared } from '../plan.js';
import { largestContextOf, type Question } from '../resolve.js';
import { holdsFor } from './holds.js';
import { largest } from './largest.js';
import { withContext } from './variations.js';

/** llama.cpp rounds a context up to this many tokens: what lies between costs the same. */
const STEP = 256;

/** Whether a plan holds; the caller may ask for more than that it fits. */
export type Holds = (prepared: Prepared, question: Question) => boolean;

/**
 * The largest context that still holds, in tokens, up to the model's own; `undefined` where not even the
 * smallest does. More context never needs less cache, so halving the range finds it.
 *
 * @example largestContext(prepared, question) // 131072
 */
export function largestContext(
  prepared: Prepared,
  question: Question,
  holds: Holds = holdsFor,
): number | undefined {
  const most = largestContextOf(question.model);
  if (holds(prepared, withContext(question, most))) return most;
  const steps = largest(1, Math.ceil(most / STEP) - 1, (step) =>
    holds(prepared, withContext(question, step * STEP)),
  );
  return steps === undefined ? undefined : steps * STEP;
}
