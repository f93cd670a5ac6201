import { InputError } from '../../errors.js';
import { type Plan, type Prepared, plan } from '../plan.js';
import type { Question } from '../resolve.js';

/** Whether a plan fits, and there is something to fit into. */
export const holds = ({ verdict }: Plan): boolean => verdict.fits === true;

/** Whether a question holds. Buffers are worked out only where weights and caches leave room for any. */
export const holdsFor = (prepared: Prepared, question: Question): boolean =>
  holds(plan(prepared, question, 'atLeast')) && holds(plan(prepared, question));

/** Whether the engine starts, memory aside. @throws InputError for a question that is wrong in another way */
export function starts(prepared: Prepared, question: Question): boolean {
  try {
    plan(prepared, question, 'atLeast');
    return true;
  } catch (error) {
    if (error instanceof InputError && error.code === 'engine-refuses') return false;
    throw error;
  }
}
