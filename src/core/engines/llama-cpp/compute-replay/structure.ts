import { type GgmlType, isQuantised } from '../../../quant/ggml-types.js';
import type { Steps } from '../../../tensors/stack.js';
import { FAMILIES } from '../families.js';
import type { Placement } from '../placement.js';
import type { PreparedModel } from '../prepare.js';
import type { Settings } from '../settings.js';
import type { Dimensions, Structure } from './build.js';
import { GRAPH_FAMILIES } from './families.js';
import { variable } from './size.js';
import { EMBEDDING, type Weights } from './weights.js';

/** What the replay needs of a prepared model. */
export interface ComputeModel extends PreparedModel {
  /** The engine's name for the architecture. */
  readonly architectureName: string;
  readonly weights: Weights;
}

/** Every dimension open. A single sequence is a number: then more shapes are the same. */
export const openDimensions = ({ sequences }: Settings): Dimensions => ({
  sequenceTokens: variable('sequenceTokens'),
  sequences: sequences === 1 ? 1 : variable('sequences'),
  rows: variable('rows'),
  cells: variable('cells'),
  windowCells: variable('windowCells'),
});

/** What a request says about the tensors of the graph. */
export function structureOf(
  model: ComputeModel,
  settings: Settings,
  placement: Placement,
  dimensions: Dimensions,
): Structure {
  return {
    dimensions,
    architecture: model.model.architecture,
    family: GRAPH_FAMILIES[model.architectureName] ?? {},
    ffnNorm: FAMILIES[model.architectureName]?.ffnNorm ?? 'ffn_norm',
    flashAttention: settings.flashAttention,
    kvTypeK: settings.kvTypeK,
    kvTypeV: settings.kvTypeV,
    separate: settings.streams > 1,
    deviceOfLayer: (layer) => deviceOfLayer(placement, layer),
    deviceOfWeight: (name, routed, layer) => deviceOfWeight(placement, name, routed, layer),
    weights: model.weights,
  };
}

function deviceOfLayer({ cards }: Placement, layer: number): number {
  const card = cards.findIndex(({ from, to }) => layer >= from && layer < to);
  return card < 0 ? cards.length : card;
}

/** The embedding is always on the host, the output with the last layer. */
function deviceOfWeight(
  placement: Placement,
  name: string,
  routed: boolean,
  layer: number | undefined,
): number {
  const host = placement.cards.length;
  if (name === EMBEDDING) return host;
  if (layer === undefined) return placement.outputCard ?? host;
  return routed && layer < placement.hostExpertLayers ? host : deviceOfLayer(placement, layer);
}

/** Absent or true: layers lie on all cards; `false`: `split-mode none`, and the engine knows one card alone. */
interface Spread {
  readonly spreads?: boolean;
}

/** Two or more cards that hold every layer, no tensor overridden: `llama-context.cpp:llama_context()`. */
export function isPipeline(placement: Placement & Spread): boolean {
  const { cards, host, hostExpertLayers, outputCard, spreads = true } = placement;
  const allOnCards = host.to === host.from && outputCard !== undefined;
  return spreads && cards.length > 1 && allOnCards && hostExpertLayers === 0;
}

/** Whether cards compute with weights that lie on the host. */
export const borrowsWeights = ({ cards, host, hostExpertLayers, outputCard }: Placement): boolean =>
  cards.length > 0 && (host.to > host.from || hostExpertLayers > 0 || outputCard === undefined);

/** From so many rows on, a card takes the weight of an operation from the host: `ggml-cuda.cu:op_offload_min_batch_size`. */
export const OFFLOAD_ROWS = 32;

/**
 * A text that two requests of one model share when one program serves both. The weight format counts only where
 * weights are borrowed, so all formats of a model may share their programs.
 */
export function programKey(
  { quant, fileBytes }: PreparedModel,
  settings: Settings,
  placement: Placement & Spread,
): string {
  const { flashAttention, kvTypeK, kvTypeV, sequences, streams, ubatchTokens, outputRows } = settings;
  const { cards, host, outputCard, hostExpertLayers } = placement;
  const borrows = borrowsWeights(placement);
  const caches = borrows ? `${kvTypeK} ${kvTypeV}` : `${cacheKind(kvTypeK)} ${cacheKind(kvTypeV)}`;
  const rows = `${Math.min(ubatchTokens, OFFLOAD_ROWS)} ${Math.min(outputRows, OFFLOAD_ROWS)}`;
  const borrowed = borrows ? `${quant.name} ${fileBytes} ${rows}` : '';
  let layers = `${host.to} ${outputCard} ${hostExpertLayers} ${placement.spreads}`;
  for (const { to } of cards) layers += ` ${to}`;
  return `${flashAttention} ${caches} ${sequences > 1} ${streams > 1} ${borrowed} ${layers}`;
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
  return stack.map((steps, layer) => {
    const blocks = steps.flat().map(numberOf);
    const borrowed = borrows ? hostTypes(structure, layer, placement.cards.length) : '';
    return `${blocks} ${structure.deviceOfLayer(layer)} ${borrowed}`;
  });
}

/** Types of the weights of a layer that lie on the host. */
function hostTypes({ weights, deviceOfWeight }: Structure, layer: number, host: number): string {
  const onHost = weights.layers[layer]!.filter(
    ({ name, routed }) => deviceOfWeight(name, routed, layer) === host,
  );
  return onHost.map(({ type }) => type).join(' ');
}
