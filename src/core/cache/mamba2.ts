import type { Mixer } from '../../schema/model.js';
import type { StateCache } from './index.js';

/** The tail of the convolution over values, B and C, and one state for each channel. */
export const mamba2 = (block: Extract<Mixer, { kind: 'mamba2' }>): StateCache => {
  const width = block.heads * block.headDim;
  return {
    grows: false,
    part: 'recurrentState',
    convElements: (block.convKernel - 1) * (width + 2 * block.groups * block.stateDim),
    stateElements: width * block.stateDim,
  };
};
