import { InputError } from '../../../errors.js';
import type { Architecture, Block } from '../../../schema/model.js';
import type { Family } from './families.js';

const ATTENTION = ['heads', 'kvHeads', 'headDim', 'bias', 'qkNorm', 'sinks', 'outputGate', 'rope'];

/** Fields of each kind of block that the rules for this engine know; a kind that is not here is not known. */
const FIELDS: { readonly [K in Block['kind']]?: readonly string[] } = {
  full: ATTENTION,
  sliding: [...ATTENTION, 'window'],
  chunked: [...ATTENTION, 'window'],
  latent: ['heads', 'queryRank', 'kvRank', 'nopeDim', 'ropeDim', 'valueDim'],
  gatedDeltaNet: ['keyHeads', 'valueHeads', 'keyDim', 'valueDim', 'convKernel'],
  mamba2: ['heads', 'headDim', 'stateDim', 'groups', 'convKernel'],
  dense: ['intermediateSize'],
  moe: [...['experts', 'activeExperts', 'intermediateSize', 'bias', 'groups', 'routerCorrection', 'shared']],
};

/** Values of known fields that the rules do not know. */
const UNKNOWN_VALUES: Readonly<Record<string, unknown>> = {
  outputGate: 'head',
  routerCorrection: 'trained',
  sharedKv: 'keyNorm',
};

/** Fields of a whole model that the rules do not know. */
const UNKNOWN_FIELDS = ['headBias', 'extraRows', 'layerEmbedding', 'residualStreams'] as const;

/**
 * Refuses what a spec can say but the rules for this engine do not know: never a wrong number.
 *
 * @throws InputError `not-understood` naming the field
 */
export function refuseUnknown(architecture: Architecture, { reads = [] }: Family): void {
  for (const [name, block] of Object.entries(architecture.blocks)) refuseBlock(name, block, reads);
  const { norm, rope, layerEmbedding } = architecture;
  const strange = [
    ...UNKNOWN_FIELDS.filter((field) => architecture[field] !== undefined && !reads.includes(field)),
    ...(layerEmbedding && layerEmbedding.vocabSize !== architecture.vocabSize
      ? ['layerEmbedding.vocabSize']
      : []),
    ...(norm.bias ? ['norm.bias'] : []),
    ...(norm.placement === 'post' ? ['norm.placement post'] : []),
    ...(rope?.scaling?.kind === 'longrope' ? ['rope.scaling longrope'] : []),
  ];
  if (strange[0]) refuse(strange[0]);
}

function refuseBlock(name: string, block: Block, reads: readonly string[]): void {
  const known = FIELDS[block.kind];
  if (!known) refuse(`a block of kind ${block.kind}`);
  for (const [field, value] of Object.entries(block)) {
    if (field === 'kind' || value === undefined) continue;
    if (!(known.includes(field) || reads.includes(field)) || UNKNOWN_VALUES[field] === value)
      refuse(`blocks.${name}.${field} of kind ${block.kind}`);
  }
}

function refuse(field: string): never {
  throw new InputError('not-understood', { field, engine: 'llama.cpp' });
}
