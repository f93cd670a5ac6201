import type { Block } from '../../../schema/model.js';
import type { Fields } from '../fields.js';
import type { Geometry, LayerBlocks } from '../geometry.js';
import {
  type Adapter,
  attentionOf,
  checkLength,
  dense,
  denseOf,
  groupsOf,
  layerCount,
  type Moe,
  moeOf,
  outlineOf,
  pairs,
  repeated,
} from '../shared.js';
import { expertsOf, feedForwardsOf, qwenExperts } from './mixtures.js';

/** Words of `layer_types` and its like, read as mixers; an unknown word is refused. */
function mixersByType(
  config: Fields,
  { name, layers, mixers }: { name: string; layers: number; mixers: Readonly<Record<string, Block>> },
): Block[] | undefined {
  const types = config.texts(name);
  if (!types) return undefined;
  checkLength(config, name, types, layers);
  return types.map((type) => (Object.hasOwn(mixers, type) ? mixers[type]! : config.refuse(name, type)));
}

interface QwenTraits {
  readonly moe: boolean;
  /** The module for further tokens, which Qwen3-Next's config does not mention. */
  readonly modules: (config: Fields) => number;
}

/** Qwen3-Next and Qwen3.5: gated delta nets, and gated attention every fourth layer. */
const qwenHybrid =
  ({ moe, modules: modulesOf }: QwenTraits): Adapter =>
  (config) => {
    const layers = layerCount(config);
    const attention = attentionOf(config, {
      biasSwitch: ['attention_bias', false, 'qkvo'],
      qkNorm: 'head',
      kvHeads: moe ? 2 : 4,
      headDim: 256,
      ...(config.flag(true, 'attn_output_gate') ? { outputGate: true as const } : {}),
    });
    config.ignore('output_gate_type', 'mtp_use_dedicated_embeddings');
    if (config.raw('mtp_use_dedicated_embeddings')) config.refuse('mtp_use_dedicated_embeddings');
    const linear = deltaNetOf(config);
    const every = config.whole(4, 'full_attention_interval') || 4;
    const mixers =
      mixersByType(config, {
        name: 'layer_types',
        layers,
        mixers: { linear_attention: linear, full_attention: attention },
      }) ?? repeated(layers, (layer) => ((layer + 1) % every === 0 ? attention : linear));
    const feedForwards = moe
      ? feedForwardsOf(config, layers, { where: qwenExperts, moe: qwenMoe })
      : repeated(layers, () => denseOf(config));
    const modules = modulesOf(config);
    return {
      ...outlineOf(config, { context: 32_768 }),
      layers: pairs(mixers, feedForwards),
      ...(modules ? { mtp: { modules, layer: [attention, feedForwards.at(-1)!] } } : {}),
    };
  };

const deltaNetOf = (config: Fields): Block => ({
  kind: 'gatedDeltaNet',
  keyHeads: config.count('linear_num_key_heads'),
  valueHeads: config.count('linear_num_value_heads'),
  keyDim: config.count('linear_key_head_dim'),
  valueDim: config.count('linear_value_head_dim'),
  convKernel: config.count('linear_conv_kernel_dim'),
});

const qwenMoe = (config: Fields): Moe =>
  moeOf(config, {
    ...expertsOf(config, ['moe_intermediate_size']),
    shared: { intermediateSize: config.count('shared_expert_intermediate_size'), gate: true },
  });

const saidModules = (config: Fields): number => config.whole(0, 'mtp_num_hidden_layers');

/** Nemotron-H: every layer is one block, told by a letter or a word. */
const nemotronH: Adapter = (config) => {
  const blocks = nemotronBlocks(config);
  const letters = config.text('hybrid_override_pattern');
  const words = config.texts('layers_block_type', 'layer_types');
  const pattern = letters ? [...letters] : (words ?? config.missing('hybrid_override_pattern'));
  const said = config.optionalCount('num_hidden_layers');
  if (said !== undefined)
    checkLength(config, letters ? 'hybrid_override_pattern' : 'layers_block_type', pattern, said);
  const { rope: _, ...outline } = outlineOf(config, {
    epsilon: [1e-5, 'layer_norm_epsilon', 'norm_eps'],
    context: 4096,
  });
  const modules = config.countOrNone('num_nextn_predict_layers');
  const mtpLetters = config.text('mtp_hybrid_override_pattern');
  const mtpWords = config.texts('mtp_layers_block_type');
  const mtp = mtpLetters ? [...mtpLetters] : mtpWords;
  if (modules && !mtp) config.missing('mtp_hybrid_override_pattern');
  return {
    ...outline,
    layers: pattern.map((word): LayerBlocks => [blocks(word)]),
    ...(modules && mtp ? { mtp: { modules, layer: mtp.map(blocks) } } : {}),
  };
};

const NEMOTRON_WORDS: Readonly<Record<string, 'mamba' | 'attention' | 'mlp' | 'moe'>> = {
  M: 'mamba',
  '*': 'attention',
  '-': 'mlp',
  E: 'moe',
  mamba: 'mamba',
  attention: 'attention',
  mlp: 'mlp',
  moe: 'moe',
};

/** What a letter or word of the pattern means; each block is read when first named. */
function nemotronBlocks(config: Fields): (word: string) => Block {
  const readers = {
    mamba: () => nemotronMamba(config),
    attention: (): Block => {
      const headDim = config.optionalCount('head_dim', 'attention_head_dim') ?? 128;
      const attention = attentionOf(config, {
        biasSwitch: ['attention_bias', false, 'qkvo'],
        kvHeads: 8,
        headDim,
      });
      return { ...attention, rope: false };
    },
    mlp: (): Block =>
      dense(config.count('intermediate_size'), {
        gate: false,
        ...(config.flag(false, 'mlp_bias') ? { bias: true as const } : {}),
      }),
    moe: () => nemotronMoe(config),
  };
  const read = new Map<string, Block>();
  config.ignore(
    'expand',
    'time_step_rank',
    'intermediate_size',
    'mlp_bias',
    'attention_bias',
    'moe_shared_expert_overlap',
  );
  return (word) => {
    const kind = Object.hasOwn(NEMOTRON_WORDS, word)
      ? NEMOTRON_WORDS[word]!
      : config.refuse('hybrid_override_pattern', word);
    const block = read.get(kind) ?? readers[kind]();
    read.set(kind, block);
    return block;
  };
}

function nemotronMamba(config: Fields): Block {
  // Two generations of the class, each with a name of its own for the same switch.
  const bias = config.flag(false, 'use_bias');
  if (config.flag(bias, 'mamba_proj_bias') !== bias) config.refuse('mamba_proj_bias', !bias);
  return {
    kind: 'mamba2',
    heads: config.count('mamba_num_heads'),
    headDim: config.count('mamba_head_dim'),
    stateDim: config.count('ssm_state_size', 'mamba_state_dim'),
    groups: config.count('n_groups', 'mamba_n_groups'),
    convKernel: config.count('conv_kernel', 'mamba_d_conv'),
    ...(config.flag(true, 'use_conv_bias') ? {} : { convBias: false as const }),
    ...(bias ? { bias: true as const } : {}),
  };
}

function nemotronMoe(config: Fields): Moe {
  const latentSize = config.countOrNone('moe_latent_size');
  const shared = config.whole(0, 'n_shared_experts');
  if (config.flag(false, 'mlp_bias')) config.refuse('mlp_bias', true);
  return moeOf(config, {
    ...expertsOf(config, ['moe_intermediate_size']),
    gate: false,
    ...groupsOf(config),
    routerCorrection: true,
    ...(latentSize ? { latentSize } : {}),
    ...(shared ? { shared: { intermediateSize: config.count('moe_shared_expert_intermediate_size') } } : {}),
  });
}

/** Granite 4.0: Mamba-2 and a few attention layers; every layer has a shared feed-forward beside its experts, if any. */
const graniteHybrid: Adapter = (config) => {
  const layers = layerCount(config);
  const hiddenSize = config.count('hidden_size');
  const positions = config.text('position_embedding_type');
  const attention: Block = {
    ...attentionOf(config, { biasSwitch: ['attention_bias', false, 'qkvo'] }),
    ...(positions === 'rope' ? {} : { rope: false as const }),
  };
  const mixers =
    mixersByType(config, {
      name: 'layer_types',
      layers,
      mixers: { mamba: graniteMamba(config, hiddenSize), attention, full_attention: attention },
    }) ?? config.missing('layer_types');
  const feedForward = graniteFeedForward(config);
  config.ignore('normalization_function', 'intermediate_size');
  const { rope, ...outline } = outlineOf(config, { context: 2048 });
  return {
    ...outline,
    ...(positions === 'rope' && rope ? { rope } : {}),
    layers: mixers.map((mixer): LayerBlocks => [mixer, feedForward]),
  };
};

function graniteFeedForward(config: Fields): Block {
  const shared = config.count('shared_intermediate_size');
  const experts = config.countOrNone('num_local_experts', 'num_experts');
  if (!experts) {
    config.ignore('num_experts_per_tok');
    return dense(shared);
  }
  return moeOf(config, { ...expertsOf(config, ['intermediate_size']), shared: { intermediateSize: shared } });
}

function graniteMamba(config: Fields, hiddenSize: number): Block {
  const heads = config.count('mamba_n_heads');
  const expand = config.number(2, 'mamba_expand');
  const said = config.raw('mamba_d_head');
  const headDim =
    said === 'auto' || said === undefined ? (hiddenSize * expand) / heads : config.count('mamba_d_head');
  if (!Number.isInteger(headDim)) config.wrong('mamba_expand times hidden_size is no whole number of heads');
  return {
    kind: 'mamba2',
    heads,
    headDim,
    stateDim: config.count('mamba_d_state'),
    groups: config.count('mamba_n_groups'),
    convKernel: config.count('mamba_d_conv'),
    ...(config.flag(true, 'mamba_conv_bias') ? {} : { convBias: false as const }),
    ...(config.flag(false, 'mamba_proj_bias') ? { bias: true as const } : {}),
  };
}

/** Jamba: Mamba, an attention layer in eight, experts in every second. */
const jamba: Adapter = (config) => {
  const layers = layerCount(config);
  const attention: Block = { ...attentionOf(config, { kvHeads: 8 }), rope: false };
  const mamba = jambaMamba(config);
  const every = (period: string, offset: string, usual: readonly [number, number]) => {
    const step = config.whole(usual[0], period) || 1;
    const first = config.whole(usual[1], offset);
    return (layer: number) => layer % step === first;
  };
  const hasAttention = every('attn_layer_period', 'attn_layer_offset', [8, 4]);
  const hasExperts = every('expert_layer_period', 'expert_layer_offset', [2, 1]);
  const several = (config.optionalCount('num_experts') ?? 16) > 1;
  config.ignore('layers_block_type', 'layer_types');
  const feedForwards = feedForwardsOf(config, layers, {
    where: (_, count) => repeated(count, (layer) => several && hasExperts(layer)),
    moe: (fields) => moeOf(fields, expertsOf(fields, ['intermediate_size'])),
  });
  const { rope: _, ...outline } = outlineOf(config, { context: 262_144 });
  config.ignore('num_experts_per_tok');
  return {
    ...outline,
    layers: pairs(
      repeated(layers, (layer) => (hasAttention(layer) ? attention : mamba)),
      feedForwards,
    ),
  };
};

function jambaMamba(config: Fields): Block {
  const hiddenSize = config.count('hidden_size');
  const said = config.raw('mamba_dt_rank');
  return {
    kind: 'mamba1',
    innerSize: hiddenSize * (config.optionalCount('mamba_expand') ?? 2),
    stateDim: config.optionalCount('mamba_d_state') ?? 16,
    timeRank:
      said === 'auto' || said === undefined ? Math.ceil(hiddenSize / 16) : config.count('mamba_dt_rank'),
    convKernel: config.optionalCount('mamba_d_conv') ?? 4,
    innerNorms: true,
    ...(config.flag(true, 'mamba_conv_bias') ? {} : { convBias: false as const }),
    ...(config.flag(false, 'mamba_proj_bias') ? { bias: true as const } : {}),
  };
}

/** MiniMax-01 and M1: lightning attention, and softmax attention where the list says 1. */
const minimax01: Adapter = (config): Geometry => {
  const layers = layerCount(config);
  const attention = attentionOf(config);
  const lightning: Block = { kind: 'lightning', heads: attention.heads, headDim: attention.headDim };
  const types = config.wholes('attn_type_list') ?? config.missing('attn_type_list');
  checkLength(config, 'attn_type_list', types, layers);
  const shared = config.countOrNone('shared_intermediate_size');
  if (shared) config.refuse('shared_intermediate_size', shared);
  const moe = moeOf(config, expertsOf(config, ['intermediate_size']));
  config.ignore('postnorm', 'shared_moe_mode');
  return {
    ...outlineOf(config, { epsilon: [1e-5] }),
    layers: types.map((type) => [type === 1 ? attention : lightning, moe]),
  };
};

/** Families that mix attention with states of fixed size. */
export const HYBRIDS: Readonly<Record<string, Adapter>> = {
  qwen3_next: qwenHybrid({
    moe: true,
    modules: (config) => config.whole(1, 'num_nextn_predict_layers', 'mtp_num_hidden_layers'),
  }),
  qwen3_5_text: qwenHybrid({ moe: false, modules: saidModules }),
  qwen3_5_moe_text: qwenHybrid({ moe: true, modules: saidModules }),
  nemotron_h: nemotronH,
  granitemoehybrid: graniteHybrid,
  jamba,
  minimax_text_01: minimax01,
  minimax_m1: minimax01,
};
