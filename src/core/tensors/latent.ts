import type { Architecture, Block } from '../../schema/model.js';
import type { Part } from './index.js';

/** Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434): keys and values expand from one latent. */
export function latent(block: Extract<Block, { kind: 'latent' }>, { hiddenSize }: Architecture): Part[] {
  const { heads, queryRank, kvRank, nopeDim, ropeDim, valueDim } = block;
  const part = (name: string, shape: number[]): Part => ({
    name: `self_attn.${name}.weight`,
    role: 'attention',
    shape,
  });
  const queryRows = heads * (nopeDim + ropeDim);
  const queries = queryRank
    ? [
        part('q_a_proj', [queryRank, hiddenSize]),
        part('q_a_layernorm', [queryRank]),
        part('q_b_proj', [queryRows, queryRank]),
      ]
    : [part('q_proj', [queryRows, hiddenSize])];
  return [
    ...queries,
    part('kv_a_proj_with_mqa', [kvRank + ropeDim, hiddenSize]),
    part('kv_a_layernorm', [kvRank]),
    part('kv_b_proj', [heads * (nopeDim + valueDim), kvRank]),
    part('o_proj', [hiddenSize, heads * valueDim]),
  ];
}
