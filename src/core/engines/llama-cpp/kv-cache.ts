import type { CachePart, TokenCache } from '../../cache/index.js';
import type { GgmlType } from '../../quant/ggml-types.js';
import type { CacheClass } from './load.js';
import { type BufferKind, bufferBytes } from './prepare.js';
import type { Settings } from './settings.js';

const CELL_STEP = 256;

/**
 * Tokens that one stream of a layer's cache holds, in cells.
 *
 * A window needs itself, once for each sequence of a unified cache, plus the ubatch being computed:
 * `src/llama-kv-cache-iswa.cpp:llama_kv_cache_iswa()`.
 *
 * @example cellsOf({ grows: true, part: 'slidingWindow', keyElements: 1024, valueElements: 1024, window: 8192 }, settings) // 8704
 */
export function cellsOf(cache: Pick<TokenCache, 'window' | 'tokensPerEntry'>, settings: Settings): number {
  const { contextPerSequence, swaFull, unified, sequences, ubatch } = settings;
  if (cache.tokensPerEntry !== undefined) return entriesOf(cache.tokensPerEntry, settings);
  if (cache.window === undefined || swaFull) return contextPerSequence;
  const window = cache.window * (unified ? sequences : 1) + ubatch;
  return Math.ceil(Math.min(contextPerSequence, window) / CELL_STEP) * CELL_STEP;
}

/** Cells of a cache with one entry for so many tokens: `src/llama-kv-cache-dsv4.cpp:llama_kv_cache_dsv4()`. */
export const entriesOf = (tokens: number, { contextPerSequence }: Settings): number =>
  Math.ceil(Math.ceil(contextPerSequence / tokens) / CELL_STEP) * CELL_STEP;

/**
 * Bytes that one layer of a class keeps in a buffer. Recurrent state is in 32-bit floats whatever the cache type: `src/llama-kv-cache.cpp:llama_kv_cache()`,
 * `src/llama-memory-recurrent.cpp`.
 */
export function layerCacheBytes(
  { cache, transposedElements }: CacheClass,
  settings: Settings,
  kind: BufferKind,
): number {
  if (!cache.grows) {
    const aligned = (elements: number) => bufferBytes('F32', [elements, settings.sequences], kind);
    return aligned(cache.convElements) + aligned(cache.stateElements);
  }
  const cells = cellsOf(cache, settings) * settings.streams;
  const { keyElements, valueElements } = cache;
  // Keys alone, as of a latent, have no values; a layer that keeps nothing has those of the widest where they are transposed.
  const isTransposed = !settings.flashAttention && (valueElements > 0 || keyElements === 0);
  const values = isTransposed ? transposedElements : valueElements;
  return (
    tensorBytes(settings.kvTypeK, keyElements, cells, kind) +
    tensorBytes(settings.kvTypeV, values, cells, kind)
  );
}

function tensorBytes(type: GgmlType, elements: number, cells: number, kind: BufferKind): number {
  return elements === 0 ? 0 : bufferBytes(type, [elements, cells], kind);
}

/** Cache of a run of layers, `from` included and `to` not, by part of the result. */
export function cacheBytes(
  classes: readonly CacheClass[],
  settings: Settings,
  layers: { from: number; to: number },
  kind: BufferKind,
): Map<CachePart, number> {
  const parts = new Map<CachePart, number>();
  for (const known of classes) {
    const count = known.upTo[layers.to]! - known.upTo[layers.from]!;
    if (count)
      parts.set(known.part, (parts.get(known.part) ?? 0) + count * layerCacheBytes(known, settings, kind));
  }
  return parts;
}
