import { InputError } from '../errors.js';

/** Entries that hold every word of a query somewhere in their own words; all of them for an empty query. */
export function matching<T>(
  entries: readonly T[],
  query: readonly string[],
  wordsOf: (entry: T) => readonly string[],
): T[] {
  const wanted = query.map((word) => word.toLowerCase());
  return entries.filter((entry) => {
    const words = wordsOf(entry).join('\n').toLowerCase();
    return wanted.every((word) => words.includes(word));
  });
}

/**
 * A test for entries that have a value, in any case; every entry passes where none is asked for.
 *
 * @throws InputError `bad-number` for a value that no entry has
 */
export function having<T>(
  what: string,
  asked: string | undefined,
  entries: readonly T[],
  valuesOf: (entry: T) => readonly (string | undefined)[],
): (entry: T) => boolean {
  if (asked === undefined) return () => true;
  const wanted = asked.toLowerCase();
  const has = (entry: T): boolean => valuesOf(entry).some((value) => value?.toLowerCase() === wanted);
  if (entries.some(has)) return has;
  const known = [...new Set(entries.flatMap(valuesOf))].filter((value) => value !== undefined).sort();
  throw new InputError('bad-number', { what, text: asked, expected: `one of ${known.join(', ')}` });
}
