import type { Architecture, Block } from '../../schema/model.js';
import type { Part } from './index.js';

/** Lightning attention (MiniMax-Text-01, arXiv:2501.08313): queries, keys and values from one matrix, an output gate, a norm over all heads. */
export function lightning(
  block: Extract<Block, { kind: 'lightning' }>,
  { hiddenSize }: Architecture,
): Part[] {
  const width = block.heads * block.headDim;
  const part = (name: string, shape: number[]): Part => ({
    name: `linear_attn.${name}.weight`,
    role: 'linearAttention',
    shape,
  });
  return [
    part('qkv_proj', [3 * width, hiddenSize]),
    part('output_gate', [width, hiddenSize]),
    part('norm', [width]),
    part('out_proj', [hiddenSize, width]),
  ];
}
