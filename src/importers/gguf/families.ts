import type { Architecture } from '../../schema/model.js';
import type { Metadata } from './metadata.js';
import { hasWindow, sliding, WINDOW, type WindowOf } from './windows.js';

type Asks = (metadata: Metadata) => boolean;

/** What the file of an architecture leaves unsaid, because llama.cpp has it in its code. */
export interface GgufFamily {
  readonly activation?: Architecture['activation'];
  /** Trained numbers of the activation function; the file has them among its metadata. */
  readonly activationParameters?: number;
  /** Without it all layers see everything. */
  readonly window?: WindowOf;
  /** Whether a layer sees positions by rotation; without it all do. */
  readonly rotates?: (layer: number, metadata: Metadata) => boolean;
  /** The last layers use the cache of earlier ones: the file says how many. */
  readonly sharesKv?: true;
  /** Whether a layer has an indexer; without it those do that have its tensors. */
  readonly indexes?: (layer: number, metadata: Metadata) => boolean;
  /** The table of rope's factors spares some pairs of numbers, it is no scaling. */
  readonly tableSpares?: true;
  /** The file says how many of the first layers add a part of a wider embedding. */
  readonly deepstack?: true;
  /** What has the width that the file says for feed-forwards, if not they: gate and up together, or the experts. */
  readonly saysWidthOf?: 'gateAndUp' | 'experts';
  /** The file may say limits of what gate and up give. */
  readonly clamps?: true;
  /** The correction of the choice of experts is trained. */
  readonly trainsCorrection?: true;
  /** The `model_type` of those with experts, or with layers for multi-token prediction, if not that of the others. */
  readonly types?: { readonly experts?: string; readonly mtp?: string };
  /** The architecture whose `model_type` is this one's too. */
  readonly typesOf?: string;
  /** The file may have layers for multi-token prediction: the loader skips them. */
  readonly skipsMtp?: true;
  /** Gate and up of experts may be one matrix. */
  readonly fusesExperts?: true;
  /** What the file may say that changes memory and that no rule reads, by its key. Factors and the like do not. */
  readonly refuses?: Readonly<Record<string, Asks>>;
}

/** Only layers with a window see positions by rotation. */
const onlyWindowsTurn = (window: WindowOf): GgufFamily => ({
  window,
  rotates: (layer, metadata) => window(layer, metadata) !== undefined,
});

/** Chunked layers of Llama 4, whatever the file says: `src/models/llama4.cpp:load_arch_hparams`. */
const LLAMA4_CHUNK = 8192;
/** Every fourth layer of Llama 4 sees no positions, and everything where the file does not say another. */
const LLAMA4_PATTERN = 4;

/** An explicit window of 0 turns the chunks off, and with them all layers without positions but the last. */
const hasChunks: Asks = (metadata) => metadata.optionalWhole(WINDOW) !== 0;

/** Granite takes this key as the switch for rotation. */
const saysRotation = (_: number, metadata: Metadata): boolean =>
  metadata.optionalSwitch('rope.scaling.finetuned') ?? true;

/** `src/models/baichuan.cpp`: the model of 13B, which 40 layers mean, has none. */
const BAICHUAN_TURNS = 32;

/** GLM 5.2 by its context, where the file does not list its indexers: `src/models/glm-dsa.cpp:load_arch_hparams`. */
const GLM_52_TOKENS = 1_048_576;

function glmIndexes(layer: number, metadata: Metadata): boolean {
  const listed = metadata.list('attention.indexer.types');
  if (listed) return (listed[layer] ?? 0) !== 0;
  return metadata.count('context_length') < GLM_52_TOKENS || layer < 2 || (layer - 2) % 4 === 0;
}

const TEMPERATURE = 'attention.temperature_scale';
const SECTIONS = 'rope.dimension_sections';
const DEEPSTACK = 'deepstack_mapping';

const isScaledByPosition: Asks = (metadata) => metadata.optionalNumber(TEMPERATURE) !== undefined;
const hasYarn: Asks = (metadata) => metadata.optionalText('rope.scaling.type') === 'yarn';

/** Three places a token, for images: `llama-hparams.cpp:use_mrope`. */
const hasSections: Asks = (metadata) => {
  const [time = 0, height = 0] = metadata.list(SECTIONS) ?? [];
  return time > 0 && height > 0;
};

/**
 * Every architecture of llama.cpp that is read from a file, under the engine's own name.
 * Source: llama.cpp v0.5.0 `src/models/<name>.cpp:load_arch_hparams`.
 */
export const GGUF_FAMILIES: Readonly<Record<string, GgufFamily>> = {
  llama: { types: { experts: 'mixtral' } },
  llama4: {
    window: (layer, metadata) =>
      hasChunks(metadata) && hasWindow(layer, metadata, { every: LLAMA4_PATTERN })
        ? { kind: 'chunked', window: LLAMA4_CHUNK }
        : undefined,
    rotates: (layer, metadata) =>
      (layer + 1) % (hasChunks(metadata) ? LLAMA4_PATTERN : metadata.count('block_count')) !== 0,
  },
  mistral3: {
    refuses: { [TEMPERATURE]: (metadata) => isScaledByPosition(metadata) !== hasYarn(metadata) },
  },
  qwen: { saysWidthOf: 'gateAndUp' },
  qwen2: {},
  qwen2vl: {},
  qwen2moe: {},
  qwen3: {},
  qwen3vl: { deepstack: true },
  qwen3moe: {},
  qwen3vlmoe: { deepstack: true },
  qwen3next: { skipsMtp: true, fusesExperts: true },
  qwen35: { skipsMtp: true },
  qwen35moe: { skipsMtp: true, fusesExperts: true },
  'gpt-oss': { activation: 'swigluoai', window: sliding({ every: 2 }) },
  deepseek2: {
    types: { mtp: 'glm4_moe_lite' },
    skipsMtp: true,
    fusesExperts: true,
    refuses: { [TEMPERATURE]: isScaledByPosition },
  },
  deepseek4: { skipsMtp: true },
  deepseek32: { skipsMtp: true },
  'glm-dsa': { skipsMtp: true, indexes: glmIndexes },
  chatglm: {},
  glm4: { refuses: { [SECTIONS]: hasSections } },
  glm4moe: { skipsMtp: true, refuses: { [SECTIONS]: hasSections } },
  gemma: { activation: 'gelu' },
  gemma2: { activation: 'gelu', window: sliding({ every: 2, size: 4096 }) },
  gemma3: { activation: 'gelu', window: sliding({ every: 6, optional: true }) },
  gemma4: {
    activation: 'gelu',
    window: sliding({}),
    sharesKv: true,
    tableSpares: true,
    fusesExperts: true,
  },
  phi3: {},
  olmo2: { window: sliding({ every: 4, optional: true }) },
  'command-r': {},
  cohere2: onlyWindowsTurn(sliding({ every: 4 })),
  seed_oss: {},
  ernie4_5: {},
  'ernie4_5-moe': { trainsCorrection: true },
  apertus: { activationParameters: 2 },
  exaone: {},
  'exaone-moe': { skipsMtp: true, ...onlyWindowsTurn(sliding({ every: 4 })) },
  internlm2: {},
  baichuan: { rotates: (_, metadata) => metadata.count('block_count') === BAICHUAN_TURNS },
  'minimax-01': {},
  'minimax-m2': {},
  'minimax-m3': { activation: 'swigluoai' },
  granite: {
    rotates: saysRotation,
    refuses: { [DEEPSTACK]: (metadata) => metadata.has(DEEPSTACK) },
  },
  granitemoe: {},
  granitehybrid: { rotates: saysRotation },
  nemotron_h: { rotates: () => false },
  nemotron_h_moe: { rotates: () => false, typesOf: 'nemotron_h', skipsMtp: true },
  olmoe: {},
  'hunyuan-moe': {},
  bailingmoe: {},
  bailingmoe2: { skipsMtp: true, trainsCorrection: true },
  afmoe: {
    ...onlyWindowsTurn(sliding({ every: 4 })),
    trainsCorrection: true,
    // Without windows the engine turns three of four layers nonetheless.
    refuses: { [WINDOW]: (metadata) => metadata.optionalCount(WINDOW) === undefined },
  },
  laguna: {
    window: sliding({ every: 4, first: true, optional: true }),
    trainsCorrection: true,
  },
  step35: { window: sliding({}), skipsMtp: true, clamps: true },
  mimo2: { window: sliding({}), skipsMtp: true },
  'kimi-linear': { rotates: () => false },
  'kimi-k3': { activation: 'situ', rotates: () => false },
  'muse-glimmer': onlyWindowsTurn(sliding({ every: 4 })),
  phimoe: {},
  dbrx: {},
  arctic: { saysWidthOf: 'experts' },
  grok: {},
  jamba: { rotates: () => false },
  deci: {},
};
