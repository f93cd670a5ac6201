import { InputError } from '../../../errors.js';
import type { Model, Vision } from '../../../schema/model.js';
import type { Estimate } from '../../estimate.js';
import { layoutOf, type Part } from '../../tensors/index.js';
import { elementsOf } from '../../tensors/parameters.js';

const HALF = 2;
const FLOAT = 4;

/**
 * Memory of the vision projector that `--mmproj` loads beside the model: its file in 16-bit floats, and its graph
 * for one image of the size that it was trained with.
 *
 * Source of the types: `conversion/mmproj.py` (matrices F16; vectors and the table of positions F32). The graph is an
 * estimate: what one layer keeps alive, at the high end with the scores of one attention (`tools/mtmd/clip.cpp`).
 *
 * @returns bytes, all on the first device
 * @throws InputError `contradiction` for a model without a vision tower, `not-understood` for one that is only listed
 */
export function projectorOf({ architecture, name }: Model): Estimate {
  const { vision, towers } = architecture;
  if (towers?.vision)
    throw new InputError('not-understood', { field: 'towers.vision with mmproj', engine: 'llama.cpp' });
  if (!vision)
    throw new InputError('contradiction', {
      one: 'option mmproj true',
      other: `${name}, which has no vision`,
    });
  const weights = layoutOf(architecture).vision.reduce((sum, part) => sum + fileBytes(part), 0);
  const { graph, scores } = graphBytes(vision);
  return { bytes: weights + graph, low: weights, high: weights + graph + scores };
}

const isTable = ({ shape, name }: Part): boolean => shape.length < 2 || name.includes('position_embedding');

const fileBytes = (part: Part): number => elementsOf(part) * (isTable(part) ? FLOAT : HALF);

function graphBytes({ imageSize, patchSize, hiddenSize, intermediateSize, heads }: Vision) {
  const tokens = (imageSize / patchSize) ** 2;
  return {
    graph: Math.round(FLOAT * tokens * (3 * intermediateSize + 4 * hiddenSize)),
    scores: Math.round(FLOAT * heads * tokens ** 2),
  };
}
