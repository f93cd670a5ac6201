import { InputError } from '../../../errors.js';
import type { Architecture, Block } from '../../../schema/model.js';
import { stackOf } from '../../tensors/stack.js';
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
  dense: ['intermediateSize', 'gate', 'bias', 'activationParameters'],
  moe: [...['experts', 'activeExperts', 'intermediateSize', 'bias', 'groups', 'routerCorrection', 'shared']],
};

/** Values of known fields that the rules do not know. */
const UNKNOWN_VALUES: Readonly<Record<string, unknown>> = { outputGate: 'head', routerCorrection: 'trained' };

/** Fields of a whole model that the rules do not know. */
const UNKNOWN_FIELDS = ['headBias', 'extraRows', 'layerEmbedding', 'residualStreams'] as const;

/**
 * Refuses what a spec can say but the rules for this engine do not know, or its loader does not take of an architecture:
 * never a wrong number.
 *
 * @throws InputError `not-understood` naming the field
 */
export function refuseUnknown(architecture: Architecture, family: Family): void {
  for (const [name, block] of Object.entries(architecture.blocks)) {
    refuseBlock(name, block);
    const strange = Object.entries(STRANGE_BLOCKS).find(([, isStrange]) =>
      isStrange(block, family, architecture),
    );
    if (strange) refuse(`blocks.${name}.${strange[0]}`);
  }
  const strange =
    UNKNOWN_FIELDS.find((field) => architecture[field] !== undefined) ??
    Object.entries(STRANGE_MODELS).find(([, isStrange]) => isStrange(architecture, family))?.[0];
  if (strange) refuse(strange);
}

/** What a loader does not take of a block, by its field: `src/models/<name>.cpp:load_arch_tensors`. */
const STRANGE_BLOCKS: Readonly<
  Record<string, (block: Block, family: Family, architecture: Architecture) => boolean>
> = {
  'bias on the output': (block, { biases }) =>
    'bias' in block && block.bias === 'qkvo' && !biases?.includes('attentionOutput'),
  'bias of the feed-forward': (block, { biases }) =>
    block.kind === 'dense' && block.bias === true && !biases?.includes('feedForward'),
  gate: (block, { ungated = false }) => block.kind === 'dense' && (block.gate === false) !== ungated,
  qkNorm: (block, { qkNorm }) => 'qkNorm' in block && block.qkNorm !== undefined && block.qkNorm !== qkNorm,
  'fewer key-value heads than heads': (block, { squareKeys }) =>
    'kvHeads' in block && squareKeys === true && block.kvHeads !== block.heads,
  window: (block, { windows }) => block.kind === 'sliding' && windows === undefined,
  'heads of another width than the hidden state': (block, { squareQueries }, { hiddenSize }) =>
    squareQueries === true && 'kvHeads' in block && block.heads * block.headDim !== hiddenSize,
};

/** What a loader does not take of a whole model. */
const STRANGE_MODELS: Readonly<Record<string, (architecture: Architecture, family: Family) => boolean>> = {
  'norm.bias': ({ norm }) => norm.bias === true,
  'norm.placement': ({ norm }, { norms = 'pre' }) => (norm.placement ?? 'pre') !== norms,
  'rope.scaling longrope': ({ rope }, { ropeFactors }) =>
    rope?.scaling?.kind === 'longrope' && ropeFactors !== 'longrope',
  'tiedEmbeddings false': ({ tiedEmbeddings }, { head }) => head === 'tied' && !tiedEmbeddings,
  'tiedEmbeddings true': ({ tiedEmbeddings }, { head }) => head === 'own' && tiedEmbeddings === true,
  'blocks side by side': (architecture, { parallel = false }) =>
    stackOf(architecture).some((steps) => (steps.length === 1) !== parallel),
  'an order of windows of its own': hasOtherWindows,
};

/** `src/llama-hparams.cpp:set_swa_pattern`. */
function hasOtherWindows(architecture: Architecture, { windows }: Family): boolean {
  if (typeof windows !== 'number') return false;
  const sees = stackOf(architecture).map((steps) => steps.flat().every(({ kind }) => kind !== 'sliding'));
  return sees.includes(false) && sees.some((all, layer) => all !== ((layer + 1) % windows === 0));
}

function refuseBlock(name: string, block: Block): void {
  const known = FIELDS[block.kind];
  if (!known) refuse(`a block of kind ${block.kind}`);
  for (const [field, value] of Object.entries(block)) {
    if (field === 'kind' || value === undefined) continue;
    if (!known.includes(field) || UNKNOWN_VALUES[field] === value)
      refuse(`blocks.${name}.${field} of kind ${block.kind}`);
  }
}

function refuse(field: string): never {
  throw new InputError('not-understood', { field, engine: 'llama.cpp' });
}
