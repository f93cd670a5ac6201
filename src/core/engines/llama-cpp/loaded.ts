import type { Architecture, Block } from '../../../schema/model.js';
import { stackOf } from '../../tensors/stack.js';
import type { Family } from './families.js';

/**
 * A model as the engine runs what the converter made of it: without windows that nobody reads, without an output matrix
 * that was dropped, without rope where the engine turns none. Sources: those of `FAMILIES`.
 *
 * @example asLoaded(mistral7b.architecture, FAMILIES.llama).blocks.local // { kind: 'full', heads: 32, … }
 */
export function asLoaded(architecture: Architecture, family: Family): Architecture {
  const { blocks, rope, ...rest } = architecture;
  return {
    ...rest,
    ...(family.head === 'dropped' ? { tiedEmbeddings: true as const } : {}),
    ...(rope && turns(architecture, family) ? { rope } : {}),
    blocks: Object.fromEntries(Object.entries(blocks).map(([name, block]) => [name, loaded(block, family)])),
  };
}

const turns = (architecture: Architecture, { rope }: Family): boolean =>
  typeof rope !== 'number' || stackOf(architecture).length === rope;

type Change = (block: Block, family: Family) => Block;

const loaded = (block: Block, family: Family): Block =>
  [withoutWindow, withoutRope, withQkNorm].reduce((changed, change) => change(changed, family), block);

const withoutWindow: Change = (block, { windows }) => {
  if (block.kind !== 'sliding' || windows !== 'ignored') return block;
  const { window: _, ...attention } = block;
  return { ...attention, kind: 'full' };
};

const withoutRope: Change = (block, { rope }) =>
  (block.kind === 'full' && rope === 'windows') || (block.kind === 'latent' && rope === 'nowhere')
    ? { ...block, rope: false }
    : block;

const withQkNorm: Change = (block, { makesQkNorm }) =>
  makesQkNorm && (block.kind === 'full' || block.kind === 'sliding') ? { ...block, qkNorm: 'head' } : block;
