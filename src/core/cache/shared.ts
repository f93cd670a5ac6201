import type { Mixer } from '../../schema/model.js';
import type { TokenCache } from './index.js';

/** One entry that is key and value at once, for the tokens of a window. */
export const shared = ({ headDim, window }: Extract<Mixer, { kind: 'shared' }>): TokenCache => ({
  grows: true,
  part: 'slidingWindow',
  keyElements: headDim,
  valueElements: 0,
  window,
});
