import type { Block } from '../../../schema/model.js';

/** What the law looks at in a model: it does not depend on a request. */
export interface LawShape {
  /** Floats alive for each token at the peak of the widest block. */
  readonly layerFloats: number;
  /** Query heads, and elements of one query, of the widest attention. */
  readonly queryHeads: number;
  readonly queryWidth: number;
}

/** The shape of a model of these blocks. */
export function lawShapeOf(blocks: readonly Block[], hiddenSize: number): LawShape {
  const { heads, width } = queryShape(blocks);
  const layerFloats = Math.max(...blocks.map((block) => floatsPerToken(block, hiddenSize)));
  return { layerFloats, queryHeads: heads, queryWidth: width };
}

/** Floats alive for each token at the peak of a block. Closed forms: `docs/formulas.md`. */
function floatsPerToken(block: Block, hiddenSize: number): number {
  switch (block.kind) {
    case 'dense':
      return 3 * block.intermediateSize + 3 * hiddenSize;
    case 'moe': {
      const outputs = hiddenSize > 2 * block.intermediateSize ? block.activeExperts * hiddenSize : 0;
      return 3 * block.activeExperts * block.intermediateSize + outputs + 4 * hiddenSize;
    }
    case 'latent':
      return (
        block.heads * (2 * (block.kvRank + block.ropeDim) + block.nopeDim + block.ropeDim) + 3 * hiddenSize
      );
    default:
      return 0;
  }
}

/** Query heads, and the elements of one query, of the widest attention. */
function queryShape(blocks: readonly Block[]): { heads: number; width: number } {
  const shapes = blocks.map((block) => {
    if (block.kind === 'latent')
      return { heads: block.heads, width: block.heads * (block.kvRank + block.ropeDim) };
    return 'kvHeads' in block
      ? { heads: block.heads, width: block.heads * block.headDim }
      : { heads: 0, width: 0 };
  });
  return shapes.reduce((widest, shape) => (shape.width > widest.width ? shape : widest), {
    heads: 0,
    width: 0,
  });
}
