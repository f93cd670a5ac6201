import type { Architecture, Block } from '../../schema/model.js';
import { attentionPart } from './attention.js';
import type { Part } from './index.js';

/** Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434): keys and values expand from one latent. */
export function latent(block: Extract<Block, { kind: 'latent' }>, { hiddenSize }: Architecture): Part[] {
  const { heads, queryRank, kvRank, nopeDim, ropeDim, valueDim } = block;
  const part = (name: string, shape: number[]): Part => attentionPart(`${name}.weight`, shape);
  const queryRows = heads * (nopeDim + ropeDim);
  const queries = queryRank
    ? [
        part('q_a_proj', [queryRank, hiddenSize]),
        part('q_a_layernorm', [queryRank]),
        part('q_b_proj', [queryRows, queryRank]),
      ]
    : [part('q_proj', [queryRows, hiddenSize])];
  const parts = [
    ...queries,
    part('kv_a_proj_with_mqa', [kvRank + ropeDim, hiddenSize]),
    part('kv_a_layernorm', [kvRank]),
    part('kv_b_proj', [heads * (nopeDim + valueDim), kvRank]),
    part('o_proj', [hiddenSize, heads * valueDim]),
  ];
  if (block.outputGate) parts.push(part('g_proj', [heads * valueDim, hiddenSize]));
  if (!block.bias) return parts;
  const narrow = queryRank ? [attentionPart('q_a_proj.bias', [queryRank])] : [];
  return [
    ...parts,
    ...narrow,
    attentionPart('kv_a_proj_with_mqa.bias', [kvRank + ropeDim]),
    attentionPart('o_proj.bias', [hiddenSize]),
  ];
}
