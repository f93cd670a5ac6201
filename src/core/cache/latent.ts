import type { Mixer } from '../../schema/model.js';
import type { TokenCache } from './index.js';

/** One shared latent plus the rotary part of the key: no factor 2 and no per-head term (MLA, arXiv:2405.04434). */
export const latent = ({ kvRank, ropeDim }: Extract<Mixer, { kind: 'latent' }>): TokenCache => ({
  grows: true,
  part: 'latent',
  keyElements: kvRank + ropeDim,
  valueElements: 0,
});
