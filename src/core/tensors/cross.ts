import type { Architecture, Block } from '../../schema/model.js';
import { attentionPart } from './attention.js';
import type { Part } from './index.js';

/** Cross-attention: queries from the text, keys and values from a memory of equal width, and two gates (Llama 3.2 Vision). */
export function cross(block: Extract<Block, { kind: 'cross' }>, { hiddenSize }: Architecture): Part[] {
  const { heads, kvHeads, headDim } = block;
  const part = (name: string, shape: number[]): Part => ({
    ...attentionPart('', shape),
    name: `cross_attn.${name}`,
  });
  return [
    part('q_proj.weight', [heads * headDim, hiddenSize]),
    part('k_proj.weight', [kvHeads * headDim, hiddenSize]),
    part('v_proj.weight', [kvHeads * headDim, hiddenSize]),
    part('o_proj.weight', [hiddenSize, heads * headDim]),
    part('q_norm.weight', [headDim]),
    part('k_norm.weight', [headDim]),
    part('attn_gate', [1]),
    part('mlp_gate', [1]),
  ];
}
