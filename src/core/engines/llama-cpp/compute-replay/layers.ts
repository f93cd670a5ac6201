/** Periods that a repeat keeps at its start; the last of them stands for the middle. */
const LEADING = 3;

/** A loop of fewer rounds is not worth its bookkeeping. */
const LEAST_ROUNDS = 3;

/** Longest pattern of layers that is looked for. */
const LONGEST_PERIOD = 12;

/** A stretch of kept layers that stands for itself and as often again as it was left out. */
export interface Repeat {
  /** Number among the kept layers, and how many of them. */
  readonly from: number;
  readonly period: number;
  /** How often it runs in all. */
  readonly times: number;
}

/** Layers to build a graph of, in order, and what of them repeats. */
export interface Cut {
  readonly kept: readonly number[];
  readonly repeats: readonly Repeat[];
}

/** All layers, none left out. */
export const uncut = (layers: number): Cut => ({
  kept: Array.from({ length: layers }, (_, layer) => layer),
  repeats: [],
});

/**
 * Leaves out the middle of every long repeat of layers.
 *
 * @param kinds for each layer a text that equal layers share
 * @param trailing periods that a repeat keeps at its end: as far as what follows reaches back
 * @example cutLayers(new Array(32).fill('a'), 1).kept // [0, 1, 2, 31]
 */
export function cutLayers(kinds: readonly string[], trailing: number): Cut {
  const kept: number[] = [];
  const repeats: Repeat[] = [];
  let layer = 0;
  while (layer < kinds.length) {
    const { period, times } = longestRepeat(kinds, layer);
    const rounds = times - LEADING - trailing + 1;
    if (rounds < LEAST_ROUNDS) {
      kept.push(layer++);
      continue;
    }
    const end = layer + period * times;
    const middle = layer + period * LEADING;
    repeats.push({ from: kept.length + period * (LEADING - 1), period, times: rounds });
    for (let next = layer; next < middle; next++) kept.push(next);
    for (let next = end - period * trailing; next < end; next++) kept.push(next);
    layer = end;
  }
  return { kept, repeats };
}

/** The shortest pattern from a layer on that covers the most layers. */
function longestRepeat(kinds: readonly string[], from: number): { period: number; times: number } {
  let best = { period: 1, times: 1 };
  for (let period = 1; period <= LONGEST_PERIOD; period++) {
    let end = from + period;
    while (end < kinds.length && kinds[end] === kinds[end - period]) end++;
    const times = Math.floor((end - from) / period);
    if (times > LEADING && times * period > best.times * best.period) best = { period, times };
  }
  return best;
}
