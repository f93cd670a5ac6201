import type { Mixer } from '../../schema/model.js';
import type { MemoryCache } from './index.js';

/** Keys and values of an image's or encoder's tokens: they do not grow with the text. */
export const cross = ({
  kvHeads,
  headDim,
  memoryTokens,
}: Extract<Mixer, { kind: 'cross' }>): MemoryCache => ({
  grows: false,
  part: 'crossAttention',
  memoryElements: 2 * memoryTokens * kvHeads * headDim,
});
