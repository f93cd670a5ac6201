import { InputError } from '../../../errors.js';
import type { OptionValue } from '../../../schema/request.js';
import { readOverrides } from './overrides.js';

/** What an option takes, in the words of an error. */
export type OptionKind =
  | { readonly takes: 'switch' }
  | { readonly takes: 'number'; readonly least: number; readonly words?: readonly string[] }
  | { readonly takes: 'word'; readonly words: readonly string[] }
  | { readonly takes: 'shares' }
  | { readonly takes: 'overrides' };

export interface Option {
  readonly kind: OptionKind;
  /** What holds where nothing is said; absent where nothing is set. */
  readonly standard?: OptionValue;
  readonly help: string;
}

const SWITCH = { takes: 'switch' } as const;
const words = (...list: string[]) => ({ takes: 'word', words: list }) as const;
const number = (least: number, ...list: string[]) => ({ takes: 'number', least, words: list }) as const;

/** Settings of llama.cpp under its own flag names (`common/arg.cpp`), and three of the planner: program, backend, fit. */
export const OPTIONS: Readonly<Record<string, Option>> = {
  'ctx-size': {
    kind: number(1),
    help: 'the whole -c, shared by the sequences; instead of a context for each',
  },
  parallel: { kind: number(1, 'auto'), help: 'slots of the server; auto is 4 slots in one unified cache' },
  'kv-unified': { kind: SWITCH, standard: false, help: 'one cache for all sequences' },
  'batch-size': { kind: number(1), standard: 2048, help: 'tokens handed over at once' },
  'ubatch-size': {
    kind: number(1),
    standard: 512,
    help: 'tokens computed at once; sets the compute buffers',
  },
  'flash-attn': {
    kind: words('auto', 'on', 'off'),
    standard: 'auto',
    help: 'auto resolves to on for every planned model',
  },
  'swa-full': { kind: SWITCH, standard: false, help: 'sliding windows keep the whole context' },
  'n-gpu-layers': {
    kind: number(0, 'all', 'auto'),
    standard: 'all',
    help: 'layers on the cards, from the last; the output counts as one',
  },
  'split-mode': {
    kind: words('layer', 'none'),
    standard: 'layer',
    help: 'layers over the cards, or all on the first',
  },
  'tensor-split': { kind: { takes: 'shares' }, help: 'shares of the layers, such as 3,1' },
  'cpu-moe': { kind: SWITCH, standard: false, help: 'routed experts stay in host memory' },
  'n-cpu-moe': { kind: number(0), help: 'routed experts of the first N layers stay in host memory' },
  'override-tensor': {
    kind: { takes: 'overrides' },
    help: 'tensors that a pattern finds lie elsewhere, such as exps=CPU',
  },
  'no-kv-offload': { kind: SWITCH, help: 'the cache stays in host memory' },
  'no-op-offload': {
    kind: SWITCH,
    help: 'cards do not compute with weights that lie on the host',
  },
  'no-repack': { kind: SWITCH, standard: false, help: 'weights on the CPU keep the layout of the file' },
  mmproj: { kind: SWITCH, standard: false, help: 'load the vision projector beside the model' },
  program: {
    kind: words('server', 'cli'),
    standard: 'server',
    help: 'cli reserves logits for a whole ubatch',
  },
  backend: { kind: words('cuda', 'rocm', 'vulkan', 'metal', 'sycl', 'cpu'), help: 'follows the card' },
  fit: {
    kind: words('off', 'on'),
    standard: 'off',
    help: 'on: the engine chooses context, layers and experts for the free memory, as it does unless told not to',
  },
};

/** Flags of the engine, or values of them, that are known but whose memory is not planned yet. */
const NOT_PLANNED = new Set([
  'lora',
  'model-draft',
  'main-gpu',
  'rpc',
  'control-vector',
  'split-mode=row',
  'split-mode=tensor',
]);

export type OptionValues = Readonly<Record<string, OptionValue>>;

/**
 * Checks the settings a user gave and reads their values; a name may carry its dashes.
 *
 * @throws InputError `unknown-option`, `bad-number`, `engine-refuses`
 * @example readOptions({ 'ubatch-size': '2048' }) // { 'ubatch-size': 2048 }
 */
export function readOptions(given: OptionValues): OptionValues {
  const read: Record<string, OptionValue> = {};
  for (const [key, value] of Object.entries(given)) {
    const name = key.replace(/^-+/, '');
    const known = Object.keys(OPTIONS);
    const notPlanned = [name, `${name}=${value}`].find((setting) => NOT_PLANNED.has(setting));
    if (notPlanned) throw new InputError('unknown-option', { name: notPlanned, known, notPlanned: true });
    const option = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
    if (!option) throw new InputError('unknown-option', { name, known, notPlanned: false });
    const readNow = readValue(name, option.kind, value);
    if (Object.hasOwn(read, name) && read[name] !== readNow) {
      throw new InputError('contradiction', {
        one: `option ${name} ${read[name]}`,
        other: `option ${key} ${value}`,
      });
    }
    read[name] = readNow;
  }
  return read;
}

type Wrong = (expected: string) => InputError;

function readValue(name: string, kind: OptionKind, value: OptionValue): OptionValue {
  const wrong: Wrong = (expected) =>
    new InputError('bad-number', { what: `option ${name}`, text: String(value), expected });
  switch (kind.takes) {
    case 'switch':
      return readSwitch(value, wrong);
    case 'word':
      if (kind.words.includes(String(value))) return value;
      throw wrong(kind.words.join(', '));
    case 'shares':
      return readShares(value, wrong);
    case 'overrides':
      readOverrides(String(value));
      return String(value);
    case 'number':
      return kind.words?.includes(String(value)) ? value : readNumber(value, kind.least, wrong);
  }
}

function readSwitch(value: OptionValue, wrong: Wrong): boolean {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw wrong('switch');
}

function readNumber(value: OptionValue, least: number, wrong: Wrong): number {
  const count = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof count === 'number' && Number.isSafeInteger(count) && count >= least) return count;
  throw wrong(`a whole number from ${least}`);
}

function readShares(value: OptionValue, wrong: Wrong): string {
  const text = String(value);
  const shares = text.split(/[,/]/).map(Number);
  const valid =
    shares.every((share) => Number.isFinite(share) && share >= 0) && shares.some((share) => share > 0);
  if (!text || !valid) throw wrong('shares such as 3,1');
  return text;
}
