import { brokenFile } from '../bytes-source.js';
import type { GgufHeader } from './header.js';

/** The metadata of one architecture: keys are said without its name in front. */
export interface Metadata {
  readonly architecture: string;
  /** The file, as messages call it. */
  readonly file: string;
  /** A whole number above zero. @throws InputError `bad-file` where it is something else or missing */
  readonly count: (key: string) => number;
  /** A whole number from zero, or `undefined` where the key is missing. */
  readonly optionalWhole: (key: string) => number | undefined;
  /** The same, or `undefined` where the key is missing or 0. */
  readonly optionalCount: (key: string) => number | undefined;
  /** A finite number above zero, or `undefined` where the key is missing or 0. */
  readonly optionalNumber: (key: string) => number | undefined;
  readonly optionalText: (key: string) => string | undefined;
  readonly optionalSwitch: (key: string) => boolean | undefined;
  /** Whole numbers from 0, one a layer: a single number holds for all. `undefined` where the key is missing. */
  readonly perLayer: (key: string, layers: number) => readonly number[] | undefined;
  /** Any number of one layer, or the one that holds for all; 0 where the key is missing. */
  readonly numberOf: (key: string, layer: number) => number;
  /** Whole numbers from 0, or switches as 1 and 0. `undefined` where the key is missing or no list. */
  readonly list: (key: string) => readonly number[] | undefined;
  readonly has: (key: string) => boolean;
  /** The error that a key is wrong. */
  readonly fault: (key: string, problem: string) => Error;
}

/**
 * The metadata of a header under the name of its architecture.
 *
 * @example metadataOf(header, 'llama').count('block_count') // 32
 */
export function metadataOf({ name: file, metadata }: GgufHeader, architecture: string): Metadata {
  const get = (key: string) => metadata.get(`${architecture}.${key}`);
  const lists = new Map<string, readonly number[]>();
  const fault = (key: string, problem: string): Error =>
    brokenFile(file, `${architecture}.${key} ${problem}`, undefined, 'The file was not converted right.');

  const optionalWhole = (key: string): number | undefined => {
    const value = get(key);
    if (value === undefined) return undefined;
    if (typeof value !== 'number') throw fault(key, `is ${kindOf(value)} and no number`);
    if (!Number.isSafeInteger(value) || value < 0) throw fault(key, `is ${value} and no whole number from 0`);
    return value;
  };
  const optionalCount = (key: string): number | undefined => optionalWhole(key) || undefined;

  const list = (key: string): readonly number[] | undefined => {
    const value = get(key);
    if (!Array.isArray(value)) return undefined;
    const known = lists.get(key);
    if (known) return known;
    const numbers = (value as unknown[]).map(Number);
    if (!numbers.every((number) => Number.isSafeInteger(number) && number >= 0))
      throw fault(key, 'holds something else than whole numbers');
    lists.set(key, numbers);
    return numbers;
  };

  return {
    architecture,
    file,
    fault,
    optionalWhole,
    optionalCount,
    list,
    has: (key) => get(key) !== undefined,
    count: (key) => {
      const value = optionalCount(key);
      if (value === undefined) throw fault(key, get(key) === undefined ? 'is missing' : 'is 0');
      return value;
    },
    optionalNumber: (key) => {
      const value = get(key);
      if (value === undefined || value === 0) return undefined;
      if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
        throw fault(key, `is ${kindOf(value)} and no number above 0`);
      return tidy(value);
    },
    optionalText: (key) => {
      const value = get(key);
      return typeof value === 'string' ? value : undefined;
    },
    optionalSwitch: (key) => {
      const value = get(key);
      return typeof value === 'boolean' ? value : undefined;
    },
    numberOf: (key, layer) => {
      const value = get(key) ?? 0;
      const number: unknown = Array.isArray(value) ? value[layer] : value;
      if (typeof number !== 'number') throw fault(key, `gives layer ${layer} no number`);
      return number;
    },
    perLayer: (key, layers) => {
      const listed = lists.get(key) ?? list(key);
      if (listed && listed.length !== layers)
        throw fault(key, `has ${listed.length} items for ${layers} layers`);
      if (listed) return listed;
      const single = optionalWhole(key);
      if (single === undefined) return undefined;
      const all = new Array<number>(layers).fill(single);
      lists.set(key, all);
      return all;
    },
  };
}

const kindOf = (value: unknown): string => {
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'too long' : String(value).slice(0, 40);
};

/**
 * A number that went through 32 bits, as it was written before: the shortest decimal that has the same 32 bits.
 *
 * @example tidy(Math.fround(1e-5)) // 0.00001
 */
function tidy(value: number): number {
  for (let places = 1; places <= 9; places++) {
    const short = Number(value.toPrecision(places));
    if (Math.fround(short) === value || short === value) return short;
  }
  return value;
}
