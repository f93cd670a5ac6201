import type { Estimate } from '../../estimate.js';
import type { ComputeBuffers } from './compute-replay/index.js';
import { cellsOf } from './kv-cache.js';
import type { CacheClass } from './load.js';
import { isPipeline, PIPELINE_COPIES, type Placement, type Run } from './placement.js';
import type { PreparedModel } from './prepare.js';
import type { Settings } from './settings.js';

const FLOAT = 4;
const HALF = 2;
const INDEX = 8;

/**
 * How far the engine's figure was from the law, by class, as shares of the law: low and high hold at least
 * 90 % of the planner's records of llama.cpp v0.5.0 (12 models; 2026-11-25, `npm run conformance` prints them).
 */
const SURE = {
  oneDevice: { low: 0.9, high: 1.09 },
  cacheNotF16: { low: 0.94, high: 1.25 },
  severalCards: { low: 0.93, high: 1.35 },
  noFlashAttention: { low: 0.97, high: 1.06 },
  host: { low: 0.99, high: 1.01 },
} as const;

/**
 * The compute buffers of every device, by a law over the largest phase of the prompt graph.
 *
 * The engine packs its graph; the law takes the largest of three phases (one layer, one attention, the
 * logits) and adds the inputs that never leave. Source of the phases: `src/llama-context.cpp:sched_reserve`,
 * `src/llama-graph.cpp`, `ggml-cuda/fattn.cu`; the law was fitted to no model.
 *
 * @returns bytes of each card in order, and of the host
 */
export function computeByLaw(
  prepared: PreparedModel,
  settings: Settings,
  placement: Placement,
): ComputeBuffers {
  const pipeline = isPipeline(placement);
  const copies = pipeline ? PIPELINE_COPIES : 1;
  const cards = placement.cards.map((run, card) =>
    cardBuffer(prepared, settings, placement, { run, card, copies }),
  );
  return { cards, host: hostBuffer(prepared, settings, placement, copies) };
}

interface CardPosition {
  readonly run: Run;
  readonly card: number;
  readonly copies: number;
}

function cardBuffer(
  prepared: PreparedModel,
  settings: Settings,
  placement: Placement,
  { run, card, copies }: CardPosition,
): Estimate {
  const holdsOutput = placement.outputCard === card;
  if (run.from === run.to && !holdsOutput) return { bytes: 0, low: 0, high: 0 };
  const law = Math.max(
    layerPhase(prepared, settings, run, copies),
    attentionPhase(prepared, settings, run, copies, 'card'),
    holdsOutput ? logitsPhase(prepared, settings) : 0,
  );
  const crossing = copies > 1 ? hiddenCopies(prepared, settings, card) : 0;
  const expected = law + crossing;
  if ((placement.hostExpertLayers > 0 || placement.overrides.length > 0) && card === 0)
    return withHostExperts(expected, prepared);
  return spread(expected, classOf(settings, placement));
}

function hostBuffer(
  prepared: PreparedModel,
  settings: Settings,
  placement: Placement,
  copies: number,
): Estimate {
  const { hiddenSize } = prepared.model.architecture;
  const hidden = FLOAT * settings.ubatchTokens * hiddenSize;
  const { host } = placement;
  if (placement.cards.length > 0 && host.to === host.from) {
    const everything = { from: 0, to: prepared.layersAll };
    const bytes = inputs(prepared, settings, everything) * copies + 2 * hidden;
    return spread(bytes, placement.hostExpertLayers > 0 ? SURE.severalCards : SURE.host);
  }
  const everywhere = placement.cards.length > 0 ? host : { from: 0, to: prepared.layersAll };
  const law = Math.max(
    layerPhase(prepared, settings, everywhere, 1),
    attentionPhase(prepared, settings, everywhere, 1, 'host'),
    placement.outputCard === undefined ? logitsPhase(prepared, settings) : 0,
  );
  return spread(law + hidden, classOf(settings, placement));
}

function classOf(settings: Settings, { cards }: Placement): { low: number; high: number } {
  if (cards.length > 1) return SURE.severalCards;
  if (!settings.flashAttention) return SURE.noFlashAttention;
  return settings.kvTypeK === 'F16' && settings.kvTypeV === 'F16' ? SURE.oneDevice : SURE.cacheNotF16;
}

function spread(expected: number, { low, high }: { low: number; high: number }): Estimate {
  return { bytes: Math.round(expected), low: Math.round(expected * low), high: Math.round(expected * high) };
}

/** Experts on the host are copied to the first card whole, one tensor at a time, and packing may leave a hole of the same size. */
function withHostExperts(law: number, { largestExpertBytes }: PreparedModel): Estimate {
  return {
    bytes: Math.round(law + largestExpertBytes),
    low: Math.round(0.9 * law),
    high: Math.round(law + 2 * largestExpertBytes),
  };
}

/** The hidden state that a pipeline copies to a card; later cards also hold its norm. */
function hiddenCopies({ model }: PreparedModel, { ubatchTokens }: Settings, card: number): number {
  const once = PIPELINE_COPIES * FLOAT * ubatchTokens * model.architecture.hiddenSize;
  return card === 0 ? once : 2 * once;
}

const growing = ({ caches }: PreparedModel, run: Run): CacheClass[] =>
  caches.filter(({ cache, upTo }) => cache.grows && upTo[run.to]! > upTo[run.from]!);

/** Masks, one for each cache that a run of layers has, and without flash attention the indices of the values. */
function inputs(prepared: PreparedModel, settings: Settings, run: Run): number {
  const { ubatchTokens, flashAttention } = settings;
  const maskElement = flashAttention ? HALF : FLOAT;
  return growing(prepared, run).reduce((bytes, { cache }) => {
    if (!cache.grows) return bytes;
    const indices = flashAttention ? 0 : INDEX * ubatchTokens * cache.valueElements;
    return bytes + maskElement * ubatchTokens * cellsOf(cache, settings) + indices;
  }, 0);
}

/** Everything alive while one layer's widest block is computed. */
function layerPhase(prepared: PreparedModel, settings: Settings, run: Run, copies: number): number {
  const { layerFloats } = prepared.lawShape;
  return FLOAT * settings.ubatchTokens * layerFloats + inputs(prepared, settings, run) * copies;
}

/**
 * One attention: without flash attention its scores; with it, on a card, half-precision copies of a cache
 * that is kept in another type (`ggml-cuda/fattn.cu`), for the widest layer.
 */
function attentionPhase(
  prepared: PreparedModel,
  settings: Settings,
  run: Run,
  copies: number,
  where: 'card' | 'host',
): number {
  const { hiddenSize } = prepared.model.architecture;
  const { queryHeads, queryWidth } = prepared.lawShape;
  const states = FLOAT * settings.ubatchTokens * (2 * hiddenSize + 2 * queryWidth);
  const peak = Math.max(
    0,
    ...growing(prepared, run).map((known) => attentionExtra(known, settings, queryHeads, where)),
  );
  return peak === 0 ? 0 : inputs(prepared, settings, run) * copies + states + peak;
}

function attentionExtra(
  { cache }: CacheClass,
  settings: Settings,
  heads: number,
  where: 'card' | 'host',
): number {
  if (!cache.grows) return 0;
  const cells = cellsOf(cache, settings);
  if (!settings.flashAttention) return FLOAT * settings.ubatchTokens * heads * cells;
  const copied = (type: string, elements: number): number => {
    const needsCopy = where === 'card' ? type !== 'F16' : type === 'F32';
    return needsCopy ? HALF * cells * settings.streams * elements : 0;
  };
  return copied(settings.kvTypeK, cache.keyElements) + copied(settings.kvTypeV, cache.valueElements);
}

/** The logits of all rows that the graph puts out, beside the last hidden state. */
function logitsPhase({ vocabSize, model }: PreparedModel, { outputRows, ubatchTokens }: Settings): number {
  return FLOAT * outputRows * vocabSize + FLOAT * ubatchTokens * model.architecture.hiddenSize;
}
