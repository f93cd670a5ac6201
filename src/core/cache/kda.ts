import type { Mixer } from '../../schema/model.js';
import type { StateCache } from './index.js';

/** The tail of the convolution over queries, keys and values, and one key × value matrix for each head. */
export const kda = ({ heads, headDim, convKernel }: Extract<Mixer, { kind: 'kda' }>): StateCache => ({
  grows: false,
  part: 'recurrentState',
  convElements: (convKernel - 1) * 3 * heads * headDim,
  stateElements: heads * headDim * headDim,
});
