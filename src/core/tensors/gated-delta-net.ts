import type { Architecture, Block } from '../../schema/model.js';
import type { Part } from './index.js';

/** Gated delta net (Qwen3-Next): queries, keys, values and an output gate from one projection, then a short convolution. */
export function gatedDeltaNet(
  block: Extract<Block, { kind: 'gatedDeltaNet' }>,
  { hiddenSize }: Architecture,
): Part[] {
  const { keyHeads, valueHeads, keyDim, valueDim, convKernel } = block;
  const part = (name: string, shape: number[]): Part => ({
    name: `linear_attn.${name}`,
    role: 'linearAttention',
    shape,
  });
  const keyWidth = keyHeads * keyDim;
  const valueWidth = valueHeads * valueDim;
  return [
    part('in_proj_qkvz.weight', [2 * keyWidth + 2 * valueWidth, hiddenSize]),
    part('in_proj_ba.weight', [2 * valueHeads, hiddenSize]),
    part('conv1d.weight', [2 * keyWidth + valueWidth, convKernel]),
    part('dt_bias', [valueHeads]),
    part('A_log', [valueHeads]),
    part('norm.weight', [valueDim]),
    part('out_proj.weight', [hiddenSize, valueWidth]),
  ];
}
