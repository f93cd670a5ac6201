import type { Fields } from '../fields.js';
import type { Geometry, LayerBlocks } from '../geometry.js';
import {
  type Adapter,
  checkLength,
  type Dense,
  dense,
  denseOf,
  groupsOf,
  type Moe,
  moeOf,
  pairs,
  repeated,
} from '../shared.js';
import { alternating, bySwitch, everyLayer, everyNth, frameOf, mixersOf, type Traits } from './plain.js';

/** How a family of experts differs from Llama. */
export interface MixtureTraits extends Traits {
  readonly moe: (config: Fields) => Moe;
  /** Which layers hold experts; all where absent. */
  readonly where?: (config: Fields, layers: number) => readonly boolean[];
  readonly denseSize?: (config: Fields) => number;
  readonly extra?: (config: Fields) => Partial<Geometry>;
  /** Modules for further tokens, each of the last layer's blocks unless it says otherwise. */
  readonly mtp?: (config: Fields, last: LayerBlocks) => Geometry['mtp'];
}

/** A decoder in which some or all layers hold experts. */
const mixture =
  (traits: MixtureTraits): Adapter =>
  (config) => {
    const { mixers } = mixersOf(config, traits);
    const feedForwards = feedForwardsOf(config, mixers.length, traits);
    const layers = pairs(mixers, feedForwards);
    const mtp = traits.mtp?.(config, layers.at(-1)!);
    return { ...frameOf(config, traits), ...traits.extra?.(config), layers, ...(mtp ? { mtp } : {}) };
  };

/** Experts or a plain feed-forward, layer by layer. */
export function feedForwardsOf(
  config: Fields,
  layers: number,
  { moe, where, denseSize }: Pick<MixtureTraits, 'moe' | 'where' | 'denseSize'>,
): (Moe | Dense)[] {
  const places = where?.(config, layers) ?? repeated(layers, () => true);
  const experts = places.includes(true) ? moe(config) : undefined;
  const plainLayer = places.includes(false)
    ? denseSize
      ? dense(denseSize(config))
      : denseOf(config)
    : undefined;
  config.ignore('intermediate_size');
  return places.map((isMoe) => (isMoe ? experts! : plainLayer!));
}

/** The first layers are plain, and of the rest every n-th holds experts (DeepSeek). */
export function afterFirst(usual = 0): (config: Fields, layers: number) => readonly boolean[] {
  return (config, layers) => {
    const types = mlpLayerTypes(config, layers);
    const frequency = config.raw('moe_layer_freq');
    const first = config.whole(usual, 'first_k_dense_replace', 'num_dense_layers');
    if (types) return types;
    if (Array.isArray(frequency)) return listed(config, 'moe_layer_freq', layers);
    const step = config.whole(1, 'moe_layer_freq') || 1;
    return repeated(layers, (layer) => layer >= first && layer % step === 0);
  };
}

function listed(config: Fields, name: string, layers: number): boolean[] {
  const list = config.wholes(name)!;
  checkLength(config, name, list, layers);
  return list.map((entry) => entry > 0);
}

/** `mlp_layer_types`, where the config has it. */
function mlpLayerTypes(config: Fields, layers: number): boolean[] | undefined {
  const types = config.texts('mlp_layer_types');
  if (!types) return undefined;
  checkLength(config, 'mlp_layer_types', types, layers);
  return types.map((type) => {
    if (type !== 'dense' && type !== 'sparse') config.refuse('mlp_layer_types', type);
    return type === 'sparse';
  });
}

/** Qwen: every n-th layer, less those that are named. */
export function qwenExperts(config: Fields, layers: number): boolean[] {
  config.ignore('use_qk_norm');
  const step = config.whole(1, 'decoder_sparse_step') || 1;
  const plainOnes = new Set(config.wholes('mlp_only_layers'));
  const types = mlpLayerTypes(config, layers);
  return types ?? repeated(layers, (layer) => !plainOnes.has(layer) && (layer + 1) % step === 0);
}

const EXPERTS = ['num_local_experts', 'num_experts', 'n_routed_experts'] as const;
const ACTIVE = ['num_experts_per_tok', 'num_experts_per_token', 'experts_per_token'] as const;

/** Experts, chosen experts and their width, by the usual names. */
export function expertsOf(config: Fields, widths: readonly string[], active = ACTIVE as readonly string[]) {
  return {
    experts: config.count(...EXPERTS),
    activeExperts: config.count(...active),
    intermediateSize: config.count(...widths),
  };
}

/** Shared experts as one: their number times the width of one. */
export function sharedOf(count: number, width: number): Pick<Moe, 'shared'> {
  return count > 0 ? { shared: { intermediateSize: count * width } } : {};
}

/** As many modules as a field says. */
const modulesOf =
  (name: string, more: { own?: true; layer?: (last: LayerBlocks) => LayerBlocks } = {}) =>
  (config: Fields, last: LayerBlocks): Geometry['mtp'] => {
    const modules = config.countOrNone(name);
    if (!modules) return undefined;
    const layer = more.layer?.(last) ?? last;
    return { modules, layer, ...(more.own ? { ownEmbedding: true as const } : {}) };
  };

const WIDE_BIAS = ['attention_bias', false, 'qkvo'] as const;

/** DeepSeek's experts: routed, some shared ones, a correction beside the router. */
export function deepseekMoe(config: Fields, more: Partial<Moe> = { routerCorrection: true }): Moe {
  const sizes = expertsOf(config, ['moe_intermediate_size']);
  const shared = config.whole(0, 'n_shared_experts', 'num_shared_experts');
  return moeOf(config, {
    ...sizes,
    ...groupsOf(config),
    ...more,
    ...sharedOf(shared, sizes.intermediateSize),
  });
}

/**
 * Decoders with experts. Class defaults and tensors: `configuration_<model_type>.py` and `modeling_<model_type>.py` of
 * transformers 5.18.0.
 */
export const MIXTURES: Readonly<Record<string, Adapter>> = {
  mixtral: mixture({
    attention: { kvHeads: 8 },
    window: everyLayer,
    moe: (config) => moeOf(config, expertsOf(config, ['intermediate_size'])),
    epsilon: [1e-5],
    context: 131_072,
  }),
  qwen2_moe: mixture({
    attention: { bias: 'qkv', kvHeads: 16 },
    window: bySwitch,
    where: qwenExperts,
    moe: (config) =>
      moeOf(config, {
        ...expertsOf(config, ['moe_intermediate_size']),
        shared: { intermediateSize: config.count('shared_expert_intermediate_size'), gate: true },
      }),
    context: 32_768,
  }),
  qwen3_moe: mixture({
    attention: { biasSwitch: WIDE_BIAS, qkNorm: 'head', kvHeads: 4 },
    window: bySwitch,
    where: qwenExperts,
    moe: (config) => moeOf(config, expertsOf(config, ['moe_intermediate_size'])),
    context: 32_768,
  }),
  minimax_m2: mixture({
    attention: { qkNorm: 'width', kvHeads: 8, headDim: 128 },
    moe: minimaxMoe,
    context: 196_608,
  }),
  olmoe: mixture({
    attention: { biasSwitch: WIDE_BIAS, qkNorm: 'width' },
    moe: (config) => moeOf(config, expertsOf(config, ['intermediate_size'])),
    epsilon: [1e-5],
    context: 4096,
  }),
  granitemoe: mixture({
    attention: { biasSwitch: WIDE_BIAS },
    moe: (config) => moeOf(config, expertsOf(config, ['intermediate_size'])),
    context: 2048,
  }),
  gpt_oss: mixture({
    attention: { biasSwitch: ['attention_bias', true, 'qkvo'], sinks: true, kvHeads: 8, headDim: 64 },
    window: alternating((layer) => layer % 2 === 1, 128),
    moe: (config) => moeOf(config, { ...expertsOf(config, ['intermediate_size']), bias: true }),
    extra: () => ({ activation: 'swigluoai' }),
    epsilon: [1e-5],
    theta: 150_000,
    context: 131_072,
  }),
  phimoe: mixture({
    attention: { biasSwitch: WIDE_BIAS, kvHeads: 8 },
    window: everyLayer,
    normBias: true,
    moe: (config) => moeOf(config, expertsOf(config, ['intermediate_size'])),
    extra: (config) => (config.flag(false, 'lm_head_bias') ? { headBias: true } : {}),
    epsilon: [1e-5],
    theta: 1e6,
    context: 131_072,
  }),
  ernie4_5_moe: mixture({
    attention: { kvHeads: 4 },
    where: ernieExperts,
    moe: ernieMoe,
    mtp: modulesOf('num_nextn_predict_layers'),
    tied: true,
    epsilon: [1e-5],
    theta: 500_000,
    context: 131_072,
  }),
  glm4_moe: (config) =>
    mixture({
      attention: {
        biasSwitch: ['attention_bias', false, 'qkv'],
        kvHeads: 8,
        ...(config.flag(false, 'use_qk_norm') ? { qkNorm: 'head' as const } : {}),
      },
      where: afterFirst(1),
      moe: deepseekMoe,
      mtp: modulesOf('num_nextn_predict_layers', { own: true }),
      epsilon: [1e-5],
      context: 131_072,
    })(config),
  afmoe: (config) => {
    const every = config.whole(4, 'global_attn_every_n_layers') || 4;
    return mixture({
      attention: { biasSwitch: WIDE_BIAS, qkNorm: 'head', outputGate: true, kvHeads: 16, headDim: 128 },
      window: alternating((layer) => (layer + 1) % every === 0, 1024),
      placement: 'sandwich',
      where: afterFirst(1),
      moe: (fields) => deepseekMoe(fields, { routerCorrection: 'trained' }),
      epsilon: [1e-5],
      context: 16_384,
    })(config);
  },
  exaone_moe: mixture({
    attention: { qkNorm: 'head', kvHeads: 32 },
    window: lastOfFour,
    where: afterFirst(1),
    moe: deepseekMoe,
    mtp: (config, [mixer]) =>
      modulesOf('num_nextn_predict_layers', { layer: () => [mixer!, denseOf(config)] })(config, []),
    epsilon: [1e-5],
    context: 2048,
  }),
  bailing_moe: bailing,
};

/** MiniMax-M2: modules for further tokens are in the config but not in the checkpoint. */
function minimaxMoe(config: Fields): Moe {
  config.ignore('use_mtp', 'num_mtp_modules', 'mtp_transformer_layers', 'qk_norm_type');
  if (!config.flag(true, 'use_routing_bias')) config.refuse('use_routing_bias', false);
  if (config.wholes('attn_type_list')?.includes(0)) config.refuse('attn_type_list');
  if (!config.flag(true, 'use_qk_norm')) config.refuse('use_qk_norm', false);
  if (config.countOrNone('shared_intermediate_size')) config.refuse('shared_intermediate_size');
  return moeOf(config, { ...expertsOf(config, ['intermediate_size']), routerCorrection: true });
}

function ernieExperts(config: Fields, layers: number): boolean[] {
  const first = config.whole(1, 'moe_layer_start_index');
  const end = config.raw('moe_layer_end_index');
  const last = end === -1 || end === undefined ? layers - 1 : config.whole(layers - 1, 'moe_layer_end_index');
  const step = config.whole(1, 'moe_layer_interval') || 1;
  return repeated(layers, (layer) => layer >= first && layer <= last && (layer + 1) % step === 0);
}

function ernieMoe(config: Fields): Moe {
  if (config.flag(false, 'use_bias')) config.refuse('use_bias', true);
  const intermediateSize = config.count('moe_intermediate_size');
  return moeOf(config, {
    experts: config.count('moe_num_experts'),
    activeExperts: config.count('moe_k'),
    intermediateSize,
    routerCorrection: 'trained',
    ...sharedOf(config.whole(2, 'moe_num_shared_experts'), intermediateSize),
  });
}

/** EXAONE: `LLLG`, or a number of layers of which the last is full. */
function lastOfFour(config: Fields, layers: number) {
  const pattern = config.raw('sliding_window_pattern');
  if (typeof pattern !== 'string') return everyNth(4, 4096)(config, layers);
  if (!/^[LG]+$/.test(pattern)) config.refuse('sliding_window_pattern', pattern);
  return alternating((layer) => pattern[layer % pattern.length] === 'G' || layer === layers - 1, 4096)(
    config,
    layers,
  );
}

/** Ling and Ring: both generations say `bailing_moe`; the second norms its queries and keys. */
function bailing(config: Fields): Geometry {
  const second = isSecondBailing(config);
  const bias = config.flag(false, 'use_qkv_bias');
  if (config.flag(false, 'use_bias')) config.refuse('use_bias', true);
  config.ignore('norm_head', 'norm_softmax');
  return mixture({
    attention: {
      ...(bias ? { bias: 'qkv' as const } : {}),
      ...(config.flag(second, 'use_qk_norm') ? { qkNorm: 'head' as const } : {}),
    },
    where: afterFirst(),
    moe: bailingMoe,
    mtp: modulesOf('num_nextn_predict_layers'),
    context: 32_768,
  })(config);
}

const isSecondBailing = (config: Fields): boolean =>
  config.texts('architectures')?.includes('BailingMoeV2ForCausalLM') === true;

function bailingMoe(config: Fields): Moe {
  const sizes = expertsOf(config, ['moe_intermediate_size']);
  const shared = config.whole(0, 'num_shared_experts');
  const width = config.optionalCount('moe_shared_expert_intermediate_size') ?? sizes.intermediateSize;
  const corrected = config.flag(isSecondBailing(config), 'moe_router_enable_expert_bias');
  return moeOf(config, {
    ...sizes,
    ...groupsOf(config),
    ...(corrected ? { routerCorrection: 'trained' as const } : {}),
    ...sharedOf(shared, width),
  });
}
