/** Names are compared without case, and with spaces and underscores as dashes. */
export const normalised = (name: string): string =>
  name
    .trim()
    .toLowerCase()
    .replace(/[\s_]+/g, '-');

/** Steps (insert, delete, replace, swap neighbours) from one word to another. */
function distance(from: string, to: string): number {
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1];
      let steps = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      if (swapped) steps = Math.min(steps, before[j - 2]! + 1);
      next.push(steps);
    }
    before = row;
    row = next;
  }
  return row[to.length]!;
}

/**
 * The known names most like an unknown one, best first: those that contain it, then those a few typing
 * errors away.
 *
 * @example nearMisses('maverik', ['maverick', 'mixtral']) // ['maverick']
 */
export function nearMisses(name: string, known: readonly string[], most = 3): string[] {
  const wanted = normalised(name);
  const allowed = Math.max(1, Math.floor(wanted.length / 3));
  const scored = known.map((candidate) => {
    const other = normalised(candidate);
    const contained = wanted.length > 2 && (other.includes(wanted) || wanted.includes(other));
    return {
      candidate,
      score: contained ? Math.abs(other.length - wanted.length) / 100 : distance(wanted, other),
    };
  });
  return scored
    .filter(({ score }) => score <= allowed)
    .sort((a, b) => a.score - b.score || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, most)
    .map(({ candidate }) => candidate);
}
