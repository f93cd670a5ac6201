import type { Mixer } from '../../schema/model.js';
import type { TokenCache } from './index.js';

/** One narrow key for each token, or for each run of `ratio` tokens. */
export const indexer = ({ headDim, ratio }: Extract<Mixer, { kind: 'indexer' }>): TokenCache => ({
  grows: true,
  part: 'indexer',
  keyElements: headDim,
  valueElements: 0,
  ...(ratio ? { tokensPerEntry: ratio } : {}),
});
