import type { Mixer } from '../../schema/model.js';
import type { StateCache } from './index.js';

/** The tail of the convolution, and one key × value matrix for each value head. */
export const gatedDeltaNet = (block: Extract<Mixer, { kind: 'gatedDeltaNet' }>): StateCache => ({
  grows: false,
  part: 'recurrentState',
  convElements:
    (block.convKernel - 1) * (2 * block.keyHeads * block.keyDim + block.valueHeads * block.valueDim),
  stateElements: block.valueHeads * block.keyDim * block.valueDim,
});
