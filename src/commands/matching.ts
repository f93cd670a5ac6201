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
