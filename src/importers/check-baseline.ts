import { InputError } from '../errors.js';
import { type Baseline, baselineSchema } from '../schema/check.js';

/**
 * Reads what `--write-baseline` wrote, or what `check --json` printed.
 *
 * @throws InputError `no-baseline` where the text is something else
 */
export function parseBaseline(text: string, name: string): Baseline {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputError('no-baseline', { name, problem: `it is no JSON (${(error as Error).message})` });
  }
  const parsed = baselineSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw new InputError('no-baseline', {
    name,
    problem: `it is no document of check (${path.join('.')}: ${message})`,
  });
}
