import { InputError } from '../../../errors.js';
import type { ResolvedRequest } from '../../request.js';
import { type Override, overridden, readOverrides } from './overrides.js';
import type { PreparedModel } from './prepare.js';
import type { GgufPiece } from './tensors.js';

/** A run of layers on one device, `from` included and `to` not. */
export interface Run {
  readonly from: number;
  readonly to: number;
}

/** Where everything lies. Cards are numbered from 0 in the order of the request. */
export interface Placement {
  /** Layers of each card; empty runs where it has none. */
  readonly cards: readonly Run[];
  /** Layers that stay on the host: the first ones. */
  readonly host: Run;
  /** Card that holds the output; `undefined` is the host. */
  readonly outputCard: number | undefined;
  /** Layers whose routed experts stay on the host: the first ones. */
  readonly hostExpertLayers: number;
  /** `false`: the engine uses one card alone (`split-mode none`). */
  readonly spreads: boolean;
  /** Patterns that put single tensors elsewhere. */
  readonly overrides: readonly Override[];
  /** Caches and states of all layers stay on the host (`no-kv-offload`). */
  readonly cacheOnHost: boolean;
}

/** Two or more cards that hold every layer and its cache, no tensor overridden: `llama-context.cpp:llama_context()`. */
export function isPipeline(placement: Placement): boolean {
  const { cards, host, hostExpertLayers, outputCard, spreads, overrides, cacheOnHost } = placement;
  const allOnCards = host.to === host.from && outputCard !== undefined && !cacheOnHost;
  return spreads && cards.length > 1 && allOnCards && hostExpertLayers === 0 && overrides.length === 0;
}

/** Copies of every graph input where several cards work as a pipeline: `ggml-backend.cpp:GGML_SCHED_MAX_COPIES`. */
export const PIPELINE_COPIES = 4;

export const EMBEDDING = 'token_embd.weight';

/** A weight as far as its place depends on it. */
interface Placed extends Pick<GgufPiece, 'place'> {
  /** Without its layer. */
  readonly name: string;
  /** A stack of experts. */
  readonly routed?: boolean;
}

/** Number of the card that holds a layer; the host is numbered after the cards. */
export function deviceOfLayer({ cards }: Placement, layer: number): number {
  const card = cards.findIndex(({ from, to }) => layer >= from && layer < to);
  return card < 0 ? cards.length : card;
}

/** Number of the device that holds a weight: the embedding is on the host, the output with the last layer. */
export function deviceOfTensor(
  placement: Placement,
  { name, routed, place }: Placed,
  layer?: number,
): number {
  const host = placement.cards.length;
  if (placement.overrides.length > 0) {
    const named = overridden(placement.overrides, layer === undefined ? name : `blk.${layer}.${name}`);
    if (named !== undefined) return named === 'host' ? host : named;
  }
  if (place === 'host') return host;
  if (place === 'firstLayer') return deviceOfLayer(placement, 0);
  if (layer === undefined) return placement.outputCard ?? host;
  return routed && layer < placement.hostExpertLayers ? host : deviceOfLayer(placement, layer);
}

/**
 * Layers over devices as `src/llama-model.cpp:load_tensors` does it, in its 32-bit arithmetic.
 *
 * The output counts as one more layer after the last; the input embedding is always on the host.
 *
 * @param shares free memory of each card, or the shares of `tensor-split`; any unit
 * @example placeLayers(request, prepared, [1, 1]).cards // 32 layers: [{ from: 0, to: 17 }, { from: 17, to: 32 }]
 */
export function placeLayers(
  request: ResolvedRequest,
  prepared: PreparedModel,
  shares: readonly number[],
): Placement {
  const { layersAll } = prepared;
  const slots = layersAll + 1;
  const onCards = shares.length === 0 ? 0 : Math.min(gpuLayers(request, slots), slots);
  const first = slots - onCards;
  const ends = runEnds(shares, onCards).map((end) => first + end);
  const cards = ends.map((end, card) => ({
    from: Math.min(ends[card - 1] ?? first, layersAll),
    to: Math.min(end, layersAll),
  }));
  const outputCard = onCards > 0 ? ends.indexOf(slots) : -1;
  return {
    cards,
    host: { from: 0, to: Math.min(first, layersAll) },
    outputCard: outputCard < 0 ? undefined : outputCard,
    hostExpertLayers: hostExpertLayers(request, layersAll),
    spreads: request.options['split-mode'] !== 'none',
    overrides: overridesOf(request, shares.length),
    cacheOnHost: request.options['no-kv-offload'] === true,
  };
}

/** @throws InputError `contradiction` for a card that is not there */
function overridesOf({ options }: ResolvedRequest, cards: number): readonly Override[] {
  const given = options['override-tensor'];
  if (typeof given !== 'string') return NO_OVERRIDES;
  const overrides = readOverrides(given);
  const missing = overrides.find(({ device }) => device !== 'host' && device >= cards);
  if (missing) {
    throw new InputError('contradiction', {
      one: `override-tensor to card ${missing.device}`,
      other: `${cards} card(s)`,
    });
  }
  return overrides;
}

const NO_OVERRIDES: readonly Override[] = [];

function gpuLayers({ options }: ResolvedRequest, slots: number): number {
  const asked = options['n-gpu-layers'];
  return typeof asked === 'number' ? asked : slots;
}

function hostExpertLayers({ options }: ResolvedRequest, layersAll: number): number {
  if (options['cpu-moe'] === true) return layersAll;
  const layers = options['n-cpu-moe'];
  return typeof layers === 'number' ? Math.min(layers, layersAll) : 0;
}

/** For each card, the first of `slots` that lies behind it: `upper_bound` over the normalised prefix sums. */
function runEnds(shares: readonly number[], slots: number): number[] {
  const single = Math.fround;
  let sum = 0;
  const prefix = shares.map((share) => {
    sum = single(sum + single(share));
    return sum;
  });
  const limits = prefix.map((value) => single(value / sum));
  const ends = new Array<number>(shares.length).fill(0);
  let card = 0;
  for (let slot = 0; slot < slots; slot++) {
    const position = single(slot / slots);
    while (limits[card]! <= position) card++;
    ends[card] = slot + 1;
  }
  // A card without layers ends where the one before it does.
  for (let index = 1; index < ends.length; index++) ends[index] = Math.max(ends[index]!, ends[index - 1]!);
  return ends;
}

/**
 * The shares that decide the split: `tensor-split`, else free memory; with `split-mode none` the first card alone.
 *
 * @throws InputError `contradiction` where there are more shares than cards
 */
export function sharesOf(request: ResolvedRequest, freeBytes: readonly number[]): number[] {
  const { options } = request;
  if (options['split-mode'] === 'none') return freeBytes.map((_, card) => (card === 0 ? 1 : 0));
  const given = options['tensor-split'];
  if (given === undefined || given === null) return [...freeBytes];
  const shares = String(given).split(/[,/]/).map(Number);
  if (shares.length > freeBytes.length) {
    throw new InputError('contradiction', {
      one: `tensor-split with ${shares.length} shares`,
      other: `${freeBytes.length} card(s)`,
    });
  }
  return freeBytes.map((_, card) => shares[card] ?? 0);
}
