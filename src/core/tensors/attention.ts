import type { Architecture, Block } from '../../schema/model.js';
import type { Part } from './index.js';

type Attention = Extract<Block, { kind: 'full' | 'sliding' | 'chunked' }>;

/**
 * Grouped-query attention: queries for every head, keys and values for every group, one projection back.
 * An output gate is stored beside the queries and doubles their rows.
 */
export function attention(block: Attention, { hiddenSize }: Architecture): Part[] {
  const { heads, kvHeads, headDim } = block;
  const part = (name: string, shape: number[]): Part => ({
    name: `self_attn.${name}`,
    role: 'attention',
    shape,
  });
  const queryRows = heads * headDim * (block.outputGate ? 2 : 1);
  const kvRows = kvHeads * headDim;
  const parts = [
    part('q_proj.weight', [queryRows, hiddenSize]),
    part('k_proj.weight', [kvRows, hiddenSize]),
    part('v_proj.weight', [kvRows, hiddenSize]),
    part('o_proj.weight', [hiddenSize, heads * headDim]),
  ];
  if (block.bias)
    parts.push(
      part('q_proj.bias', [queryRows]),
      part('k_proj.bias', [kvRows]),
      part('v_proj.bias', [kvRows]),
    );
  if (block.bias === 'qkvo') parts.push(part('o_proj.bias', [hiddenSize]));
  if (block.qkNorm) {
    const width = block.qkNorm === 'width';
    parts.push(
      part('q_norm.weight', [width ? heads * headDim : headDim]),
      part('k_norm.weight', [width ? kvRows : headDim]),
    );
  }
  if (block.sinks) parts.push(part('sinks', [heads]));
  return parts;
}
