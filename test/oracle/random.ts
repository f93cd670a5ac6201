/** Numbers and choices that follow from a seed alone. */
export interface Random {
  /** A number from 0 up to 1. */
  next(): number;
  /** True that often. */
  chance(share: number): boolean;
  /** A whole number, both ends included. */
  whole(least: number, most: number): number;
  /** A whole number, small ones as often as large ones on a scale of powers. */
  scaled(least: number, most: number): number;
  pick<T>(choices: readonly T[]): T;
}

/**
 * A generator that gives the same numbers for the same seed: mulberry32.
 *
 * @example randomFrom(1).whole(1, 6) // the same throw every time
 */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const whole = (least: number, most: number) => least + Math.floor(next() * (most - least + 1));
  return {
    next,
    chance: (share) => next() < share,
    whole,
    scaled: (least, most) => Math.round(least * (most / least) ** next()),
    pick: (choices) => choices[whole(0, choices.length - 1)]!,
  };
}
