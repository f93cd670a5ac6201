import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { InputError } from '../errors.js';
import { type PriceList, priceSchema } from '../schema/price.js';

const HINT = 'The shape of a price list: `llmspec schema price`.';

/**
 * Reads a price list of one's own.
 *
 * @throws InputError `bad-file` with every problem
 */
export function readPriceFile(path: string): PriceList {
  const parsed = priceSchema.safeParse(parseJson(path));
  if (parsed.success) return parsed.data;
  throw new InputError('bad-file', {
    path,
    problem: 'it is no price list',
    list: z.prettifyError(parsed.error).split('\n'),
    hint: HINT,
  });
}

function parseJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new InputError('bad-file', {
      path,
      problem: `it cannot be read: ${(error as Error).message}`,
      hint: HINT,
    });
  }
}
