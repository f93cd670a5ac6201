import type { Architecture, Block } from '../../schema/model.js';
import { attentionPart } from './attention.js';
import type { Part } from './index.js';

/**
 * Attention over one key that is the value too and that all heads share: low ranks for the queries and, group by
 * group, for the output. Source: `modeling_deepseek_v4.py` of transformers 5.18.0.
 */
export function shared(block: Extract<Block, { kind: 'shared' }>, { hiddenSize }: Architecture): Part[] {
  const { heads, headDim, queryRank, outputGroups, outputRank } = block;
  const part = (name: string, shape: number[]): Part => attentionPart(`${name}.weight`, shape);
  return [
    part('q_a_proj', [queryRank, hiddenSize]),
    part('q_a_norm', [queryRank]),
    part('q_b_proj', [heads * headDim, queryRank]),
    part('kv_proj', [headDim, hiddenSize]),
    part('kv_norm', [headDim]),
    part('o_a_proj', [outputGroups * outputRank, (heads * headDim) / outputGroups]),
    part('o_b_proj', [hiddenSize, outputGroups * outputRank]),
    attentionPart('sinks', [heads]),
  ];
}
