import type { Architecture, Block } from '../../schema/model.js';
import type { Part } from './index.js';

/** A gated feed-forward: gate and up widen, down brings back. */
export function dense(block: Extract<Block, { kind: 'dense' }>, { hiddenSize }: Architecture): Part[] {
  const part = (name: string, shape: number[]): Part => ({
    name: `mlp.${name}.weight`,
    role: 'denseFeedForward',
    shape,
  });
  return [
    part('gate_proj', [block.intermediateSize, hiddenSize]),
    part('up_proj', [block.intermediateSize, hiddenSize]),
    part('down_proj', [hiddenSize, block.intermediateSize]),
  ];
}
