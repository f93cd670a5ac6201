/**
 * The largest whole number from `least` to `most` for which a question is answered yes, where a yes for one
 * number means a yes for every smaller one; `undefined` where even `least` is a no.
 *
 * @example largest(1, 100, (n) => n * n <= 50) // 7
 */
export function largest(least: number, most: number, holds: (value: number) => boolean): number | undefined {
  if (most < least || !holds(least)) return undefined;
  if (holds(most)) return most;
  let [yes, no] = [least, most];
  while (no - yes > 1) {
    const middle = Math.floor((yes + no) / 2);
    if (holds(middle)) yes = middle;
    else no = middle;
  }
  return yes;
}
