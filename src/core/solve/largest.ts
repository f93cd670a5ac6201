/**
 * The largest whole number from `least` to `most` for which a question is answered yes, where a yes for one
 * number means a yes for every smaller one; `undefined` where even `least` is a no.
 *
 * @param near where to look first: the nearer to the answer, the fewer questions
 * @example largest(1, 100, (n) => n * n <= 50) // 7
 */
export function largest(
  least: number,
  most: number,
  holds: (value: number) => boolean,
  near?: number,
): number | undefined {
  if (most < least) return undefined;
  if (near !== undefined) return largestNear(least, most, holds, Math.min(Math.max(near, least), most));
  if (!holds(least)) return undefined;
  if (holds(most)) return most;
  return between(least, most, holds);
}

/** Steps of twice the length, up from a yes or down from a no, until the answer lies between two numbers. */
function largestNear(
  least: number,
  most: number,
  holds: (value: number) => boolean,
  near: number,
): number | undefined {
  if (holds(near)) {
    let yes = near;
    for (let step = 1; yes < most; step *= 2) {
      const next = Math.min(yes + step, most);
      if (!holds(next)) return between(yes, next, holds);
      yes = next;
    }
    return yes;
  }
  let no = near;
  for (let step = 1; no > least; step *= 2) {
    const next = Math.max(no - step, least);
    if (holds(next)) return between(next, no, holds);
    no = next;
  }
  return undefined;
}

/** Halves the range between a yes and a no. */
function between(yes: number, no: number, holds: (value: number) => boolean): number {
  if (no - yes <= 1) return yes;
  const middle = Math.floor((yes + no) / 2);
  return holds(middle) ? between(middle, no, holds) : between(yes, middle, holds);
}
