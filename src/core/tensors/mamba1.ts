import type { Architecture, Block } from '../../schema/model.js';
import type { Part } from './index.js';

/** Mamba (arXiv:2312.00752): values and gate from one projection, a short convolution, then time step, B and C from the values. */
export function mamba1(block: Extract<Block, { kind: 'mamba1' }>, { hiddenSize }: Architecture): Part[] {
  const { innerSize, stateDim, timeRank, convKernel } = block;
  const part = (name: string, shape: number[]): Part => ({
    name: `mamba.${name}`,
    role: 'linearAttention',
    shape,
  });
  const parts = [
    part('in_proj.weight', [2 * innerSize, hiddenSize]),
    part('conv1d.weight', [innerSize, convKernel]),
    part('x_proj.weight', [timeRank + 2 * stateDim, innerSize]),
    part('dt_proj.weight', [innerSize, timeRank]),
    part('dt_proj.bias', [innerSize]),
    part('A_log', [innerSize, stateDim]),
    part('D', [innerSize]),
    part('out_proj.weight', [hiddenSize, innerSize]),
  ];
  if (block.convBias !== false) parts.push(part('conv1d.bias', [innerSize]));
  if (block.innerNorms) {
    parts.push(
      part('dt_layernorm.weight', [timeRank]),
      part('b_layernorm.weight', [stateDim]),
      part('c_layernorm.weight', [stateDim]),
    );
  }
  if (block.bias) parts.push(part('in_proj.bias', [2 * innerSize]), part('out_proj.bias', [hiddenSize]));
  return parts;
}
