import type { Block } from '../../../schema/model.js';
import type { Settings } from './settings.js';

/** Whether an indexer chooses blocks of positions: then the graph has a part for each sequence. */
export const choosesBlocks = (blocks: readonly Block[]): boolean =>
  blocks.some((block) => block.kind === 'indexer' && block.blockTokens !== undefined);

/** Whether attention compresses what its window no longer holds. */
export const compresses = (blocks: readonly Block[]): boolean => blocks.some(({ kind }) => kind === 'shared');

/** Whether the graph has one token of each sequence. */
export const hasSingleTokens = ({
  ubatchTokens,
  streams,
}: Pick<Settings, 'ubatchTokens' | 'streams'>): boolean => ubatchTokens === streams;
