import { InputError } from '../../errors.js';
import type { Architecture, Block, Layer } from '../../schema/model.js';

/** One step of a layer: a block, or several that run side by side. */
export type Step = readonly Block[];

/** A layer as its steps in sequence. */
export type Steps = readonly Step[];

/**
 * Every layer of a model, first layer first, with its blocks looked up.
 *
 * @throws InputError `bad-file` where a layer names a block that the spec lacks
 * @example stackOf(maverick.architecture).length // 48
 */
export function stackOf(architecture: Architecture): Steps[] {
  const stack: Steps[] = [];
  for (const run of architecture.layers) {
    const pattern = run.pattern.map((layer) => stepsOf(layer, architecture));
    for (let round = 0; round < (run.repeat ?? 1); round++) stack.push(...pattern);
  }
  for (const exception of architecture.exceptions ?? []) {
    const steps = stepsOf(exception.use, architecture);
    for (const layer of exception.layers) {
      if (layer >= stack.length)
        throw new InputError('bad-file', { problem: `exception for layer ${layer} of ${stack.length}` });
      stack[layer] = steps;
    }
  }
  return stack;
}

/** The blocks that one written layer names, step by step. */
export function stepsOf(layer: Layer, architecture: Architecture): Steps {
  return layer.map((step) =>
    (typeof step === 'string' ? [step] : step).map((name) => blockNamed(name, architecture)),
  );
}

function blockNamed(name: string, architecture: Architecture): Block {
  const block = Object.hasOwn(architecture.blocks, name) ? architecture.blocks[name] : undefined;
  if (!block)
    throw new InputError('bad-file', {
      problem: `a layer names the block "${name}", which is not among blocks`,
    });
  return block;
}
