import type { ErrorCode } from './errors.js';

/** Exit codes of the program; section "Exit codes" of the README says what each means. */
export const EXIT = {
  ok: 0,
  no: 1,
  wrongQuestion: 2,
  notUnderstood: 3,
  bug: 4,
  network: 5,
  interrupted: 130,
} as const;

/**
 * The exit code that an error stands for.
 *
 * @example exitCodeOfError('unknown-model') // 2
 */
export function exitCodeOfError(code: ErrorCode): number {
  if (code === 'not-understood') return EXIT.notUnderstood;
  if (code === 'bug') return EXIT.bug;
  if (code === 'network') return EXIT.network;
  return EXIT.wrongQuestion;
}

/** Bad enough to hide what comes after it: the first of these that occurs is the exit code of many answers. */
const WORST_FIRST = [EXIT.bug, EXIT.network, EXIT.wrongQuestion, EXIT.notUnderstood, EXIT.no];

/**
 * The one exit code of many answers: the worst.
 *
 * @example worstExitCode([0, 3, 2]) // 2
 */
export function worstExitCode(codes: Iterable<number>): number {
  const seen = new Set(codes);
  return WORST_FIRST.find((code) => seen.has(code)) ?? EXIT.ok;
}
