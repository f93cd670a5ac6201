import type { Fields } from '../fields.js';
import type { Geometry, LayerBlocks } from '../geometry.js';
import {
  type Adapter,
  type Attention,
  type AttentionTraits,
  attentionOf,
  type Dense,
  dense,
  layerCount,
  type Outline,
  outlineOf,
  repeated,
  type Sliding,
  slidingLayers,
  windowed,
} from '../shared.js';

/** How a family differs from Llama. */
export interface Traits extends Outline {
  readonly attention?: AttentionTraits;
  readonly window?: WindowRule;
  readonly dense?: Partial<Dense>;
  /** Name of a switch for biases of the feed-forward. */
  readonly denseBias?: string;
  readonly placement?: 'sandwich' | 'post';
  /** Layer norms with a bias. */
  readonly normBias?: true;
  /** Attention and feed-forward run side by side behind one norm. */
  readonly parallel?: true;
  /** The config may say that only a part of each head turns. */
  readonly turnsPart?: true;
}

/** Which layers of a family look back over a window only. */
export type WindowRule = (config: Fields, layers: number) => readonly (number | undefined)[];

/** A decoder of equal layers: attention, then a feed-forward. */
export const plain =
  (traits: Traits = {}): Adapter =>
  (config) => {
    const { mixers } = mixersOf(config, traits);
    const feedForward = dense(config.count('intermediate_size', 'ffn_hidden_size'), {
      ...traits.dense,
      ...(traits.denseBias && config.flag(false, traits.denseBias) ? { bias: true as const } : {}),
    });
    const layers = mixers.map(
      (mixer): LayerBlocks => (traits.parallel ? [[mixer, feedForward]] : [mixer, feedForward]),
    );
    return { ...frameOf(config, traits), layers };
  };

/** Everything but the layers. */
export function frameOf(config: Fields, traits: Traits): Omit<Geometry, 'layers'> {
  const outline = outlineOf(config, traits);
  const { placement, normBias, turnsPart } = traits;
  return {
    ...outline,
    ...(turnsPart && outline.rope ? { rope: { ...outline.rope, ...turningPart(config) } } : {}),
    norm: {
      ...outline.norm,
      ...(placement ? { placement } : {}),
      ...(normBias ? { bias: true as const } : {}),
    },
  };
}

/** Numbers of a head that turn, where not all do. */
function turningPart(config: Fields): { dim?: number } {
  const nested = config.looseGroup('rope_parameters', 'rope_scaling');
  const part = config.number(nested?.number(1, 'partial_rotary_factor') ?? 1, 'partial_rotary_factor');
  if (part === 1) return {};
  const heads = config.count('num_attention_heads');
  return { dim: Math.trunc(Math.trunc(part * config.count('hidden_size')) / heads) };
}

/** The attention of every layer, with its window where the layer has one. */
export function mixersOf(
  config: Fields,
  traits: Traits,
): { attention: Attention; mixers: (Attention | Sliding)[] } {
  const layers = layerCount(config);
  const attention = attentionOf(config, traits.attention);
  const windows = traits.window?.(config, layers) ?? repeated(layers, () => undefined);
  return { attention, mixers: windows.map((window) => windowed(attention, window)) };
}

/** All layers have the window that the config names, or none where it names none (Mistral, Phi-3, Mixtral). */
export const everyLayer: WindowRule = (config, layers) => {
  const window = config.countOrNone('sliding_window');
  const types = config.texts('layer_types');
  if (types) return alternating(() => true)(config, layers);
  return repeated(layers, () => window);
};

/** A window only where a switch says so, and then from a layer on (Qwen). */
export const bySwitch: WindowRule = (config, layers) => {
  const window = config.countOrNone('sliding_window');
  const first = config.whole(layers, 'max_window_layers');
  if (!config.flag(false, 'use_sliding_window') || window === undefined) {
    config.ignore('layer_types');
    return repeated(layers, () => undefined);
  }
  const sliding = slidingLayers(config, { layers, isFull: (layer) => layer < first });
  return sliding.map((isSliding) => (isSliding ? window : undefined));
};

/** Full and sliding layers in turn. `usual`: the window of the class. */
export const alternating =
  (isFull: (layer: number, config: Fields) => boolean, usual?: number): WindowRule =>
  (config, layers) => {
    const sliding = slidingLayers(config, { layers, isFull: (layer) => isFull(layer, config) });
    const window = config.countOrNone('sliding_window', 'sliding_window_size') ?? usual;
    if (sliding.includes(true) && window === undefined) return config.missing('sliding_window');
    return sliding.map((isSliding) => (isSliding ? window : undefined));
  };

/** Every n-th layer is full: the config's pattern, or the usual one. */
export const everyNth = (usual: number, window?: number): WindowRule =>
  alternating((layer, config) => {
    const pattern = config.whole(usual, 'sliding_window_pattern', '_sliding_window_pattern');
    return pattern === 0 || (layer + 1) % pattern === 0;
  }, window);
