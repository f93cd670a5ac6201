import { existsSync } from 'node:fs';
import { isAbsolute, join, relative } from 'node:path';
import { InputError } from '../errors.js';
import type {
  Allowance,
  Allowances,
  DefaultsConfig,
  Expectations,
  GrowthConfig,
  RowConfig,
} from '../schema/check.js';
import type { DeviceRequest, Request } from '../schema/request.js';
import { parseBytes } from '../units/bytes.js';
import { parseDevices } from '../units/devices.js';
import { parseTokens } from '../units/tokens.js';
import type { CheckFile, RowEntry } from './check-config.js';
import { looksLikePath } from './paths.js';

/** Where a model lies that may be a file of the repository. */
export interface ModelPath {
  /** From the root of the file system: where it is read. */
  readonly read: string;
  /** From where the program runs: how it is shown, and asked again. */
  readonly shown: string;
  /** Its form says that it is a path; otherwise a name of the catalogue comes first. */
  readonly sure: boolean;
}

/** One row to be checked, or one that cannot be read. */
export type AskedRow =
  | {
      readonly name: string;
      readonly line: number;
      readonly request: Request;
      readonly path?: ModelPath;
      readonly expectations: Expectations;
      readonly growth: Allowances | undefined;
    }
  | { readonly name: string; readonly line: number; readonly error: InputError };

const MOST_ROWS = 1000;

/** Keys of which every value of a list makes a row. */
const MATRIX = ['model', 'quant', 'context', 'sequences', 'kv', 'devices'] as const;

/** Where the file of checks lies, where the program runs, and where the models lie that are read. */
interface Places {
  readonly folder: string;
  readonly from: string;
  readonly readFolder: string;
}

/**
 * The rows of a file, lists made into one row for each value, defaults filled in, texts read.
 *
 * @param from where the program runs: paths of models are shown from there
 * @param readFolder where they are read, if not beside the file
 * @throws InputError `too-many-checks`
 */
export function rowsOf(file: CheckFile, from: string, readFolder = file.folder): AskedRow[] {
  refuseExplosion(file);
  const places = { folder: file.folder, from, readFolder };
  const rows = file.entries.flatMap((entry, index) => rowsOfEntry(entry, index, file.defaults, places));
  return withoutTwins(rows);
}

function refuseExplosion({ path, entries, defaults }: CheckFile): void {
  const counts = entries.map(({ config }) => (config ? combinations(merged(defaults, config)) : 1));
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (all <= MOST_ROWS) return;
  const largest = counts.indexOf(Math.max(...counts));
  const { line } = entries[largest]!;
  throw new InputError('too-many-checks', { path, rows: all, most: MOST_ROWS, line, ofRow: counts[largest] });
}

const combinations = (config: RowConfig): number =>
  MATRIX.reduce((product, key) => product * valuesOf(config, key).length, 1);

/** The values of a matrix key. A list of device objects is one machine, as in a request. */
function valuesOf(config: RowConfig, key: (typeof MATRIX)[number]): readonly unknown[] {
  const value = config[key];
  if (!Array.isArray(value)) return [value];
  if (key === 'devices' && typeof value[0] !== 'string') return [value];
  return value;
}

const merged = (defaults: DefaultsConfig, row: RowConfig): RowConfig => ({
  ...defaults,
  ...row,
  options: { ...defaults.options, ...row.options },
  limits: { ...defaults.limits, ...row.limits },
});

function rowsOfEntry(entry: RowEntry, index: number, defaults: DefaultsConfig, places: Places): AskedRow[] {
  const { line, faults, config } = entry;
  const name = entry.name ?? `row ${index + 1}`;
  if (!config) return [{ name, line, error: new InputError('bad-row', { name, list: faults }) }];
  const whole = merged(defaults, config);
  const lists = MATRIX.filter((key) => valuesOf(whole, key).length > 1);
  return expanded(whole).map((single) => {
    const shown = nameOf(entry.name, single, lists);
    try {
      return { name: shown, line, ...askedOf(single, places) };
    } catch (error) {
      if (error instanceof InputError) return { name: shown, line, error };
      throw error;
    }
  });
}

function expanded(config: RowConfig): RowConfig[] {
  return MATRIX.reduce<RowConfig[]>(
    (rows, key) => rows.flatMap((row) => valuesOf(config, key).map((value) => ({ ...row, [key]: value }))),
    [config],
  );
}

/** What the file calls it with what tells it from its siblings; else what is asked. */
function nameOf(
  given: string | undefined,
  row: RowConfig,
  lists: readonly (typeof MATRIX)[number][],
): string {
  const keys = given === undefined ? MATRIX : lists;
  const words = keys.flatMap((key) => (row[key] === undefined ? [] : [wordOf(key, row[key])]));
  return [given, ...words].filter((word) => word !== undefined).join(' · ');
}

function wordOf(key: (typeof MATRIX)[number], value: unknown): string {
  if (key === 'sequences') return `${value} seq`;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function askedOf(row: RowConfig, places: Places) {
  const { limits = {} } = row;
  const request: Request = {
    model: row.model as string,
    ...given('engine', row.engine),
    ...given('engineVersion', row.engineVersion),
    ...given('quant', row.quant as string | undefined),
    ...given('contextTokens', tokensOf(row.context as string | number | undefined, 'context')),
    ...given('sequences', row.sequences as number | undefined),
    ...given('kvTypeK', row.kvK ?? (row.kv as string | undefined)),
    ...given('kvTypeV', row.kvV ?? (row.kv as string | undefined)),
    ...given('devices', row.devices === undefined ? undefined : devicesOf(row.devices)),
    ...given('hostMemoryBytes', bytesOf(row.hostMemory, 'hostMemory')),
    ...given('limits', requestLimits(limits)),
    ...given('options', Object.keys(row.options ?? {}).length > 0 ? row.options : undefined),
    ...given('imatrix', row.imatrix),
    ...given('fileBytes', bytesOf(row.fileSize, 'fileSize')),
    ...given('allowContextOverflow', row.allowContextOverflow),
  };
  const expectations: Expectations = {
    ...given('fits', limits.fits),
    parts: Object.fromEntries(
      Object.entries(limits.parts ?? {}).map(([id, text]) => [id, parseBytes(text, `limits.parts.${id}`)]),
    ),
    ...given('contextTokens', tokensOf(limits.minContext, 'limits.minContext')),
    ...given('sequences', limits.minSequences),
  };
  return {
    request,
    ...given('path', modelPath(request.model, places)),
    expectations,
    growth: row.growth === undefined ? undefined : allowancesOf(row.growth),
  };
}

function given<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: V });
}

/** A path in the repository starts from the folder of the file. */
function modelPath(model: string, { folder, from, readFolder }: Places): ModelPath | undefined {
  const sure = looksLikePath(model);
  if (isAbsolute(model)) return undefined;
  const read = join(readFolder, model);
  if (!sure && !existsSync(read)) return undefined;
  const path = relative(from, join(folder, model)).replaceAll('\\', '/');
  return { read, shown: path.startsWith('.') ? path : `./${path}`, sure };
}

const tokensOf = (value: string | number | undefined, what: string): number | 'max' | undefined =>
  typeof value === 'string' ? parseTokens(value, what) : value;

const bytesOf = (text: string | undefined, what: string): number | undefined =>
  text === undefined ? undefined : parseBytes(text, what);

/** `2x4090 + 3090` is one mixed machine, `cpu` none. */
function devicesOf(value: NonNullable<RowConfig['devices']>): DeviceRequest[] {
  if (Array.isArray(value)) return value as DeviceRequest[];
  if (typeof value === 'object') return [value];
  const text = String(value).trim();
  return text.toLowerCase() === 'cpu' ? [] : text.split(/\s*\+\s*/).map(parseDevices);
}

function requestLimits({ total, perDevice }: NonNullable<RowConfig['limits']>): Request['limits'] {
  if (total === undefined && perDevice === undefined) return undefined;
  return {
    ...given('totalBytes', bytesOf(total, 'limits.total')),
    ...given('perDeviceBytes', bytesOf(perDevice, 'limits.perDevice')),
  };
}

/** `5%`, `1GiB`, 0, or one of these for each thing that may grow. */
export function allowancesOf(growth: GrowthConfig): Allowances {
  const entries = typeof growth === 'object' ? Object.entries(growth) : [['total', growth] as const];
  return Object.fromEntries(entries.map(([id, value]) => [id, allowanceOf(String(value))]));
}

function allowanceOf(text: string): Allowance {
  const share = /^(\d+(?:\.\d+)?)\s*%$/.exec(text)?.[1];
  if (share !== undefined) return { share: Number(share) / 100 };
  if (text === '0') return { bytes: 0 };
  try {
    return { bytes: parseBytes(text) };
  } catch {
    const expected = '0, a share such as 5% or a size such as 1GiB';
    throw new InputError('bad-number', { what: 'growth', text, expected });
  }
}

/** A name says which row of the baseline is meant: the second of two equal ones is refused. */
function withoutTwins(rows: readonly AskedRow[]): AskedRow[] {
  const lines = new Map<string, number>();
  return rows.map((row) => {
    const first = lines.get(row.name);
    if (first === undefined) lines.set(row.name, row.line);
    if (first === undefined || 'error' in row) return row;
    const { name, line } = row;
    return {
      name,
      line,
      error: new InputError('bad-row', {
        name,
        list: [`line ${line}: line ${first} has a row of the same name`],
      }),
    };
  });
}
