import type { Mixer } from '../../schema/model.js';
import type { StateCache } from './index.js';

/** The tail of the convolution over the inner channels, and one state for each of them. */
export const mamba1 = ({
  innerSize,
  stateDim,
  convKernel,
}: Extract<Mixer, { kind: 'mamba1' }>): StateCache => ({
  grows: false,
  part: 'recurrentState',
  convElements: (convKernel - 1) * innerSize,
  stateElements: innerSize * stateDim,
});
