import type { Block, Mixer } from '../../schema/model.js';
import { attention } from './attention.js';
import { compressor } from './compressor.js';
import { cross } from './cross.js';
import { gatedDeltaNet } from './gated-delta-net.js';
import { indexer } from './indexer.js';
import { kda } from './kda.js';
import { latent } from './latent.js';
import { lightning } from './lightning.js';
import { mamba1 } from './mamba1.js';
import { mamba2 } from './mamba2.js';
import { shared } from './shared.js';

/** The part of the result that a layer's cache counts in. */
export type CachePart =
  | 'fullAttention'
  | 'slidingWindow'
  | 'latent'
  | 'indexer'
  | 'recurrentState'
  | 'crossAttention';

/** A cache that grows with the tokens a sequence holds. Elements are of one token in one layer. */
export interface TokenCache {
  readonly grows: true;
  readonly part: Exclude<CachePart, 'recurrentState' | 'crossAttention'>;
  readonly keyElements: number;
  readonly valueElements: number;
  /** Tokens that the layer can see at most; absent where it sees all. */
  readonly window?: number;
  /** Tokens that share one entry; 1 where absent. */
  readonly tokensPerEntry?: number;
}

/** A state of fixed size, one for each sequence. Elements are of one sequence in one layer. */
export interface StateCache {
  readonly grows: false;
  readonly part: 'recurrentState';
  readonly convElements: number;
  readonly stateElements: number;
}

/** What a layer keeps of an image or of an encoder's input. Elements are of one sequence in one layer, at most. */
export interface MemoryCache {
  readonly grows: false;
  readonly part: 'crossAttention';
  readonly memoryElements: number;
}

export type LayerCache = TokenCache | StateCache | MemoryCache;

export type CacheRule<K extends Mixer['kind']> = (
  block: Extract<Mixer, { kind: K }>,
) => LayerCache | undefined;

/** What each kind of mixer keeps: one line each. Blocks that are no mixers keep nothing. */
const CACHES: { [K in Mixer['kind']]: CacheRule<K> } = {
  full: attention,
  sliding: attention,
  chunked: attention,
  latent,
  cross,
  indexer,
  shared,
  compressor,
  gatedDeltaNet,
  kda,
  lightning,
  mamba1,
  mamba2,
};

/**
 * What one block keeps between tokens; `undefined` for a feed-forward, and where an earlier layer keeps it.
 *
 * @example cacheOf({ kind: 'full', heads: 32, kvHeads: 8, headDim: 128 }) // keyElements 1024, valueElements 1024
 */
export function cacheOf(block: Block): LayerCache | undefined {
  const rule = (CACHES as Record<string, ((block: Block) => LayerCache | undefined) | undefined>)[block.kind];
  return rule?.(block);
}
