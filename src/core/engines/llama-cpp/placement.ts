import { InputError } from '../../../errors.js';
import type { ResolvedRequest } from '../../request.js';
import type { PreparedModel } from './prepare.js';

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
  };
}

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
