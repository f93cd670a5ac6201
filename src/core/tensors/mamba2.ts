import type { Architecture, Block } from '../../schema/model.js';
import type { Part } from './index.js';

/** Mamba-2 (arXiv:2405.21060): gate, values, B, C and time steps from one projection, then a short convolution. */
export function mamba2(block: Extract<Block, { kind: 'mamba2' }>, { hiddenSize }: Architecture): Part[] {
  const { heads, headDim, stateDim, groups, convKernel } = block;
  const part = (name: string, shape: number[]): Part => ({
    name: `mamba.${name}`,
    role: 'linearAttention',
    shape,
  });
  const width = heads * headDim;
  const convWidth = width + 2 * groups * stateDim;
  const parts = [
    part('in_proj.weight', [width + convWidth + heads, hiddenSize]),
    part('conv1d.weight', [convWidth, convKernel]),
    ...(block.convBias === false ? [] : [part('conv1d.bias', [convWidth])]),
    part('dt_bias', [heads]),
    part('A_log', [heads]),
    part('D', [heads]),
    part('norm.weight', [width]),
    part('out_proj.weight', [hiddenSize, width]),
  ];
  if (block.bias)
    parts.push(part('in_proj.bias', [width + convWidth + heads]), part('out_proj.bias', [hiddenSize]));
  return parts;
}
