import type { Architecture, Block } from '../../schema/model.js';
import type { Part } from './index.js';

/**
 * Kimi Delta Attention: queries, keys and values of equal width through a short convolution; decay and output gate
 * behind a rank of one head, unless the gate has its full one. Sources: `modeling_kimi_linear.py` of transformers 5.18.0,
 * for Kimi-K3 `conversion/kimi_k3.py` of llama.cpp v0.5.0.
 */
export function kda(block: Extract<Block, { kind: 'kda' }>, { hiddenSize }: Architecture): Part[] {
  const { heads, headDim, convKernel, fullRankGate } = block;
  const width = heads * headDim;
  const part = (name: string, shape: number[]): Part => ({
    name: `linear_attn.${name}`,
    role: 'linearAttention',
    shape,
  });
  return [
    part('q_proj.weight', [width, hiddenSize]),
    part('k_proj.weight', [width, hiddenSize]),
    part('v_proj.weight', [width, hiddenSize]),
    part('conv1d.weight', [3 * width, convKernel]),
    part('f_a_proj.weight', [headDim, hiddenSize]),
    part('f_b_proj.weight', [width, headDim]),
    part('dt_bias', [width]),
    part('A_log', [heads]),
    part('b_proj.weight', [heads, hiddenSize]),
    ...(fullRankGate
      ? [part('g_proj.weight', [width, hiddenSize])]
      : [part('g_a_proj.weight', [headDim, hiddenSize]), part('g_b_proj.weight', [width, headDim])]),
    part('norm.weight', [headDim]),
    part('o_proj.weight', [hiddenSize, width]),
  ];
}
