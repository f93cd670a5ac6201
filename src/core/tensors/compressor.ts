import type { Architecture, Block } from '../../schema/model.js';
import type { Part } from './index.js';

type Compressor = Extract<Block, { kind: 'compressor' }>;

/**
 * Makes one entry out of a run of tokens: a projection, a gate as wide, and a bias for each place in the run; all
 * twice as wide where runs overlap. Source: `modeling_deepseek_v4.py` of transformers 5.18.0.
 */
export const compressor = (block: Compressor, { hiddenSize }: Architecture): Part[] =>
  compressorParts(block, hiddenSize, 'compressor');

/** The tensors of a compressor under the name of what holds it. */
export function compressorParts(
  { headDim, ratio, overlap }: Pick<Compressor, 'headDim' | 'ratio' | 'overlap'>,
  hiddenSize: number,
  owner: string,
): Part[] {
  const part = (name: string, shape: number[]): Part => ({
    name: `self_attn.${owner}.${name}`,
    role: 'attention',
    shape,
  });
  const width = headDim * (overlap ? 2 : 1);
  return [
    part('kv_proj.weight', [width, hiddenSize]),
    part('gate_proj.weight', [width, hiddenSize]),
    part('position_bias', [ratio, width]),
    part('kv_norm.weight', [headDim]),
  ];
}
