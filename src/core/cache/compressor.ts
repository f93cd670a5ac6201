import type { Mixer } from '../../schema/model.js';
import type { TokenCache } from './index.js';

/** One entry, key and value at once, for each run of `ratio` tokens. */
export const compressor = ({ headDim, ratio }: Extract<Mixer, { kind: 'compressor' }>): TokenCache => ({
  grows: true,
  part: 'latent',
  keyElements: headDim,
  valueElements: 0,
  tokensPerEntry: ratio,
});
