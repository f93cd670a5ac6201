import { type GgmlType, isQuantised } from '../../../quant/ggml-types.js';
import type { Steps } from '../../../tensors/stack.js';
import { FAMILIES } from '../families.js';
import { choosesBlocks, compresses, hasSingleTokens } from '../kinds.js';
import { deviceOfLayer, deviceOfTensor, type Placement } from '../placement.js';
import type { PreparedModel } from '../prepare.js';
import type { Settings } from '../settings.js';
import { GRAPH_FAMILIES } from './families.js';
import type { Dimensions, Structure } from './graph-facts.js';
import { variable } from './size.js';

/**
 * Every dimension open. A single sequence is a number: then more shapes are the same. So is any number of them where the
 * graph has a part for each.
 */
export const openDimensions = (model: PreparedModel, settings: Settings): Dimensions => ({
  sequenceTokens: variable('sequenceTokens'),
  seenTokens: variable('seenTokens'),
  sequences: settings.sequences === 1 ? 1 : variable('sequences'),
  rows: variable('rows'),
  cells: variable('cells'),
  windowCells: variable('windowCells'),
  entries: variable('entries'),
  blocks: variable('blocks'),
  chosen: variable('chosen'),
  ...fixedDimensions(model, settings),
});

/** What must be a number: sequences that have parts of the graph, tokens that make entries, each for a run of them. */
function fixedDimensions(
  { blocks }: PreparedModel,
  { sequences, ubatchTokens }: Settings,
): Partial<Record<'sequences' | 'sequenceTokens', number>> {
  if (compresses(blocks)) return { sequences, sequenceTokens: ubatchTokens / sequences };
  return choosesBlocks(blocks) ? { sequences } : {};
}

/** Usual names of the norms behind mixer and feed-forward. */
const POST_NORMS = ['post_attention_norm', 'post_ffw_norm'] as const;

/** What a request says about the tensors of the graph. */
export function structureOf(
  model: PreparedModel,
  settings: Settings,
  placement: Placement,
  dimensions: Dimensions,
): Structure {
  const { ffnNorm = 'ffn_norm', postNorms = POST_NORMS } = FAMILIES[model.architectureName] ?? {};
  return {
    dimensions,
    architecture: model.model.architecture,
    family: GRAPH_FAMILIES[model.architectureName] ?? {},
    deepstackLayers: deepstackLayers(model),
    ffnNorm,
    postNorms,
    flashAttention: settings.flashAttention,
    kvTypeK: settings.kvTypeK,
    kvTypeV: settings.kvTypeV,
    separate: settings.streams > 1,
    singleToken: hasSingleTokens(settings),
    deviceOfLayer: (layer) => deviceOfLayer(placement, layer),
    deviceOfCache: (layer) =>
      placement.cacheOnHost ? placement.cards.length : deviceOfLayer(placement, layer),
    deviceOfWeight: (weight, layer) => deviceOfTensor(placement, weight, layer),
    weights: model.weights,
  };
}

/** `conversion/qwen3vl.py`: a merger of the vision tower for each of them. */
function deepstackLayers({ model: { architecture }, architectureName }: PreparedModel): number {
  if (!GRAPH_FAMILIES[architectureName]?.deepstack) return 0;
  if (architecture.deepstackLayers) return architecture.deepstackLayers;
  const tensors = architecture.towers?.vision?.tensors ?? [];
  return tensors.find(({ name }) => name.startsWith('deepstack_mergers.'))?.count ?? 0;
}

/** Whether cards compute with weights that lie on the host. */
export function borrowsWeights(placement: Placement): boolean {
  const { cards, host, hostExpertLayers, outputCard, overrides } = placement;
  const someOnHost = host.to > host.from || hostExpertLayers > 0 || outputCard === undefined;
  return cards.length > 0 && (someOnHost || overrides.length > 0);
}

/** From so many rows on, a card takes the weight of an operation from the host: `ggml-cuda.cu:op_offload_min_batch_size`. */
export const OFFLOAD_ROWS = 32;

/**
 * A text that two requests of one model share when one program serves both. The weight format counts only where
 * weights are borrowed, so all formats of a model may share their programs.
 */
export function programKey(model: PreparedModel, settings: Settings, placement: Placement): string {
  const { quant, fileBytes } = model;
  const { flashAttention, kvTypeK, kvTypeV, sequences, streams, ubatchTokens, outputRows } = settings;
  const { cards, host, outputCard, hostExpertLayers, spreads, overrides, cacheOnHost } = placement;
  const borrows = borrowsWeights(placement);
  const caches =
    borrows || compresses(model.blocks)
      ? `${kvTypeK} ${kvTypeV}`
      : `${cacheKind(kvTypeK)} ${cacheKind(kvTypeV)}`;
  const rows = `${Math.min(ubatchTokens, OFFLOAD_ROWS)} ${Math.min(outputRows, OFFLOAD_ROWS)}`;
  const borrowed = borrows ? `${quant.name} ${fileBytes} ${rows}` : '';
  const fixed = fixedDimensions(model, settings);
  const bySequence = `${sequences > 1} ${fixed.sequences} ${fixed.sequenceTokens} ${fixed.sequences !== undefined && hasSingleTokens(settings)}`;
  let layers = `${host.to} ${outputCard} ${hostExpertLayers} ${spreads} ${cacheOnHost} ${settings.opOffload}`;
  for (const { to } of cards) layers += ` ${to}`;
  for (const { pattern, device } of overrides) layers += ` ${pattern} ${device}`;
  return `${flashAttention} ${caches} ${bySequence} ${streams > 1} ${borrowed} ${layers}`;
}

/** Quantised types differ only in bytes, and caches have theirs already. */
const cacheKind = (type: GgmlType): string => (isQuantised(type) ? 'quantised' : type);

/** A text for each layer that equal layers share: its blocks, its device, and types of weights that are borrowed. */
export function layerKinds(structure: Structure, stack: readonly Steps[], placement: Placement): string[] {
  const numbers = new Map<unknown, number>();
  const numberOf = (block: unknown): number => {
    const number = numbers.get(block) ?? numbers.size;
    numbers.set(block, number);
    return number;
  };
  const borrows = borrowsWeights(placement);
  const { blocks, checkpointEvery } = structure.architecture;
  // Every layer with an indexer of tokens brings a leaf, which is taken at once and not in its turn; with more kept
  // hidden states each layer is larger than the one before.
  const differ =
    checkpointEvery !== undefined ||
    Object.values(blocks).some((block) => block.kind === 'indexer' && !block.blockTokens);
  return stack.map((steps, layer) => {
    const kinds = steps.flat().map(numberOf);
    const borrowed = borrows ? borrowedTypes(structure, layer) : '';
    return `${kinds} ${differ && layer} ${layer < structure.deepstackLayers} ${structure.deviceOfLayer(layer)} ${borrowed}`;
  });
}

/** Types of the weights of a layer that lie elsewhere, and where. */
function borrowedTypes({ weights, deviceOfLayer, deviceOfWeight }: Structure, layer: number): string {
  const own = deviceOfLayer(layer);
  let text = '';
  for (const weight of weights.layers[layer]!) {
    const device = deviceOfWeight(weight, layer);
    if (device !== own) text += `${weight.name} ${weight.type} ${device} `;
  }
  return text;
}
