import { InputError } from '../errors.js';

const FACTORS: Record<string, number> = { '': 1, k: 1024, m: 1024 ** 2 };

/**
 * A token count as people write it: `k` = 1,024, `m` = 1,048,576, `max` stays a word.
 *
 * @throws InputError `bad-number` for zero, negatives, commas, and what is no whole number of tokens
 * @example parseTokens('488k') // 499712
 */
export function parseTokens(text: string, what = 'context'): number | 'max' {
  const trimmed = text.trim().toLowerCase();
  if (trimmed === 'max') return 'max';
  const match = /^(\d+(?:_\d+)*(?:\.\d+)?)([km]?)$/.exec(trimmed);
  if (!match)
    throw new InputError('bad-number', {
      what,
      text,
      expected: 'tokens',
      comma: /^\d[\d,]*[km]?$/.test(trimmed),
    });
  const tokens = Number(match[1]?.replaceAll('_', '')) * (FACTORS[match[2] ?? ''] ?? 1);
  const whole = match[2] ? Math.round(tokens) : tokens;
  if (!Number.isSafeInteger(whole) || whole <= 0)
    throw new InputError('bad-number', { what, text, expected: 'tokens' });
  return whole;
}

/**
 * A token count as short as it can be said exactly.
 *
 * @example formatTokens(499712) // '488k'
 */
export function formatTokens(tokens: number): string {
  if (tokens >= FACTORS.m! && tokens % FACTORS.m! === 0) return `${tokens / FACTORS.m!}m`;
  if (tokens >= FACTORS.k! && tokens % FACTORS.k! === 0) return `${tokens / FACTORS.k!}k`;
  return String(tokens);
}
