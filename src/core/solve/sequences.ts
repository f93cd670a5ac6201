import { ENGINES } from '../engines/index.js';
import type { Trial } from '../plan.js';
import type { Question } from '../resolve.js';
import { starts } from './holds.js';
import { largest } from './largest.js';
import { withSequences } from './variations.js';

/**
 * The most sequences at once, from `least` on, that still hold; `undefined` where not even `least` does. A number
 * that the engine does not start with is passed over: the next smaller one that it starts with answers for it.
 *
 * @param least a number that the engine starts with
 * @example largestSequences(trial, 1, (question) => holdsFor(trial.prepared, question)) // 9
 */
export function largestSequences(
  { prepared, question }: Trial,
  least: number,
  holds: (question: Question) => boolean,
): number | undefined {
  const most = ENGINES[prepared.engineId].mostSequences(question.request.options ?? {});
  const startable = (count: number): number =>
    count <= least || starts(prepared, withSequences(question, count)) ? count : startable(count - 1);
  const found = largest(least, most, (count) => holds(withSequences(question, startable(count))));
  return found === undefined ? undefined : startable(found);
}
