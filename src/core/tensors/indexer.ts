import type { Architecture, Block } from '../../schema/model.js';
import { compressorParts } from './compressor.js';
import type { Part } from './index.js';

/**
 * A lightning indexer: narrow queries for some heads, one narrow key, and a weight for each head.
 *
 * Sources: DeepSeek-V3.2 (`modeling_deepseek_v32.py:DeepseekV32Indexer`), MiniMax-M3 and DeepSeek-V4 of transformers
 * 5.18.0. V4 makes its keys with a compressor.
 */
export function indexer(block: Extract<Block, { kind: 'indexer' }>, { hiddenSize }: Architecture): Part[] {
  const { heads, headDim, queryRank, form, ratio } = block;
  const part = (name: string, shape: number[]): Part => ({
    name: `self_attn.indexer.${name}`,
    role: 'attention',
    shape,
  });
  const queries = part('q_proj.weight', [heads * headDim, queryRank ?? hiddenSize]);
  if (ratio) {
    return [
      queries,
      ...compressorParts({ headDim, ratio, overlap: true }, hiddenSize, 'indexer.compressor'),
      part('weights_proj.weight', [heads, hiddenSize]),
    ];
  }
  const keys = part('k_proj.weight', [headDim, hiddenSize]);
  return form === 'norms'
    ? [queries, keys, part('q_norm.weight', [headDim]), part('k_norm.weight', [headDim])]
    : [
        queries,
        keys,
        part('k_norm.weight', [headDim]),
        part('k_norm.bias', [headDim]),
        part('weights_proj.weight', [heads, hiddenSize]),
      ];
}
