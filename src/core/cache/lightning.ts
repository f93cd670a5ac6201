import type { Mixer } from '../../schema/model.js';
import type { StateCache } from './index.js';

/** One key × value matrix for each head; no convolution. */
export const lightning = ({ heads, headDim }: Extract<Mixer, { kind: 'lightning' }>): StateCache => ({
  grows: false,
  part: 'recurrentState',
  convElements: 0,
  stateElements: heads * headDim * headDim,
});
