import { InputError } from '../../errors.js';
import { isHarmless, looksLikeMemory, saysNothing } from './field-names.js';

/**
 * The fields of a config, read by name and type. It remembers which were read, so that what nobody understood can be
 * refused. `null` is the same as absent.
 */
export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #prefix: string;
  readonly #read = new Set<string>();
  readonly #groups: Fields[] = [];

  constructor(values: Readonly<Record<string, unknown>>, path: string, prefix = '') {
    this.#values = values;
    this.#path = path;
    this.#prefix = prefix;
  }

  /** The first of several names that the config says, else `undefined`. All of them count as read. */
  raw(...names: readonly string[]): unknown {
    for (const name of names) this.#read.add(name);
    return this.#found(names)?.[1];
  }

  has(name: string): boolean {
    return this.raw(name) !== undefined;
  }

  /** @throws InputError `not-understood` where it is missing, `bad-file` where it is no whole number above zero */
  count(...names: readonly string[]): number {
    return this.optionalCount(...names) ?? this.missing(names[0]!);
  }

  /** A whole number above zero; `undefined` where absent. Zero is wrong. */
  optionalCount(...names: readonly string[]): number | undefined {
    const value = this.raw(...names);
    if (value === undefined) return undefined;
    return isCount(value) ? value : this.#wrong(names, value, 'a whole number above zero');
  }

  /** As `optionalCount`, with zero and `false` for none. */
  countOrNone(...names: readonly string[]): number | undefined {
    const value = this.raw(...names);
    return value === 0 || value === false ? undefined : this.optionalCount(...names);
  }

  /** A whole number, zero included. */
  whole(fallback: number, ...names: readonly string[]): number {
    const value = this.raw(...names);
    if (value === undefined) return fallback;
    return value === 0 || isCount(value) ? value : this.#wrong(names, value, 'a whole number');
  }

  /** A finite number. */
  number(fallback: number, ...names: readonly string[]): number {
    const value = this.raw(...names);
    if (value === undefined) return fallback;
    return typeof value === 'number' && Number.isFinite(value)
      ? value
      : this.#wrong(names, value, 'a number');
  }

  flag(fallback: boolean, ...names: readonly string[]): boolean {
    const value = this.raw(...names);
    if (value === undefined) return fallback;
    return typeof value === 'boolean' ? value : this.#wrong(names, value, 'true or false');
  }

  text(...names: readonly string[]): string | undefined {
    const value = this.raw(...names);
    if (value === undefined) return undefined;
    return typeof value === 'string' ? value : this.#wrong(names, value, 'text');
  }

  list(...names: readonly string[]): readonly unknown[] | undefined {
    const value = this.raw(...names);
    if (value === undefined) return undefined;
    return Array.isArray(value) ? value : this.#wrong(names, value, 'a list');
  }

  /** A list of whole numbers, zero included. */
  wholes(...names: readonly string[]): readonly number[] | undefined {
    const list = this.list(...names);
    if (!list) return undefined;
    const ok = list.every((value): value is number => value === 0 || isCount(value));
    return ok ? list : this.#wrong(names, 'its entries', 'whole numbers');
  }

  texts(...names: readonly string[]): readonly string[] | undefined {
    const list = this.list(...names);
    if (!list) return undefined;
    const ok = list.every((value): value is string => typeof value === 'string');
    return ok ? list : this.#wrong(names, 'its entries', 'texts');
  }

  /** Fields below one name; `undefined` where absent. What is not read there is refused with the rest. */
  group(...names: readonly string[]): Fields | undefined {
    const value = this.raw(...names);
    if (value === undefined) return undefined;
    const name = this.#found(names)![0];
    if (!isRecord(value)) return this.#wrong(names, value, 'a group of fields');
    const group = new Fields(value, this.#path, `${this.#prefix}${name}.`);
    this.#groups.push(group);
    return group;
  }

  /** As `group`, for fields of which none changes memory: what is not read there is no matter. */
  looseGroup(...names: readonly string[]): Fields | undefined {
    const value = this.raw(...names);
    return isRecord(value) ? new Fields(value, this.#path, `${this.#prefix}${names[0]}.`) : undefined;
  }

  /** A list of groups of fields. */
  groups(...names: readonly string[]): readonly Fields[] {
    const list = this.list(...names) ?? this.missing(names[0]!);
    return list.map((value, index) => {
      if (!isRecord(value)) return this.#wrong(names, 'its entries', 'groups of fields');
      const group = new Fields(value, this.#path, `${this.#prefix}${names[0]}[${index}].`);
      this.#groups.push(group);
      return group;
    });
  }

  /** Names that this family has and that change nothing here. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.#read.add(name);
  }

  /** Refuses a value that no rule reads. */
  refuse(name: string, value?: unknown): never {
    const said = value === undefined ? '' : ` ${JSON.stringify(value)}`;
    throw new InputError('not-understood', { path: this.#path, field: `${this.#prefix}${name}${said}` });
  }

  missing(name: string): never {
    throw new InputError('not-understood', {
      path: this.#path,
      field: `${this.#prefix}${name}`,
      missing: true,
    });
  }

  /** A value that cannot be, by itself or beside others. */
  wrong(problem: string): never {
    throw new InputError('bad-file', {
      path: this.#path,
      problem,
      hint: 'Give the config.json of the release.',
    });
  }

  /**
   * Refuses the first field that may change memory and that nobody read.
   *
   * @throws InputError `not-understood` naming it
   */
  refuseUnread(): void {
    for (const [name, value] of Object.entries(this.#values)) {
      if (this.#read.has(name) || isHarmless(name) || saysNothing(value)) continue;
      if (looksLikeMemory(name, value)) this.refuse(name);
    }
    for (const group of this.#groups) group.refuseUnread();
  }

  #found(names: readonly string[]): [string, unknown] | undefined {
    for (const name of names) {
      const value = Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
      if (value !== undefined && value !== null) return [name, value];
    }
    return undefined;
  }

  #wrong(names: readonly string[], value: unknown, wanted: string): never {
    const name = this.#found(names)?.[0] ?? names[0];
    const said = typeof value === 'string' ? value : JSON.stringify(value);
    return this.wrong(`${this.#prefix}${name} is ${said.slice(0, 60)}, not ${wanted}`);
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;

/** Whether a value is an object of fields. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
