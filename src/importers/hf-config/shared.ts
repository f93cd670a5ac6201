import { type Architecture, type Block, MOST_LAYERS } from '../../schema/model.js';
import type { Fields } from './fields.js';
import type { Geometry, LayerBlocks } from './geometry.js';

export type Attention = Extract<Block, { kind: 'full' }>;
export type Sliding = Extract<Block, { kind: 'sliding' }>;
export type Dense = Extract<Block, { kind: 'dense' }>;
export type Moe = Extract<Block, { kind: 'moe' }>;
export type Latent = Extract<Block, { kind: 'latent' }>;

/** Reads one config of its family. @throws InputError `not-understood` or `bad-file` naming the field */
export type Adapter = (config: Fields) => Geometry;

/** The number of layers of the stack. */
export function layerCount(config: Fields): number {
  const layers = config.count('num_hidden_layers', 'num_layers', 'n_layers');
  return layers <= MOST_LAYERS ? layers : config.wrong(`${layers} layers are more than any model has`);
}

/** What a class says where the config is silent. */
export interface Outline {
  readonly tied?: boolean;
  readonly epsilon?: readonly [number, ...string[]];
  readonly theta?: number;
  readonly context?: number;
  readonly vocabSize?: number;
}

/** Fields that nearly every family has, read by their usual names. */
export function outlineOf(
  config: Fields,
  { tied = false, epsilon = [1e-6], theta = 10_000, context, vocabSize }: Outline = {},
): Omit<Geometry, 'layers'> {
  const [assumed, ...names] = epsilon;
  return {
    hiddenSize: config.count('hidden_size'),
    vocabSize: config.optionalCount('vocab_size') ?? vocabSize ?? config.missing('vocab_size'),
    ...(config.flag(tied, 'tie_word_embeddings') ? { tiedEmbeddings: true as const } : {}),
    norm: { epsilon: epsilonOf(config, assumed, names) },
    ...ropeFields(config, theta),
    ...activationOf(config),
    ...contextOf(config, context),
  };
}

export const epsilonOf = (config: Fields, assumed: number, names: readonly string[]): number => {
  const epsilon = config.number(assumed, ...names, 'rms_norm_eps', 'layer_norm_eps', 'layer_norm_epsilon');
  return epsilon > 0 ? epsilon : config.wrong(`the epsilon of its norms is ${epsilon}`);
};

/** A family that was never told its length, in a config that is silent too. */
const SILENT_CONTEXT = 4096;

const CONTEXT_NAMES = [
  'max_position_embeddings',
  'max_sequence_length',
  'seq_length',
  'max_seq_len',
  'model_max_length',
];

/** Tokens that a sequence may hold: the config's word, else that of its class, with a note. */
export function contextOf(
  config: Fields,
  assumed = SILENT_CONTEXT,
): Pick<Geometry, 'contextTokens' | 'notes'> {
  const said = config.optionalCount(...CONTEXT_NAMES);
  if (said !== undefined) return { contextTokens: said };
  return { contextTokens: assumed, notes: [{ code: 'context-not-said', args: { tokens: assumed } }] };
}

const ACTIVATIONS: Readonly<Record<string, NonNullable<Architecture['activation']> | 'silu'>> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_new: 'gelu',
  gelu_fast: 'gelu',
  gelu_pytorch_tanh: 'gelu',
  swigluoai: 'swigluoai',
  situ: 'situ',
};

/** The activation, where it is one that a spec can say; it changes no memory. */
function activationOf(config: Fields): Pick<Geometry, 'activation'> {
  const name =
    config.text('hidden_act', 'hidden_activation', 'activation_function', 'mlp_hidden_act') ?? 'silu';
  const activation = Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
  return activation && activation !== 'silu' ? { activation } : {};
}

const SCALINGS: Readonly<Record<string, 'llama3' | 'yarn' | 'linear' | 'dynamic' | 'longrope'>> = {
  llama3: 'llama3',
  yarn: 'yarn',
  deepseek_yarn: 'yarn',
  linear: 'linear',
  dynamic: 'dynamic',
  longrope: 'longrope',
  su: 'longrope',
};

/** Rotation of positions. It changes no memory in itself; a scaling that a spec cannot say is left out. */
export function ropeFields(config: Fields, theta: number): Pick<Geometry, 'rope'> {
  const nested = config.looseGroup('rope_parameters', 'rope_scaling');
  const rope = nested?.looseGroup('full_attention') ?? nested;
  const base = config.number(rope?.number(theta, 'rope_theta') ?? theta, 'rope_theta', 'rotary_emb_base');
  const scaling = rope ? scalingOf(rope) : undefined;
  return base > 0 ? { rope: { theta: base, ...(scaling ? { scaling } : {}) } } : {};
}

function scalingOf(rope: Fields): NonNullable<Architecture['rope']>['scaling'] {
  const kind = SCALINGS[rope.text('rope_type', 'type') ?? ''];
  const original = rope.optionalCount('original_max_position_embeddings');
  const factor = rope.number(1, 'factor');
  if (!kind || factor <= 0) return undefined;
  return { kind, factor, ...(original ? { originalTokens: original } : {}) };
}

/** What a family says of its attention beside the sizes. */
export interface AttentionTraits extends Partial<Omit<Attention, 'kind' | 'heads'>> {
  /** Name of a switch for biases on queries, keys and values, and perhaps the output, with its usual value. */
  readonly biasSwitch?: readonly [name: string, usual: boolean, which: 'qkv' | 'qkvo'];
}

/** Grouped-query attention by its usual names. */
export function attentionOf(config: Fields, traits: AttentionTraits = {}): Attention {
  const { biasSwitch, kvHeads: usualKvHeads, headDim: usualHeadDim, ...fixed } = traits;
  const heads = config.count('num_attention_heads', 'n_heads', 'n_head');
  const kvHeads = config.optionalCount('num_key_value_heads', 'num_kv_heads') ?? usualKvHeads ?? heads;
  if (heads % kvHeads > 0) config.wrong(`${heads} heads cannot share ${kvHeads} key-value heads`);
  const headDim = config.optionalCount('head_dim') ?? usualHeadDim ?? headDimOf(config, heads);
  const [name, usual, which] = biasSwitch ?? [];
  const bias = name !== undefined && config.flag(usual!, name);
  return { kind: 'full', heads, kvHeads, headDim, ...(bias ? { bias: which! } : {}), ...fixed };
}

/** Width of a head that the config leaves to a division. */
export function headDimOf(config: Fields, heads: number): number {
  const hiddenSize = config.count('hidden_size');
  if (hiddenSize % heads > 0) config.wrong(`hidden_size ${hiddenSize} is no whole number of ${heads} heads`);
  return hiddenSize / heads;
}

/** The same attention with a window; without one it is full. */
export function windowed(attention: Attention, window: number | undefined): Attention | Sliding {
  return window === undefined ? attention : { ...attention, kind: 'sliding', window };
}

/** What `layer_types` calls the kinds of attention. */
const FULL = 'full_attention';
const SLIDING = 'sliding_attention';

/** Full or sliding, layer by layer: `layer_types` where it is there, else the family's own rule. */
export function slidingLayers(
  config: Fields,
  { layers, isFull }: { layers: number; isFull: (layer: number) => boolean },
): boolean[] {
  const types = config.texts('layer_types');
  if (!types) return Array.from({ length: layers }, (_, layer) => !isFull(layer));
  checkLength(config, 'layer_types', types, layers);
  return types.map((type) => {
    if (type !== FULL && type !== SLIDING) config.refuse('layer_types', type);
    return type === SLIDING;
  });
}

/** A list that says something of each layer must have one entry for each. */
export function checkLength(config: Fields, name: string, list: readonly unknown[], layers: number): void {
  if (list.length !== layers) config.wrong(`${name} has ${list.length} entries for ${layers} layers`);
}

export const dense = (intermediateSize: number, more: Partial<Dense> = {}): Dense => ({
  kind: 'dense',
  intermediateSize,
  ...more,
});

/** The usual feed-forward. */
export const denseOf = (config: Fields): Dense => dense(config.count('intermediate_size'));

/** A mixture whose token cannot visit more experts than there are. */
export function moeOf(config: Fields, moe: Omit<Moe, 'kind'>): Moe {
  if (moe.activeExperts > moe.experts)
    config.wrong(`a token visits ${moe.activeExperts} experts of ${moe.experts}`);
  return { kind: 'moe', ...moe };
}

/** Groups of experts, where the router chooses among them first. */
export function groupsOf(config: Fields, total = 'n_group', chosen = 'topk_group'): Pick<Moe, 'groups'> {
  const count = config.whole(1, total);
  const active = config.whole(1, chosen);
  return count > 1 && active > 0 && active <= count ? { groups: { count, active } } : {};
}

/** Layers that are all alike, or one by one. */
export const repeated = <T>(layers: number, at: (layer: number) => T): T[] =>
  Array.from({ length: layers }, (_, layer) => at(layer));

/** The usual layer: a mixer, then a feed-forward. */
export const pairs = (mixers: readonly Block[], feedForwards: readonly Block[]): LayerBlocks[] =>
  mixers.map((mixer, layer) => [mixer, feedForwards[layer]!]);
