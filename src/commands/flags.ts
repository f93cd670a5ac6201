import type { Command } from 'commander';
import { InputError } from '../errors.js';
import type { DeviceRequest, OptionValue, Request } from '../schema/request.js';
import { parseBytes } from '../units/bytes.js';
import { parseDevices } from '../units/devices.js';
import { parseTokens } from '../units/tokens.js';
import { type SourceFlags, sourceFlags } from './planner.js';

/** The flags that the planning commands share, as commander reads them. */
export interface PlanningFlags extends SourceFlags {
  quant?: string;
  ctx?: string;
  seqs?: string;
  engine?: string;
  engineVersion?: string;
  kv?: string;
  kvK?: string;
  kvV?: string;
  gpu?: string[];
  cpu?: true;
  gpuMemoryLimit?: string;
  display?: true;
  ram?: string;
  maxMemory?: string[];
  set?: string[];
  imatrix?: true;
  fileSize?: string;
  allowContextOverflow?: true;
}

const collect = (value: string, before: string[] = []): string[] => [...before, value];

/** Adds the flags that say what is planned; `devices: false` where the command finds the devices itself. */
export function planningFlags(command: Command, { devices = true } = {}): Command {
  if (devices) deviceFlags(command);
  return sourceFlags(command)
    .option('-q, --quant <format>', 'weight format: q4, Q4_K_M, f16 … (default: the usual one)')
    .option('-c, --ctx <tokens>', 'tokens one sequence may hold: 8192, 128k, max (default: 8k)')
    .option('-n, --seqs <count>', 'sequences at once, each at that context (default: 1)')
    .option('-e, --engine <name>', 'engine (default: llama.cpp)')
    .option('--engine-version <version>', 'version of the engine')
    .option('--kv <type>', 'cache type of keys and values: f16, q8_0, q4_0 …')
    .option('--kv-k <type>', 'cache type of keys')
    .option('--kv-v <type>', 'cache type of values')
    .option('--ram <size>', 'host memory, such as 64GiB')
    .option('--max-memory <size>', 'limit: 300GiB in all, or per-device=80GiB', collect)
    .option('--set <key=value>', "an engine's own setting, such as ubatch-size=2048; repeatable", collect)
    .option('--imatrix', 'the mix was made with an importance matrix')
    .option('--file-size <size>', 'weight bytes of a custom mix, such as 22.3GiB')
    .option('--allow-context-overflow', "take a context above the model's own");
}

function deviceFlags(command: Command): void {
  command
    .option('--gpu <what>', 'rtx-4090, 2x4090, 24GiB, 4xany; repeat for mixed machines', collect)
    .option('--cpu', 'no GPU')
    .option('--gpu-memory-limit <size>', 'what one GPU may use, in place of what the catalogue says')
    .option('--display', 'the first GPU also drives a screen');
}

/**
 * A request out of flags.
 *
 * @throws InputError `contradiction`, `bad-number`
 * @example requestFrom('maverick', { quant: 'q4', ctx: '488k' }).contextTokens // 499712
 */
export function requestFrom(model: string, flags: PlanningFlags): Request {
  const kvTypes = kvTypesFrom(flags);
  const limits = limitsFrom(flags.maxMemory);
  return {
    model,
    ...given('quant', flags.quant),
    ...given('contextTokens', flags.ctx && parseTokens(flags.ctx)),
    ...given('sequences', flags.seqs && parseCount(flags.seqs, 'seqs')),
    ...given('engine', flags.engine),
    ...given('engineVersion', flags.engineVersion),
    ...kvTypes,
    ...given('devices', devicesFrom(flags)),
    ...given('hostMemoryBytes', flags.ram && parseBytes(flags.ram, 'ram')),
    ...given('limits', limits),
    ...given('options', flags.set && settingsFrom(flags.set)),
    ...given('imatrix', flags.imatrix),
    ...given('fileBytes', flags.fileSize && parseBytes(flags.fileSize, 'file-size')),
    ...given('allowContextOverflow', flags.allowContextOverflow),
  };
}

function given<K extends string, V>(key: K, value: V | undefined | ''): { [P in K]?: V } {
  return value === undefined || value === '' ? {} : ({ [key]: value } as { [P in K]: V });
}

function kvTypesFrom({ kv, kvK, kvV }: PlanningFlags): Pick<Request, 'kvTypeK' | 'kvTypeV'> {
  const side = kvK === undefined ? kvV : kvK;
  if (kv !== undefined && side !== undefined) {
    throw new InputError('contradiction', {
      one: `--kv ${kv}`,
      other: kvK === undefined ? '--kv-v' : '--kv-k',
    });
  }
  return { ...given('kvTypeK', kvK ?? kv), ...given('kvTypeV', kvV ?? kv) };
}

/** A whole number above zero. */
export function parseCount(text: string, what: string): number {
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  if (!Number.isSafeInteger(count) || count < 1)
    throw new InputError('bad-number', { what, text, expected: 'a whole number from 1' });
  return count;
}

function devicesFrom(flags: PlanningFlags): DeviceRequest[] | undefined {
  const { gpu, cpu } = flags;
  if (gpu && cpu) throw new InputError('contradiction', { one: '--cpu', other: `--gpu ${gpu.join(' ')}` });
  if (gpu) return cardsFrom(gpu, flags);
  const needsCard = flags.gpuMemoryLimit ? '--gpu-memory-limit' : flags.display && '--display';
  if (needsCard) throw new InputError('contradiction', { one: needsCard, other: cpu ? '--cpu' : 'no --gpu' });
  return cpu ? [] : undefined;
}

function cardsFrom(texts: readonly string[], { gpuMemoryLimit, display }: PlanningFlags): DeviceRequest[] {
  const limit = gpuMemoryLimit ? { memoryBytes: parseBytes(gpuMemoryLimit, 'gpu-memory-limit') } : {};
  const [first, ...others] = texts
    .map(parseDevices)
    .map((device): DeviceRequest => ({ ...device, ...limit }));
  if (!first) return [];
  return [display && 'gpu' in first ? { ...first, display: true } : first, ...others];
}

const PER_DEVICE = 'per-device=';

function limitsFrom(texts: readonly string[] = []): Request['limits'] {
  const limits: NonNullable<Request['limits']> = {};
  for (const text of texts) {
    const key = text.startsWith(PER_DEVICE) ? 'perDeviceBytes' : 'totalBytes';
    if (limits[key] !== undefined)
      throw new InputError('contradiction', { one: '--max-memory', other: `a second --max-memory ${text}` });
    limits[key] = parseBytes(text.replace(PER_DEVICE, ''), 'max-memory');
  }
  return texts.length > 0 ? limits : undefined;
}

/** `key=value`; a bare key is a switch that is on. */
function settingsFrom(texts: readonly string[]): Record<string, OptionValue> {
  const settings = new Map<string, OptionValue>();
  for (const text of texts) {
    const [, key = '', value] = /^-*([^=]*)(?:=(.*))?$/s.exec(text) ?? [];
    const before = settings.get(key);
    if (before !== undefined && before !== (value ?? true)) {
      throw new InputError('contradiction', { one: `--set ${key}=${before}`, other: `--set ${text}` });
    }
    settings.set(key, value ?? true);
  }
  return Object.fromEntries(settings);
}
