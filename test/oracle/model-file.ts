// A spec of the catalogue as the GGUF file that llama.cpp's converter would make of it.

import type { PreparedModel } from '../../src/core/engines/llama-cpp/prepare.js';
import { stackOf, stepsOf } from '../../src/core/tensors/stack.js';
import type { Architecture, Block } from '../../src/schema/model.js';
import type { FileTensor, Float, Metadata } from './gguf.js';

type Kind = Block['kind'];
type BlockOf<K extends Kind> = Extract<Block, { kind: K }>;

/** What the keys of an architecture are read from. */
interface Spec {
  readonly architecture: Architecture;
  readonly layers: readonly (readonly Block[])[];
  readonly block: <K extends Kind>(...kinds: K[]) => BlockOf<K> | undefined;
}

const float = (value: number): Float => ({ float: value });

/** `src/llama-hparams.h:llama_expert_gating_func_type`. */
const SOFTMAX = 1;
const SIGMOID = 2;
const SQRT_SOFTPLUS = 4;

/**
 * Metadata of a model under the keys that llama.cpp reads (`src/llama-arch.cpp`).
 *
 * Factors that no size depends on, but whose presence adds an operation to the graph, are not in a spec: they
 * stand here by architecture as `conversion/*.py` writes them.
 *
 * @example metadataOf(prepared)['llama.block_count'] // 32
 */
export function metadataOf({ model, architectureName, layersAll, vocabSize }: PreparedModel): Metadata {
  const { architecture } = model;
  const spec = specOf(architecture);
  const keys: Metadata = {
    vocab_size: vocabSize,
    context_length: model.context.native,
    block_count: layersAll,
    embedding_length: architecture.hiddenSize,
    'attention.layer_norm_rms_epsilon': float(architecture.norm.epsilon),
    ...attentionKeys(spec),
    ...ropeKeys(spec),
    ...feedForwardKeys(spec),
    ...recurrentKeys(spec),
    ...ARCHITECTURES[architectureName]?.(spec),
  };
  return {
    'general.architecture': architectureName,
    'general.name': model.name,
    'tokenizer.ggml.model': 'none',
    ...Object.fromEntries(
      Object.entries(keys).map(([key, value]) => [fullKey(architectureName, key), value]),
    ),
  };
}

/** `xielu` stands for itself. */
const fullKey = (architectureName: string, key: string): string =>
  key.startsWith('xielu.') ? key : `${architectureName}.${key}`;

function specOf(architecture: Architecture): Spec {
  const layers = stackOf(architecture).map((steps) => steps.flat());
  const blocks = layers.flat();
  const block = <K extends Kind>(...kinds: K[]) =>
    blocks.find((one): one is BlockOf<K> => (kinds as Kind[]).includes(one.kind));
  return { architecture, layers, block };
}

function attentionKeys({ block }: Spec): Metadata {
  const latent = block('latent');
  if (latent) return latentKeys(latent);
  const heads = block('full', 'sliding', 'chunked');
  if (!heads) return {};
  const sliding = block('sliding');
  return {
    'attention.head_count': heads.heads,
    'attention.head_count_kv': heads.kvHeads,
    'attention.key_length': heads.headDim,
    'attention.value_length': heads.valueDim ?? heads.headDim,
    ...(sliding && { 'attention.sliding_window': sliding.window }),
  };
}

/** `conversion/deepseek.py`: the cache as one key-value head, the real heads beside it. */
function latentKeys({ heads, queryRank, kvRank, nopeDim, ropeDim, valueDim }: BlockOf<'latent'>): Metadata {
  return {
    'attention.head_count': heads,
    'attention.head_count_kv': 1,
    'attention.key_length': kvRank + ropeDim,
    'attention.value_length': kvRank,
    'attention.key_length_mla': nopeDim + ropeDim,
    'attention.value_length_mla': valueDim,
    'attention.kv_lora_rank': kvRank,
    ...(queryRank && { 'attention.q_lora_rank': queryRank }),
  };
}

function ropeKeys({ architecture: { rope }, block }: Spec): Metadata {
  const headDim = block('full', 'sliding', 'chunked')?.headDim;
  const dim = rope?.dim ?? block('latent')?.ropeDim ?? headDim;
  const scaling = rope?.scaling;
  return {
    ...(rope && { 'rope.freq_base': float(rope.theta) }),
    ...(dim && { 'rope.dimension_count': dim }),
    // The scaling of Llama 3 is a tensor of the file; a dynamic one is not converted.
    ...(scaling &&
      !['llama3', 'dynamic'].includes(scaling.kind) && {
        'rope.scaling.type': scaling.kind,
        'rope.scaling.factor': float(scaling.factor),
        ...(scaling.originalTokens && { 'rope.scaling.original_context_length': scaling.originalTokens }),
      }),
  };
}

function feedForwardKeys({ block }: Spec): Metadata {
  const dense = block('dense');
  const moe = block('moe');
  return {
    feed_forward_length: (dense ?? moe)!.intermediateSize,
    ...(moe && {
      expert_count: moe.experts,
      expert_used_count: moe.activeExperts,
      expert_feed_forward_length: moe.intermediateSize,
      ...(moe.groups && {
        expert_group_count: moe.groups.count,
        expert_group_used_count: moe.groups.active,
      }),
    }),
  };
}

function recurrentKeys({ block }: Spec): Metadata {
  const delta = block('gatedDeltaNet');
  const first = block('mamba1');
  const mamba = block('mamba2');
  return {
    ...(delta && {
      'ssm.conv_kernel': delta.convKernel,
      'ssm.inner_size': delta.valueHeads * delta.valueDim,
      'ssm.state_size': delta.keyDim,
      'ssm.time_step_rank': delta.valueHeads,
      'ssm.group_count': delta.keyHeads,
    }),
    ...(first && {
      'ssm.conv_kernel': first.convKernel,
      'ssm.inner_size': first.innerSize,
      'ssm.state_size': first.stateDim,
      'ssm.time_step_rank': first.timeRank,
    }),
    ...(mamba && {
      'ssm.conv_kernel': mamba.convKernel,
      'ssm.inner_size': mamba.heads * mamba.headDim,
      'ssm.state_size': mamba.stateDim,
      'ssm.time_step_rank': mamba.heads,
      'ssm.group_count': mamba.groups,
    }),
  };
}

const SIGMOID_SCALED: Metadata = {
  expert_gating_func: SIGMOID,
  expert_weights_norm: true,
  expert_weights_scale: float(2.5),
};

/** Granite's factors. */
const GRANITE: Metadata = {
  'attention.scale': float(0.0078125),
  embedding_scale: float(12),
  residual_scale: float(0.22),
  logit_scale: float(16),
};

/** Rope over time, height and width. */
const SECTIONS: Metadata = { 'rope.dimension_sections': [16, 24, 24, 0] };

function indexerKeys(spec: Spec): Metadata {
  const indexer = spec.block('indexer')!;
  return {
    'attention.indexer.head_count': indexer.heads,
    'attention.indexer.key_length': indexer.headDim,
    'attention.indexer.top_k': indexer.chosenTokens ?? 0,
  };
}

/** DeepSeek's experts behind latent attention that an indexer helps. */
function indexed(spec: Spec): Metadata {
  return {
    leading_dense_block_count: firstLayerWith(spec, 'moe'),
    expert_shared_count: sharedCount(spec),
    ...SIGMOID_SCALED,
    ...nextnLayers(spec, true),
    ...indexerKeys(spec),
  };
}

const isByTable = (block: Block): boolean => block.kind === 'moe' && block.tokenTable === true;

/** Tokens of an entry, in a layer that compresses. */
const ratioOf = (blocks: readonly Block[]): number =>
  blocks.find((block) => block.kind === 'compressor')?.ratio ?? 0;

/** What an architecture reads beside the usual keys: `src/models/*.cpp:load_arch_hparams`. */
const ARCHITECTURES: Readonly<Record<string, (spec: Spec) => Metadata>> = {
  mistral3: ({ architecture }) =>
    architecture.rope?.scaling?.kind === 'yarn' ? { 'attention.temperature_scale': float(0.1) } : {},
  gemma2: () => ({ attn_logit_softcapping: float(50), final_logit_softcapping: float(30) }),
  olmo2: ({ layers }) => ({ 'attention.sliding_window_pattern': layers.map(hasWindow) }),
  granite: () => GRANITE,
  'command-r': layerNorms,
  cohere2: layerNorms,
  apertus: ({ layers }) =>
    Object.fromEntries(
      ['alpha_n', 'alpha_p', 'beta', 'eps'].map((name) => [`xielu.${name}`, layers.map(() => float(0.5))]),
    ),
  qwen: ({ block }) => ({ feed_forward_length: 2 * block('dense')!.intermediateSize }),
  qwen2vl: () => SECTIONS,
  llama4: (spec) => ({ interleave_moe_layer_step: firstLayerWith(spec, 'moe') + 1 }),
  qwen3next: (spec) => ({
    full_attention_interval: firstLayerWith(spec, 'full') + 1,
    ...sharedWidth(spec),
  }),
  qwen2moe: sharedWidth,
  qwen3vl,
  qwen3vlmoe: qwen3vl,
  qwen35: (spec) => qwen35(spec),
  qwen35moe: (spec) => ({ ...qwen35(spec), ...sharedWidth(spec) }),
  deepseek2: (spec) => ({
    leading_dense_block_count: firstLayerWith(spec, 'moe'),
    expert_shared_count: sharedCount(spec),
    ...(spec.block('moe')?.routerCorrection
      ? { expert_gating_func: SIGMOID, expert_weights_norm: true, expert_weights_scale: float(2.5) }
      : { expert_gating_func: SOFTMAX, expert_weights_scale: float(16) }),
    ...nextnLayers(spec, spec.architecture.type === 'glm4_moe_lite'),
    'rope.scaling.yarn_log_multiplier': float(0.1),
  }),
  deepseek4: (spec) => {
    const shared = spec.block('shared')!;
    const clamps = spec.layers.map(() => float(10));
    return {
      'attention.head_count': shared.heads,
      'attention.head_count_kv': 1,
      'attention.key_length': shared.headDim,
      'attention.value_length': shared.headDim,
      'attention.q_lora_rank': shared.queryRank,
      'attention.sliding_window': shared.window,
      'attention.output_group_count': shared.outputGroups,
      'attention.output_lora_rank': shared.outputRank,
      'attention.compress_ratios': spec.layers.map(ratioOf),
      'attention.compress_rope_freq_base': float(160_000),
      'rope.dimension_count': 64,
      ...indexerKeys(spec),
      'hyper_connection.count': spec.architecture.residualStreams ?? 0,
      'hyper_connection.sinkhorn_iterations': 20,
      'hyper_connection.epsilon': float(1e-6),
      hash_layer_count: spec.layers.filter((blocks) => blocks.some(isByTable)).length,
      ...SIGMOID_SCALED,
      expert_shared_count: sharedCount(spec),
      expert_gating_func: SQRT_SOFTPLUS,
      swiglu_clamp_exp: clamps,
      swiglu_clamp_shexp: clamps,
    };
  },
  deepseek32: indexed,
  'glm-dsa': (spec) => ({
    ...indexed(spec),
    'attention.indexer.types': spec.layers.map((blocks) => blocks.some(({ kind }) => kind === 'indexer')),
  }),
  'ernie4_5-moe': (spec) => ({
    interleave_moe_layer_step: 1,
    leading_dense_block_count: firstLayerWith(spec, 'moe'),
    ...sharedWidth(spec),
  }),
  granitemoe: (spec) => ({ ...GRANITE, ...sharedWidth(spec) }),
  'hunyuan-moe': sharedWidth,
  bailingmoe: (spec) => ({
    expert_shared_count: sharedCount(spec),
    expert_weights_scale: float(1),
    expert_weights_norm: true,
  }),
  bailingmoe2: (spec) => ({
    leading_dense_block_count: firstLayerWith(spec, 'moe'),
    ...sharedWidth(spec),
    expert_shared_count: 1,
    ...SIGMOID_SCALED,
    ...nextnLayers(spec, true),
  }),
  afmoe: (spec) => ({
    leading_dense_block_count: firstLayerWith(spec, 'moe'),
    expert_shared_count: sharedCount(spec),
    ...SIGMOID_SCALED,
  }),
  step35: (spec) => ({
    'attention.head_count': [...spec.layers, ...mtpLayers(spec)].map(queryHeads),
    'attention.head_count_kv': [...spec.layers, ...mtpLayers(spec)].map(keyValueHeads),
    leading_dense_block_count: firstLayerWith(spec, 'moe'),
    ...sharedWidth(spec),
    ...SIGMOID_SCALED,
    ...windowPattern(spec),
    ...nextnLayers(spec, true),
    ...clampLimits(spec),
  }),
  mimo2: (spec) => ({
    'attention.head_count_kv': [...spec.layers, ...mtpLayers(spec)].map(keyValueHeads),
    'attention.value_scale': float(0.5),
    ...windowPattern(spec),
    ...nextnLayers(spec, true),
  }),
  dbrx: ({ architecture }) => ({
    'attention.layer_norm_epsilon': float(architecture.norm.epsilon),
    'attention.clamp_kqv': float(8),
  }),
  'kimi-linear': (spec) => ({
    'attention.head_count_kv': spec.layers.map((blocks) => (hasKind(blocks, 'latent') ? 1 : 0)),
    // The file leaves it out, and this is what the engine takes.
    'attention.value_length': Math.floor(spec.architecture.hiddenSize / spec.block('latent')!.heads),
    'kda.head_dim': spec.block('kda')!.headDim,
    'ssm.conv_kernel': spec.block('kda')!.convKernel,
    leading_dense_block_count: firstLayerWith(spec, 'moe'),
    expert_shared_count: sharedCount(spec),
    ...SIGMOID_SCALED,
  }),
  'kimi-k3': (spec) => ({
    'attention.head_count_kv': spec.layers.map((blocks) => (hasKind(blocks, 'latent') ? 1 : 0)),
    'kda.head_dim': spec.block('kda')!.headDim,
    'kda.gate_lower_bound': float(-5),
    'ssm.conv_kernel': spec.block('kda')!.convKernel,
    leading_dense_block_count: firstLayerWith(spec, 'moe'),
    expert_shared_count: sharedCount(spec),
    ...SIGMOID_SCALED,
    expert_latent_length: spec.block('moe')!.latentSize ?? 0,
    'activation.situ_beta': float(4),
    'activation.situ_linear_beta': float(25),
    'attn_res.block_size': spec.architecture.checkpointEvery ?? 0,
  }),
  'muse-glimmer': (spec) => ({
    logit_scale: float(0.25),
    final_logit_softcapping: float(20),
    ...windowPattern(spec),
  }),
  arctic: ({ block }) => ({ feed_forward_length: block('moe')!.intermediateSize }),
  laguna: (spec) => ({
    'attention.head_count': spec.layers.map(queryHeads),
    leading_dense_block_count: firstLayerWith(spec, 'moe'),
    ...sharedWidth(spec),
    ...SIGMOID_SCALED,
    'rope.dimension_count_swa': spec.block('sliding')?.headDim ?? 0,
  }),
  'exaone-moe': (spec) => ({
    leading_dense_block_count: firstLayerWith(spec, 'moe'),
    ...sharedWidth(spec),
    ...SIGMOID_SCALED,
    ...windowPattern(spec),
    ...nextnLayers(spec, true),
  }),
  glm4moe: (spec) => ({
    leading_dense_block_count: firstLayerWith(spec, 'moe'),
    expert_shared_count: sharedCount(spec),
    expert_gating_func: SIGMOID,
    expert_weights_norm: true,
    expert_weights_scale: float(1),
    ...nextnLayers(spec, true),
  }),
  gemma4,
  'minimax-01': () => ({ residual_scale: float(3.56) }),
  'minimax-m2': () => ({ expert_gating_func: SIGMOID }),
  'minimax-m3': (spec) => {
    const { heads, headDim, chosenTokens = 0, blockTokens = 1 } = spec.block('indexer')!;
    return {
      leading_dense_block_count: firstLayerWith(spec, 'moe'),
      expert_shared_count: sharedCount(spec),
      ...SIGMOID_SCALED,
      'attention.indexer.head_count': heads,
      'attention.indexer.key_length': headDim,
      'attention.indexer.top_k': chosenTokens / blockTokens,
      'attention.indexer.block_size': blockTokens,
      'attention.indexer.local_blocks': 1,
    };
  },
  nemotron_h: nemotronH,
  nemotron_h_moe: nemotronH,
  deci: (spec) => ({
    'attention.head_count': spec.layers.map(queryHeads),
    'attention.head_count_kv': spec.layers.map(keyValueHeads),
    feed_forward_length: spec.layers.map(denseWidth),
  }),
  jamba: (spec) => ({ 'attention.head_count_kv': spec.layers.map(keyValueHeads) }),
  granitehybrid: (spec) => ({
    'attention.head_count_kv': spec.layers.map(keyValueHeads),
    ...GRANITE,
    'rope.scaling.finetuned': spec.architecture.rope !== undefined,
    ...sharedWidth(spec),
  }),
};

/** `src/llama-graph.cpp:build_ffn` takes the limit of shared experts. */
function clampLimits(spec: Spec): Metadata {
  const layers = [...spec.layers, ...mtpLayers(spec)];
  const limits = (clamps: (block: Block) => boolean) =>
    layers.map((blocks) => float(blocks.some(clamps) ? 7 : 0));
  return {
    swiglu_clamp_exp: limits((block) => block.kind === 'moe' && block.clamped === true),
    swiglu_clamp_shexp: limits(
      (block) =>
        (block.kind === 'moe' && block.shared?.clamped === true) ||
        (block.kind === 'dense' && block.clamped === true),
    ),
  };
}

const hasKind = (blocks: readonly Block[], wanted: Kind): boolean =>
  blocks.some(({ kind }) => kind === wanted);

const hasWindow = (blocks: readonly Block[]): boolean => hasKind(blocks, 'sliding');

function layerNorms({ architecture }: Spec): Metadata {
  return {
    'attention.layer_norm_epsilon': float(architecture.norm.epsilon),
    logit_scale: float(0.0625),
  };
}
const qwen35 = (spec: Spec): Metadata => ({
  full_attention_interval: firstLayerWith(spec, 'full') + 1,
  nextn_predict_layers: spec.architecture.mtp?.modules ?? 0,
  'rope.dimension_sections': [11, 11, 10, 0],
});

function gemma4({ architecture, layers, block }: Spec): Metadata {
  const { full, sliding } = { full: block('full')!, sliding: block('sliding')! };
  const attentions = layers.map((blocks) => blocks.find(isAttention)!);
  return {
    'attention.key_length': full.headDim,
    'attention.value_length': full.headDim,
    'attention.key_length_swa': sliding.headDim,
    'attention.value_length_swa': sliding.headDim,
    'attention.head_count_kv': attentions.map(({ kvHeads }) => kvHeads),
    'attention.sliding_window_pattern': attentions.map(({ kind }) => (kind === 'sliding' ? 1 : 0)),
    'attention.shared_kv_layers': attentions.filter(({ sharedKv }) => sharedKv).length,
    embedding_length_per_layer_input: architecture.layerEmbedding?.dim ?? 0,
    feed_forward_length: layers.map((blocks) => blocks.find((one) => one.kind === 'dense')!.intermediateSize),
    final_logit_softcapping: float(30),
    'rope.dimension_count': full.headDim,
    'rope.dimension_count_swa': sliding.headDim,
  };
}

function nemotronH(spec: Spec): Metadata {
  const { architecture, layers, block } = spec;
  const moe = block('moe');
  const attention = block('full');
  const andMtp = (ofLayers: number[], ofModule = 0) => [
    ...ofLayers,
    ...new Array<number>(architecture.mtp?.modules ?? 0).fill(ofModule),
  ];
  const widthOf = (blocks: readonly Block[]) =>
    blocks.find((one) => one.kind === 'dense' || one.kind === 'moe')?.intermediateSize ?? 0;
  return {
    'attention.layer_norm_epsilon': float(architecture.norm.epsilon),
    'attention.head_count_kv': andMtp(layers.map(keyValueHeads), attention?.kvHeads),
    feed_forward_length: andMtp(layers.map(widthOf), moe?.intermediateSize),
    ...(moe && {
      ...sharedWidth(spec),
      expert_shared_count: 1,
      ...SIGMOID_SCALED,
      expert_group_count: 1,
      ...(moe.latentSize && { moe_latent_size: moe.latentSize }),
      ...nextnLayers(spec, true),
    }),
  };
}

const isAttention = (one: Block): one is BlockOf<'full' | 'sliding'> =>
  one.kind === 'full' || one.kind === 'sliding';

function qwen3vl({ architecture }: Spec): Metadata {
  const tensors = architecture.towers?.vision?.tensors ?? [];
  return {
    n_deepstack_layers: tensors.find(({ name }) => name.startsWith('deepstack_mergers.'))?.count ?? 0,
    'rope.dimension_sections': [24, 20, 20, 0],
  };
}

const firstLayerWith = ({ layers }: Spec, kind: Kind): number =>
  layers.findIndex((blocks) => blocks.some((block) => block.kind === kind));

function queryHeads(blocks: readonly Block[]): number {
  const attention = blocks.find((block) => 'kvHeads' in block);
  return attention && 'heads' in attention ? attention.heads : 0;
}

function denseWidth(blocks: readonly Block[]): number {
  const dense = blocks.find(({ kind }) => kind === 'dense');
  return dense?.kind === 'dense' ? dense.intermediateSize : 0;
}

function keyValueHeads(blocks: readonly Block[]): number {
  const attention = blocks.find((block) => 'kvHeads' in block);
  return attention && 'kvHeads' in attention ? attention.kvHeads : 0;
}

function nextnLayers({ architecture }: Spec, keeps: boolean): Metadata {
  return keeps && architecture.mtp ? { nextn_predict_layers: architecture.mtp.modules } : {};
}

/** Blocks of the layers for multi-token prediction. */
function mtpLayers({ architecture }: Spec): (readonly Block[])[] {
  const { mtp } = architecture;
  if (!mtp) return [];
  return new Array<readonly Block[]>(mtp.modules).fill(stepsOf(mtp.layer, architecture).flat());
}

/** Which layers have a window, those for multi-token prediction included. */
function windowPattern(spec: Spec): Metadata {
  return { 'attention.sliding_window_pattern': [...spec.layers, ...mtpLayers(spec)].map(hasWindow) };
}

function sharedWidth({ block }: Spec): Metadata {
  const width = block('moe')?.shared?.intermediateSize;
  return width ? { expert_shared_feed_forward_length: width } : {};
}

/** The shared expert is given as a number of routed ones. */
function sharedCount({ block }: Spec): number {
  const moe = block('moe');
  return moe?.shared ? moe.shared.intermediateSize / moe.intermediateSize : 0;
}

/**
 * Every tensor of a model's file, with the type it has in the weight format.
 *
 * @example tensorsOf(prepared)[0] // { name: 'token_embd.weight', ne: [4096, 128256], type: 'F16' }
 */
export function tensorsOf({ weights, layers }: PreparedModel): FileTensor[] {
  const numbered = (tensors: readonly FileTensor[], layer: number) =>
    tensors.map((tensor) => inLayer(tensor, layer));
  return [
    ...weights.outside,
    ...weights.layers.flatMap(numbered),
    ...weights.unloaded.flatMap((tensors, index) => numbered(tensors, layers + index)),
  ];
}

const inLayer = ({ name, ne, type }: FileTensor, layer: number): FileTensor => ({
  name: `blk.${layer}.${name}`,
  ne,
  type,
});
