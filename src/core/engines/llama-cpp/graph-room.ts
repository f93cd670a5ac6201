import { choosesBlocks, hasSingleTokens } from './kinds.js';
import type { PreparedModel } from './prepare.js';
import type { Settings } from './settings.js';

/** Tensors that the graph has for each token, or for each tensor of the model: `src/llama-context.cpp:graph_max_nodes`. */
const ROOM = { perToken: 40, perTensor: 32 };

/** Tensors of a layer that chooses blocks, counted in `src/models/minimax-m3.cpp`: for each sequence, each active expert, and once. */
const OF_LAYER = { perSequence: 49, perExpert: 2, once: 63 };

/**
 * Whether a graph with a part for each sequence is larger than the engine foresees: it ends in an assertion.
 *
 * @example overflowsGraph(settings, minimaxM3) // true for 12 sequences with caches of their own
 */
export function overflowsGraph(
  settings: Settings,
  { blocks, caches, layers, weights }: PreparedModel,
): boolean {
  const { ubatch, streams, flashAttention } = settings;
  if (!choosesBlocks(blocks) || !flashAttention || streams === 1 || hasSingleTokens(settings)) return false;
  const sparse = caches.find(({ part }) => part === 'indexer')?.upTo.at(-1) ?? 0;
  const experts = Math.max(0, ...blocks.map((block) => (block.kind === 'moe' ? block.activeExperts : 0)));
  const needed =
    layers * OF_LAYER.once + sparse * (OF_LAYER.perExpert * experts + OF_LAYER.perSequence * streams);
  const tensors = weights.layers.reduce((sum, ofLayer) => sum + ofLayer.length, weights.outside.length);
  return needed > Math.max(ROOM.perToken * ubatch, ROOM.perTensor * tensors);
}
