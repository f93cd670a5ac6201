import { InputError } from '../../../errors.js';
import type { Architecture, Block } from '../../../schema/model.js';
import { isFeedForward } from '../../tensors/index.js';
import { type Step, type Steps, stackOf } from '../../tensors/stack.js';
import { type Family, RUNS } from './families.js';

const ATTENTION = [
  'heads',
  'kvHeads',
  'headDim',
  'valueDim',
  'bias',
  'qkNorm',
  'sinks',
  'outputGate',
  'rope',
  'valueIsKey',
  'sharedKv',
];

/** Fields of each kind of block that the rules for this engine know; a kind that is not here is not known. */
const FIELDS: { readonly [K in Block['kind']]?: readonly string[] } = {
  full: ATTENTION,
  sliding: [...ATTENTION, 'window'],
  chunked: [...ATTENTION, 'window'],
  latent: ['heads', 'queryRank', 'kvRank', 'nopeDim', 'ropeDim', 'valueDim', 'rope', 'outputGate'],
  kda: ['heads', 'headDim', 'convKernel', 'fullRankGate'],
  lightning: ['heads', 'headDim'],
  indexer: ['heads', 'headDim', 'queryRank', 'chosenTokens', 'blockTokens', 'form', 'ratio'],
  shared: ['heads', 'headDim', 'queryRank', 'outputGroups', 'outputRank', 'window'],
  compressor: ['headDim', 'ratio', 'overlap'],
  gatedDeltaNet: ['keyHeads', 'valueHeads', 'keyDim', 'valueDim', 'convKernel'],
  mamba1: ['innerSize', 'stateDim', 'timeRank', 'convKernel', 'innerNorms'],
  mamba2: ['heads', 'headDim', 'stateDim', 'groups', 'convKernel'],
  dense: ['intermediateSize', 'gate', 'bias', 'activationParameters', 'clamped'],
  moe: [
    ...[
      'experts',
      'activeExperts',
      'intermediateSize',
      'gate',
      'bias',
      'clamped',
      'latentSize',
      'latentNorm',
      'groups',
      'routerCorrection',
      'routerScales',
      'tokenTable',
      'shared',
    ],
  ],
};

/** Fields of a whole model that the rules do not know. */
const UNKNOWN_FIELDS = ['extraRows'] as const;

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
  bias: (block, { unbiased }) => 'kvHeads' in block && 'bias' in block && unbiased === true,
  'bias, which is missing': (block, { biasesThroughout }) =>
    'kvHeads' in block && block.kind !== 'cross' && block.bias !== 'qkvo' && biasesThroughout === true,
  'width of the first feed-forward': (block, { secondFfnNorm }, { hiddenSize }) =>
    block.kind === 'dense' && secondFfnNorm !== undefined && block.intermediateSize !== hiddenSize,
  'kind, which is shared or compressor': (block, { compresses }) =>
    (block.kind === 'shared' || block.kind === 'compressor') && !compresses,
  'ratio of an entry': (block, { compresses }) =>
    ('ratio' in block && block.ratio !== undefined) !== (compresses === true) && block.kind === 'indexer',
  'ratio and overlap': (block) =>
    (block.kind === 'compressor' && block.ratio !== (block.overlap ? RUNS.short : RUNS.long)) ||
    (block.kind === 'indexer' && block.ratio !== undefined && block.ratio !== RUNS.short),
  'headDim, which is not that of the shared attention': (block, _, { blocks }) =>
    block.kind === 'compressor' &&
    Object.values(blocks).some((other) => other.kind === 'shared' && other.headDim !== block.headDim),
  tokenTable: (block, { tokenTables }) =>
    block.kind === 'moe' &&
    block.tokenTable === true &&
    (!tokenTables || block.routerCorrection !== undefined),
  'routerCorrection or tokenTable, which are missing': (block, { tokenTables }) =>
    block.kind === 'moe' && tokenTables === true && !block.tokenTable && block.routerCorrection === undefined,
  clamped: (block, { clamps }) => isClamped(block) && !clamps,
  gate: (block, { ungated = false }) =>
    (block.kind === 'dense' || block.kind === 'moe') && (block.gate === false) !== ungated,
  qkNorm: (block, { qkNorm }) => 'qkNorm' in block && block.qkNorm !== undefined && block.qkNorm !== qkNorm,
  outputGate: (block, { outputGates = [] }) =>
    'kvHeads' in block &&
    'outputGate' in block &&
    !outputGates.some((gate) => (gate === 'head') === (block.outputGate === 'head')),
  'outputGate of a latent': (block, { outputGates }) =>
    block.kind === 'latent' && block.outputGate === true && outputGates === undefined,
  fullRankGate: (block, { fullRankGate = false }) =>
    block.kind === 'kda' && (block.fullRankGate === true) !== fullRankGate,
  latentNorm: (block, { latentExperts }) =>
    block.kind === 'moe' && block.latentNorm === true && latentExperts !== 'ffn_routed',
  'outputGate, which is missing': (block, { outputGates }) =>
    'kvHeads' in block &&
    block.kind !== 'cross' &&
    outputGates !== undefined &&
    block.outputGate === undefined,
  valueDim: (block, { valueDims }) =>
    'kvHeads' in block && 'valueDim' in block && block.valueDim !== block.headDim && !valueDims,
  valueIsKey: (block, { valuesFromKeys }) => 'valueIsKey' in block && !valuesFromKeys,
  sharedKv: (block, { sharesKv }) => 'sharedKv' in block && (block.sharedKv !== true || !sharesKv),
  routerScales: (block, { scaledExperts = false }) =>
    block.kind === 'moe' && (block.routerScales === true) !== scaledExperts,
  sinks: (block, { sinks }) => 'kvHeads' in block && 'sinks' in block && !sinks,
  'fewer key-value heads than heads': (block, { squareKeys }) =>
    'kvHeads' in block && squareKeys === true && block.kvHeads !== block.heads,
  shared: (block, { sharedExpert }) =>
    block.kind === 'moe' && block.shared !== undefined && sharedExpert === undefined,
  'shared, which is missing': (block, { sharedExpert }) =>
    block.kind === 'moe' &&
    block.shared === undefined &&
    sharedExpert !== undefined &&
    sharedExpert !== 'maybe',
  'shared.gate': (block, { sharedExpert }) =>
    block.kind === 'moe' &&
    block.shared !== undefined &&
    (block.shared.gate === true) !== (sharedExpert === 'gated'),
  'shared of another width than some routed experts': (block, { sharedExpert }) =>
    block.kind === 'moe' &&
    sharedExpert === 'counted' &&
    (block.shared?.intermediateSize ?? 0) % block.intermediateSize > 0,
  routerCorrection: (block, { corrects }) =>
    block.kind === 'moe' && block.routerCorrection !== undefined && !corrects,
  'routerCorrection, which is missing': (block, { corrects }) =>
    block.kind === 'moe' && block.routerCorrection === undefined && corrects === 'always',
  'bias of experts': (block, { ungated }) => block.kind === 'moe' && block.bias === true && ungated === true,
  latentSize: (block, { latentExperts }) =>
    block.kind === 'moe' && block.latentSize !== undefined && !latentExperts,
  groups: (block, { withoutGroups }) =>
    block.kind === 'moe' && (block.groups?.count ?? 1) > 1 && withoutGroups === true,
  queryRank: (block, { plainQueries }, architecture) =>
    block.kind === 'latent' &&
    plainQueries !== undefined &&
    plainQueries(stackOf(architecture).length, architecture.vocabSize - (architecture.paddingRows ?? 0)) !==
      (block.queryRank === undefined),
  rope: (block, { rope }) => block.kind === 'latent' && block.rope === false && rope !== 'nowhere',
  'queryRank and chosenTokens, which are missing': (block, { indexers }) =>
    block.kind === 'indexer' &&
    (block.chosenTokens === undefined || (block.queryRank === undefined) !== (indexers === 'ofBlocks')),
  'form and blockTokens': (block, { indexers }) =>
    block.kind === 'indexer' &&
    [block.form, block.blockTokens].some((said) => (said !== undefined) !== (indexers === 'ofBlocks')),
  'chosenTokens, which are no whole blocks': (block) =>
    block.kind === 'indexer' && (block.chosenTokens ?? 0) % (block.blockTokens ?? 1) > 0,
  // The matrix that turns keys is as wide as they are, and `ggml_gen_hadamard` makes powers of two.
  'headDim, which is no power of two': (block, { indexers }) =>
    block.kind === 'indexer' &&
    indexers !== 'ofBlocks' &&
    (block.headDim < 64 || !Number.isInteger(Math.log2(block.headDim))),
  'queryRank, which is not that of the attention': (block, _, { blocks }) =>
    block.kind === 'indexer' &&
    Object.values(blocks).some(
      (other) => (other.kind === 'latent' || other.kind === 'shared') && other.queryRank !== block.queryRank,
    ),
  'heads, which are not the key-value heads of the attention': (block, { indexers }, { blocks }) =>
    block.kind === 'indexer' &&
    indexers === 'ofBlocks' &&
    Object.values(blocks).some((other) => other.kind === 'full' && other.kvHeads !== block.heads),
  'innerNorms, which are missing': (block) => block.kind === 'mamba1' && block.innerNorms !== true,
  'innerSize, which is not twice the hidden size': (block, { innerTwice }, { hiddenSize }) =>
    block.kind === 'mamba1' && !(innerTwice && block.innerSize === 2 * hiddenSize),
  window: (block, { windows }) => block.kind === 'sliding' && windows === undefined,
  'heads of another width than the hidden state': (block, { squareQueries }, { hiddenSize }) =>
    squareQueries === true && 'kvHeads' in block && block.heads * block.headDim !== hiddenSize,
};

const isClamped = (block: Block): boolean =>
  ('clamped' in block && block.clamped === true) || (block.kind === 'moe' && block.shared?.clamped === true);

/** What a loader does not take of a whole model. */
const STRANGE_MODELS: Readonly<Record<string, (architecture: Architecture, family: Family) => boolean>> = {
  checkpointEvery: ({ checkpointEvery }, { checkpoints }) => checkpointEvery !== undefined && !checkpoints,
  activation: ({ activation }, family) => (activation === 'situ') !== (family.activation === 'situ'),
  residualStreams: ({ residualStreams }, family) => residualStreams !== family.residualStreams,
  'norm.bias': ({ norm }, { biasesThroughout = false }) => (norm.bias === true) !== biasesThroughout,
  headBias: ({ headBias }, { biasesThroughout = false }) => (headBias === true) !== biasesThroughout,
  'feed-forwards one after the other': (architecture, { secondFfnNorm }) =>
    stackOf(architecture).some((steps) => steps.length > 2 !== (secondFfnNorm !== undefined)),
  'heads that differ from layer to layer': hasOtherHeads,
  'heads of linear attention, which are not those of attention': hasOtherLinearHeads,
  'norm.placement': ({ norm }, { norms = 'pre' }) => (norm.placement ?? 'pre') !== norms,
  'rope.scaling longrope': ({ rope }, { ropeFactors }) =>
    rope?.scaling?.kind === 'longrope' && ropeFactors !== 'longrope',
  'tiedEmbeddings false': ({ tiedEmbeddings }, { head }) => head === 'tied' && !tiedEmbeddings,
  'tiedEmbeddings true': ({ tiedEmbeddings }, { head }) => head === 'own' && tiedEmbeddings === true,
  layerEmbedding: ({ layerEmbedding, vocabSize }, family) =>
    layerEmbedding !== undefined && !(family.layerEmbedding && layerEmbedding.vocabSize === vocabSize),
  'experts without a feed-forward beside them': (architecture, { scaledExperts }) =>
    stackOf(architecture).some((steps) =>
      steps.some(
        (step) => step.some(({ kind }) => kind === 'moe') && step.length > 1 !== (scaledExperts ?? false),
      ),
    ),
  'blocks side by side': (architecture, { parallel = false }) =>
    stackOf(architecture).some((steps) => steps.some(mixesBoth) !== parallel),
  'experts of another width than the feed-forwards': ({ blocks }, { oneWidth }) =>
    oneWidth === true &&
    new Set(
      Object.values(blocks).flatMap((block) => ('intermediateSize' in block ? block.intermediateSize : [])),
    ).size > 1,
  // The engine forgets what a layer of attention alone made: `src/models/deci.cpp`.
  'layers of one block': (architecture, { single = false, attentionFree = false }) =>
    !single &&
    stackOf(architecture).some((steps) => {
      const [only, ...more] = steps.flat();
      return only !== undefined && more.length === 0 && isFeedForward(only) !== attentionFree;
    }),
  'layers of more than one block': (architecture, { single }) =>
    single === true && stackOf(architecture).some((steps) => steps.flat().length > 1),
  'layers with an indexer, and without': (architecture, { indexers }) =>
    !placesIndexers(stackOf(architecture), indexers),
  'norms of queries and keys': (architecture, { normsFrom }) =>
    normsFrom !== undefined &&
    Object.values(architecture.blocks).some(
      (block) =>
        block.kind === 'full' && (block.qkNorm === 'heads') !== stackOf(architecture).length >= normsFrom,
    ),
  'an order of linear attention of its own': hasOtherLinear,
  'an order of windows of its own': hasOtherWindows,
  'experts by a table behind others': (architecture) => {
    const tables = stackOf(architecture).map((steps) => steps.flat().some(isByTable));
    return tables.lastIndexOf(true) >= tables.filter(Boolean).length;
  },
  'layers without experts': (architecture, { experts }) =>
    experts !== undefined && !placesExperts(architecture, experts),
};

const isOfShortRuns = (block: Block): boolean => block.kind === 'compressor' && block.ratio === RUNS.short;

const isByTable = (block: Block): boolean => block.kind === 'moe' && block.tokenTable === true;

function placesIndexers(stack: readonly Steps[], indexers: Family['indexers']): boolean {
  const has = stack.map((steps) => steps.flat().some(({ kind }) => kind === 'indexer'));
  if (!indexers) return !has.includes(true);
  if (indexers === 'ofEntries')
    return stack.every((steps, layer) => has[layer] === steps.flat().some(isOfShortRuns));
  if (indexers === 'ofBlocks')
    return stack.every((steps, layer) => has[layer] === steps.flat().some(({ kind }) => kind === 'moe'));
  return indexers === 'everywhere' ? !has.includes(false) : has[0] === true;
}

/** A mixer and a feed-forward that read the same. */
const mixesBoth = (step: Step): boolean => step.some(isFeedForward) && !step.every(isFeedForward);

/** Whether layers without experts stand where they may. */
function placesExperts(architecture: Architecture, experts: NonNullable<Family['experts']>): boolean {
  const has = stackOf(architecture).map((steps) => steps.flat().some(({ kind }) => kind === 'moe'));
  const first = experts === 'everywhere' ? 0 : has.indexOf(true);
  return first < 0 || has.every((moe, layer) => moe === layer >= first);
}

/** Whether layers differ in their heads where the loader takes one number for all. */
function hasOtherHeads({ blocks }: Architecture, { varies = [] }: Family): boolean {
  const attentions = Object.values(blocks).filter((block) => 'kvHeads' in block && block.kind !== 'cross');
  const differs = (values: readonly unknown[]) => new Set(values).size > 1;
  return (
    (['heads', 'kvHeads', 'headDim'] as const).some(
      (field) => !varies.includes(field) && differs(attentions.map((block) => block[field])),
    ) || differs(attentions.map(({ valueDim }) => valueDim))
  );
}

type Heads = Pick<Extract<Block, { kind: 'full' }>, 'heads' | 'headDim'>;

/** The engine takes the heads of linear attention, and their width where it says none, from attention: `n_head()`. */
function hasOtherLinearHeads({ blocks }: Architecture): boolean {
  const all = Object.values(blocks);
  const attention = all.find((block) => block.kind === 'latent' || block.kind === 'full');
  return all.some(
    (block) =>
      (block.kind === 'kda' && block.heads !== attention?.heads) ||
      (block.kind === 'lightning' && !(attention?.kind === 'full' && sameHeads(block, attention))),
  );
}

const sameHeads = (one: Heads, other: Heads): boolean =>
  one.heads === other.heads && one.headDim === other.headDim;

/** Whether linear attention stands where the loader does not look for it. */
function hasOtherLinear(architecture: Architecture, { attentionEvery }: Family): boolean {
  const isLinear = stackOf(architecture).map((steps) =>
    steps.flat().some(({ kind }) => kind === 'lightning'),
  );
  return (
    attentionEvery !== undefined &&
    isLinear.some((linear, layer) => linear === ((layer + 1) % attentionEvery === 0))
  );
}

/** `src/llama-hparams.cpp:set_swa_pattern`. */
function hasOtherWindows(architecture: Architecture, { windows, seesAllFirst }: Family): boolean {
  if (typeof windows !== 'number') return false;
  const sees = stackOf(architecture).map((steps) => steps.flat().every(({ kind }) => kind !== 'sliding'));
  return (
    sees.includes(false) &&
    sees.some((all, layer) => all !== ((layer + (seesAllFirst ? 0 : 1)) % windows === 0))
  );
}

function refuseBlock(name: string, block: Block): void {
  const known = FIELDS[block.kind];
  if (!known) refuse(`a block of kind ${block.kind}`);
  for (const [field, value] of Object.entries(block)) {
    if (field === 'kind' || value === undefined) continue;
    if (!known.includes(field)) refuse(`blocks.${name}.${field} of kind ${block.kind}`);
  }
}

function refuse(field: string): never {
  throw new InputError('not-understood', { field, engine: 'llama.cpp' });
}
