import type { Architecture, Block } from '../../schema/model.js';
import type { Part } from './index.js';

type Attention = Extract<Block, { kind: 'full' | 'sliding' | 'chunked' }>;

/** A tensor of a layer's attention. */
export const attentionPart = (name: string, shape: number[]): Part => ({
  name: `self_attn.${name}`,
  role: 'attention',
  shape,
});

/**
 * Grouped-query attention: queries for every head, keys and values for every group, one projection back.
 * An output gate is stored beside the queries and doubles their rows, or has one row a head.
 */
export function attention(block: Attention, { hiddenSize }: Architecture): Part[] {
  const { heads, kvHeads, headDim, valueDim = headDim } = block;
  const rows = {
    q_proj: heads * headDim * (block.outputGate === true ? 2 : 1),
    k_proj: block.sharedKv ? 0 : kvHeads * headDim,
    v_proj: block.sharedKv || block.valueIsKey ? 0 : kvHeads * valueDim,
  };
  const inputs = Object.entries(rows).filter(([, count]) => count > 0);
  const parts = [
    ...inputs.map(([name, count]) => attentionPart(`${name}.weight`, [count, hiddenSize])),
    attentionPart('o_proj.weight', [hiddenSize, heads * valueDim]),
  ];
  if (block.bias) parts.push(...inputs.map(([name, count]) => attentionPart(`${name}.bias`, [count])));
  if (block.bias === 'qkvo') parts.push(attentionPart('o_proj.bias', [hiddenSize]));
  parts.push(...norms(block));
  if (block.sinks) parts.push(attentionPart('sinks', [heads]));
  if (block.outputGate === 'head') parts.push(attentionPart('g_proj.weight', [heads, hiddenSize]));
  return parts;
}

function norms({ qkNorm, heads, kvHeads, headDim, sharedKv }: Attention): Part[] {
  if (!qkNorm) return [];
  const shape = (count: number): number[] =>
    ({ head: [headDim], heads: [count, headDim], width: [count * headDim] })[qkNorm];
  const queries = attentionPart('q_norm.weight', shape(heads));
  const keys = attentionPart('k_norm.weight', shape(kvHeads));
  return sharedKv === true ? [queries] : [queries, keys];
}
