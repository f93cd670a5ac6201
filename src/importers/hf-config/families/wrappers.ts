import type { Fields } from '../fields.js';
import type { Geometry } from '../geometry.js';
import { type Adapter, attentionOf, dense, layerCount, outlineOf, repeated } from '../shared.js';
import { gemma4Towers } from '../towers/gemma4.js';
import {
  llama4Vision,
  minimaxVision,
  mllamaVision,
  moonVit,
  museVision,
  phi3Vision,
  pixtral,
  qwen2Vision,
  qwen3Vision,
  siglip,
  type TowerReader,
} from '../towers/vision.js';
import { TEXTS } from './texts.js';

/**
 * A language model with towers around it: the text below `text_config`, or beside the towers in older configs.
 *
 * @param usual the text's `model_type` where the config does not say it
 */
const wrapper =
  (usual: string, towers: TowerReader): Adapter =>
  (config) => {
    const text = config.group('text_config', 'llm_config') ?? config;
    const geometry = textOf(text, usual, text === config);
    return { ...tiedByWrapper(config, geometry), ...towers(config, geometry.hiddenSize) };
  };

function textOf(text: Fields, usual: string, isFlat: boolean): Geometry {
  const said = isFlat ? usual : (text.text('model_type') ?? usual);
  const adapter = Object.hasOwn(TEXTS, said) ? TEXTS[said] : undefined;
  return adapter ? adapter(text) : text.refuse('model_type', said);
}

/** The wrapper's word on tied tables counts before that of its text. */
function tiedByWrapper(config: Fields, geometry: Geometry): Geometry {
  const { tiedEmbeddings, ...rest } = geometry;
  const tied = config.flag(tiedEmbeddings === true, 'tie_word_embeddings');
  return tied ? { ...rest, tiedEmbeddings: true } : rest;
}

/** Llama 4 and MiniMax-M3 hold a whole language model: its own word counts. */
const around =
  (usual: string, towers: TowerReader): Adapter =>
  (config) => {
    const text = config.group('text_config') ?? config.missing('text_config');
    config.ignore('tie_word_embeddings');
    const geometry = textOf(text, usual, false);
    return { ...geometry, ...towers(config, geometry.hiddenSize) };
  };

/** A tower whose tensors no published code says: it is left out of the spec, and a note says so. */
const towerOfNoRule = (config: Fields): Partial<Geometry> => {
  config.ignore('vision_config', 'image_placeholder');
  return { notes: [{ code: 'tower-not-read', args: {} }] };
};

/** Rows that the table of Llama 3.2 Vision has for its special image tokens and the head lacks. */
const IMAGE_ROWS = 8;

/** Llama 3.2 Vision: some layers attend to the image alone, in place of the text. */
const mllama: Adapter = (config) => {
  const text = config.group('text_config') ?? config.missing('text_config');
  text.ignore('tie_word_embeddings', 'model_type');
  config.ignore('tie_word_embeddings');
  const layers = layerCount(text);
  const attention = attentionOf(text, { kvHeads: 8 });
  const { heads, kvHeads, headDim } = attention;
  const vision = config.looseGroup('vision_config') ?? config.missing('vision_config');
  const tokens = (vision.count('image_size') / vision.count('patch_size')) ** 2 + 1;
  const cross = {
    kind: 'cross',
    heads,
    kvHeads,
    headDim,
    memoryTokens: vision.count('max_num_tiles') * tokens,
  } as const;
  const isCross = new Set(text.wholes('cross_attention_layers') ?? text.missing('cross_attention_layers'));
  const feedForward = dense(text.count('intermediate_size'));
  const { tiedEmbeddings: _, ...outline } = outlineOf(text, {
    epsilon: [1e-5],
    theta: 500_000,
    context: 131_072,
  });
  return {
    ...outline,
    extraRows: IMAGE_ROWS,
    layers: repeated(layers, (layer) => [isCross.has(layer) ? cross : attention, feedForward]),
    ...mllamaVision(config, outline.hiddenSize),
  };
};

/** Models with towers, by the `model_type` of the whole. */
export const WRAPPERS: Readonly<Record<string, Adapter>> = {
  gemma3: wrapper('gemma3_text', siglip),
  gemma4: wrapper('gemma4_text', gemma4Towers),
  llama4: around('llama4_text', llama4Vision),
  mistral3: wrapper('mistral', pixtral),
  qwen2_vl: wrapper('qwen2', qwen2Vision('2')),
  qwen2_5_vl: wrapper('qwen2', qwen2Vision('2.5')),
  qwen3_vl: wrapper('qwen3', qwen3Vision),
  qwen3_vl_moe: wrapper('qwen3_moe', qwen3Vision),
  qwen3_5: wrapper('qwen3_5_text', qwen3Vision),
  qwen3_5_moe: wrapper('qwen3_5_moe_text', qwen3Vision),
  kimi_k25: wrapper('deepseek_v3', moonVit),
  kimi_k3: wrapper('kimi_linear', towerOfNoRule),
  minimax_m3_vl: around('minimax_m3_vl_text', minimaxVision),
  muse_glimmer: wrapper('muse_glimmer_text', museVision),
  mllama,
  phi3_v: wrapper('phi3', phi3Vision),
};
