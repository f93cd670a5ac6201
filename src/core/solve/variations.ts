import type { OptionValue } from '../../schema/request.js';
import type { Trial } from '../plan.js';
import type { PlannedDevice } from '../request.js';
import type { Question } from '../resolve.js';
import { starts } from './holds.js';

// The same question with one thing changed. A setting that says the same thing in the engine's own words gives way.

/** With another context, in tokens of a sequence: a context given for all sequences together gives way. */
export function withContext(question: Question, contextTokens: number): Question {
  const { 'ctx-size': _, ...options } = question.request.options ?? {};
  return { ...question, request: { ...question.request, contextTokens, options } };
}

/** For another number of sequences: slots that an option gives give way. */
export function withSequences(question: Question, sequences: number): Question {
  const { parallel: _, ...options } = question.request.options ?? {};
  return { ...question, request: { ...question.request, sequences, options } };
}

/** On other devices: shares that were meant for the cards asked about give way. */
export function withDevices(question: Question, devices: readonly PlannedDevice[]): Question {
  const { 'tensor-split': _, ...options } = question.request.options ?? {};
  return { ...question, devices, request: { ...question.request, options } };
}

/** With one cache type for keys and values. */
export const withCacheType = (question: Question, type: string): Question => ({
  ...question,
  request: { ...question.request, kvTypeK: type, kvTypeV: type },
});

/** With an engine's own setting. */
export const withOption = (question: Question, name: string, value: OptionValue): Question => ({
  ...question,
  request: { ...question.request, options: { ...question.request.options, [name]: value } },
});

/** The cache type that costs the least where 16 bits are too many. */
export const SMALLER_CACHE = 'q8_0';

/** With a smaller cache type; nothing where the cache is small already, or the engine takes none of this model. */
export function withSmallerCache({ prepared, question }: Trial): Question | undefined {
  const { kvTypeK = 'f16' } = question.request;
  const smaller = withCacheType(question, SMALLER_CACHE);
  return kvTypeK.toLowerCase() === 'f16' && starts(prepared, smaller) ? smaller : undefined;
}
