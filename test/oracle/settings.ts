// A setting drawn at random: as a request, as a command to type, and as parameters of llama.cpp.
import type { GgmlType } from '../../src/core/quant/ggml-types.js';
import type { Request } from '../../src/index.js';
import type { ContextSettings, FlashAttention, Placement } from './engine.js';
import type { Random } from './random.js';

export interface Setting {
  readonly model: string;
  readonly quant: string;
  /** Tokens of one sequence (`-c` of llmspec), or of all together (`-c` of the engine). */
  readonly context: { readonly of: 'sequence' | 'all'; readonly tokens: number };
  /** `auto`: the four slots in one cache of a server started without a number. */
  readonly sequences: number | 'auto';
  readonly unified: boolean;
  readonly batch: number;
  readonly ubatch: number;
  readonly flashAttention: FlashAttention;
  readonly kvTypeK: string;
  readonly kvTypeV: string;
  readonly swaFull: boolean;
  readonly program: 'server' | 'cli';
  readonly machine: Machine;
}

/** Where a setting runs. */
export interface Machine {
  /** A card of the catalogue; none: the processor alone. */
  readonly gpu: string | undefined;
  readonly placement: Placement;
}

/** What is drawn from, of one model. */
export interface Choices {
  readonly model: string;
  readonly quant: string;
  /** Cache types of the engine. */
  readonly kvTypes: readonly string[];
  /** The engine allocates recurrent state even when it only plans. */
  readonly mostSequences: number;
  readonly machine: Machine;
}

const AUTO_SLOTS = 4;
const MOST_TOKENS = 1 << 20;
const USUAL = { kvType: 'f16', batch: 2048, ubatch: 512 };
/** Cache types that every model takes. */
export const FLOAT_TYPES = ['f32', 'f16', 'bf16'];

/**
 * One setting, as often usual as odd: numbers that no rounding meets, batches below the ubatch, mixed cache types.
 *
 * @example commandOf(drawSetting(randomFrom(7), choices)) // 'llmspec vram llama-3.1-8b --cpu -q F16 …'
 */
export function drawSetting(random: Random, choices: Choices): Setting {
  const { model, quant, kvTypes, mostSequences, machine } = choices;
  const sequences = drawSequences(random, mostSequences);
  const slots = slotsOf(sequences);
  const flashAttention = random.pick<FlashAttention>(['auto', 'on', 'off']);
  const kvTypeK = random.chance(0.5) ? USUAL.kvType : random.pick(kvTypes);
  return {
    model,
    quant,
    context: drawContext(random, sequences),
    sequences,
    unified: random.chance(0.4),
    batch: random.chance(0.6) ? USUAL.batch : random.scaled(slots, 4096),
    ubatch: drawUbatch(random),
    flashAttention,
    kvTypeK,
    kvTypeV: drawValueType(random, { kvTypes, kvTypeK, flashAttention }),
    swaFull: random.chance(0.25),
    program: random.pick(['server', 'cli']),
    machine,
  };
}

/** Everything on the processor. */
const ON_PROCESSOR: Placement = { gpuLayers: 0, hostExperts: 0, kvOnHost: false, opsOnHost: false };

/** Where a model lies: all of it on the card as often as parts of it on the host. */
export function drawPlacement(
  random: Random,
  gpu: string | undefined,
  { layers, hasExperts }: { readonly layers: number; readonly hasExperts: boolean },
): Placement {
  if (gpu === undefined) return ON_PROCESSOR;
  return {
    gpuLayers: random.chance(0.6) ? layers + 1 : random.whole(0, layers),
    hostExperts: hasExperts && random.chance(0.4) ? random.whole(1, layers) : 0,
    kvOnHost: random.chance(0.15),
    opsOnHost: random.chance(0.15),
  };
}

function drawSequences(random: Random, most: number): number | 'auto' {
  if (random.chance(0.1)) return 'auto';
  return random.chance(0.5) ? 1 : random.scaled(2, most);
}

function drawContext(random: Random, sequences: number | 'auto'): Setting['context'] {
  const slots = slotsOf(sequences);
  const total = random.scaled(slots, MOST_TOKENS);
  const tokens = random.chance(0.5) ? total : Math.ceil(total / 1024) * 1024;
  if (sequences === 'auto' || random.chance(0.5)) return { of: 'all', tokens };
  return { of: 'sequence', tokens: Math.ceil(tokens / slots) };
}

function drawUbatch(random: Random): number {
  if (random.chance(0.3)) return USUAL.ubatch;
  return random.chance(0.5) ? 2 ** random.whole(4, 12) : random.scaled(1, 4096);
}

/** Mostly what the engine takes: a quantised cache of values needs flash attention, latent attention equal types. */
function drawValueType(
  random: Random,
  {
    kvTypes,
    kvTypeK,
    flashAttention,
  }: Pick<Setting, 'kvTypeK' | 'flashAttention'> & Pick<Choices, 'kvTypes'>,
): string {
  const wanted = random.chance(0.75) ? kvTypeK : random.pick(kvTypes);
  const refused = flashAttention === 'off' && !FLOAT_TYPES.includes(wanted);
  return refused && random.chance(0.9) ? USUAL.kvType : wanted;
}

const slotsOf = (sequences: number | 'auto'): number => (sequences === 'auto' ? AUTO_SLOTS : sequences);

/** The setting as llmspec is asked. Weights keep their layout: how a processor repacks them is its own affair. */
export function requestOf(setting: Setting): Request {
  const { context, sequences } = setting;
  const { gpu, placement } = setting.machine;
  return {
    model: setting.model,
    quant: setting.quant,
    devices: gpu === undefined ? [] : [{ gpu, count: 1 }],
    ...(context.of === 'sequence' && { contextTokens: context.tokens }),
    ...(sequences !== 'auto' && { sequences }),
    kvTypeK: setting.kvTypeK,
    kvTypeV: setting.kvTypeV,
    allowContextOverflow: true,
    options: {
      ...(context.of === 'all' && { 'ctx-size': context.tokens }),
      ...(sequences === 'auto' && { parallel: 'auto' }),
      'kv-unified': setting.unified,
      'batch-size': setting.batch,
      'ubatch-size': setting.ubatch,
      'flash-attn': setting.flashAttention,
      'swa-full': setting.swaFull,
      program: setting.program,
      'no-repack': true,
      ...(gpu !== undefined && optionsOf(placement)),
    },
  };
}

const optionsOf = ({ gpuLayers, hostExperts, kvOnHost, opsOnHost }: Placement) => ({
  'n-gpu-layers': gpuLayers,
  ...(hostExperts > 0 && { 'n-cpu-moe': hostExperts }),
  ...(kvOnHost && { 'no-kv-offload': true }),
  ...(opsOnHost && { 'no-op-offload': true }),
});

/**
 * The same question to type.
 *
 * @example commandOf(setting) // 'llmspec vram qwen3-8b --cpu -q F16 -c 8192 -n 2 … --set no-repack=true'
 */
export function commandOf(setting: Setting): string {
  const { model, quant, contextTokens, sequences, kvTypeK, kvTypeV, options } = requestOf(setting);
  const { gpu } = setting.machine;
  const flags = [
    `llmspec vram ${model} ${gpu === undefined ? '--cpu' : `--gpu ${gpu}`} -q ${quant}`,
    contextTokens === undefined ? '' : `-c ${contextTokens}`,
    sequences === undefined ? '' : `-n ${sequences}`,
    `--kv-k ${kvTypeK} --kv-v ${kvTypeV} --allow-context-overflow`,
    ...Object.entries(options ?? {}).map(([name, value]) => `--set ${name}=${value}`),
  ];
  return flags.filter((flag) => flag !== '').join(' ');
}

/** The same as what the engine's programs make of their flags: `common/common.cpp:common_context_params_to_llama`. */
export function contextSettingsOf(setting: Setting): ContextSettings {
  const { context, sequences, batch, program } = setting;
  const slots = slotsOf(sequences);
  return {
    n_ctx: context.of === 'sequence' ? context.tokens * slots : context.tokens,
    n_batch: batch,
    n_ubatch: setting.ubatch,
    n_seq_max: slots,
    // `tools/server/server-context.cpp:server_output_limits`
    n_outputs_max: program === 'server' ? Math.min(batch, slots) : 0,
    swa_full: setting.swaFull,
    kv_unified: setting.unified || sequences === 'auto',
    flashAttention: setting.flashAttention,
    kvTypeK: typeOf(setting.kvTypeK),
    kvTypeV: typeOf(setting.kvTypeV),
  };
}

const typeOf = (name: string): GgmlType => name.toUpperCase() as GgmlType;
