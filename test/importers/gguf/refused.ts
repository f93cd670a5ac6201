import { InputError } from '../../../src/errors.js';

/** The error that an answer is refused with. */
export async function refused(answer: Promise<unknown>): Promise<InputError> {
  const error = await answer.then(
    (value) => new Error(`it was answered: ${JSON.stringify(value)?.slice(0, 200)}`),
    (reason: unknown) => reason,
  );
  if (error instanceof InputError) return error;
  throw error;
}
