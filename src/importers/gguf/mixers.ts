import { InputError } from '../../errors.js';
import type { Block, Mixer } from '../../schema/model.js';
import type { GgufFamily } from './families.js';
import type { LayerTensors } from './layer-tensors.js';
import type { Metadata } from './metadata.js';

/** What a reader of blocks looks at. */
export interface Reading {
  readonly metadata: Metadata;
  readonly family: GgufFamily;
  readonly hiddenSize: number;
  /** All layers of the file, those for multi-token prediction included. */
  readonly layerCount: number;
  /** Those that run. */
  readonly stackLayers: number;
}

interface Place extends Reading {
  readonly layer: number;
  readonly tensors: LayerTensors;
}

/** A mixer by the tensor that only it has. The order matters: the first that is there decides. */
const MIXERS: readonly (readonly [string, (place: Place) => Mixer])[] = [
  ['attn_kv_a_mqa.weight', latent],
  ['attn_kv.weight', shared],
  ['ssm_f_a.weight', kda],
  ['ssm_ba.weight', gatedDeltaNet],
  ['ssm_beta.weight', gatedDeltaNet],
  ['ssm_x.weight', mamba1],
  ['ssm_in.weight', mamba2],
  ['attn_norm_2.weight', lightning],
  ['attn_q.weight', attention],
  ['attn_qkv.weight', attention],
];

/**
 * The mixer of a layer, if it has one, told by its tensors; numbers that shapes do not say come from the metadata.
 *
 * @throws InputError `not-understood` where no rule reads it
 */
export function mixersOf(tensors: LayerTensors, layer: number, reading: Reading): Mixer[] {
  const found = MIXERS.find(([name]) => tensors.has(name));
  return found ? [found[1]({ ...reading, layer, tensors })] : [];
}

/** The error for what no rule reads. */
export const notUnderstood = ({ metadata }: Reading, what: string): InputError =>
  new InputError('not-understood', {
    field: `${what} in ${metadata.file} (${metadata.architecture})`,
    engine: 'llama.cpp',
  });

function attention(place: Place): Mixer {
  const { metadata, family, layer, tensors, stackLayers } = place;
  const { heads, kvHeads } = headsOf(place);
  const window = family.window?.(layer, metadata);
  const { headDim, valueDim } = headDimsOf(place, heads, window !== undefined);
  const norm = queryNorm(place, heads, headDim);
  const gate = outputGate(place, heads, headDim);
  refuseFused(place, norm === 'width' || gate === true);
  const rotates = family.rotates?.(layer, metadata) ?? true;
  const ownKv = stackLayers - (family.sharesKv ? (metadata.optionalCount(SHARED_KV) ?? 0) : 0);
  return {
    ...(window ?? { kind: 'full' }),
    heads,
    kvHeads,
    headDim,
    ...(valueDim === headDim ? {} : { valueDim }),
    ...(tensors.has('attn_k.weight') && !tensors.has('attn_v.weight') ? { valueIsKey: true } : {}),
    ...(layer >= ownKv && layer < stackLayers ? { sharedKv: true } : {}),
    ...biasOf(tensors),
    ...(norm ? { qkNorm: norm } : {}),
    ...(tensors.has('attn_sinks.weight') ? { sinks: true } : {}),
    ...(gate ? { outputGate: gate } : {}),
    ...(rotates ? {} : { rope: false }),
  };
}

const SHARED_KV = 'attention.shared_kv_layers';

function headsOf({ metadata, layer, layerCount }: Place): { heads: number; kvHeads: number } {
  const heads = metadata.perLayer('attention.head_count', layerCount)?.[layer];
  if (!heads) throw metadata.fault('attention.head_count', `gives layer ${layer} no heads`);
  const kvHeads = metadata.perLayer('attention.head_count_kv', layerCount)?.[layer] ?? heads;
  if (!kvHeads) throw metadata.fault('attention.head_count_kv', `gives layer ${layer} no heads`);
  return { heads, kvHeads };
}

/** `llama-model.cpp:load_hparams`: the width divided by the heads of the first layer, where the file does not say it. */
function headDimsOf(
  { metadata, hiddenSize, layerCount }: Place,
  ownHeads: number,
  hasWindow: boolean,
): { headDim: number; valueDim: number } {
  const heads = metadata.perLayer('attention.head_count', layerCount)?.[0] || ownHeads;
  const said = (what: 'key' | 'value') =>
    (hasWindow ? metadata.optionalCount(`attention.${what}_length_swa`) : undefined) ??
    metadata.optionalCount(`attention.${what}_length`) ??
    Math.floor(hiddenSize / heads);
  const headDim = said('key');
  if (headDim < 1) throw metadata.fault('attention.head_count', `is more than the width ${hiddenSize}`);
  return { headDim, valueDim: said('value') };
}

function biasOf(tensors: LayerTensors): { bias?: 'qkv' | 'qkvo' } {
  if (!tensors.has('attn_q.bias') && !tensors.has('attn_qkv.bias')) return {};
  return { bias: tensors.has('attn_output.bias') ? 'qkvo' : 'qkv' };
}

/** Joint with the queries, or a matrix of its own: as wide as they are, or one row a head. */
function outputGate(place: Place, heads: number, headDim: number): true | 'head' | undefined {
  if (place.tensors.get('attn_q.weight')?.[1] === 2 * heads * headDim) return true;
  const rows = place.tensors.get('attn_gate.weight')?.[1];
  if (rows === undefined) return undefined;
  if (rows === heads * headDim) return true;
  if (rows === heads) return 'head';
  throw notUnderstood(place, `a gate of ${rows} for queries of ${heads} x ${headDim}`);
}

/**
 * Queries, keys and values as one matrix: every loader has it, but not every graph is known with it.
 *
 * @throws InputError `not-understood`
 */
function refuseFused(place: Place, isWide: boolean): void {
  const { tensors, family, layer } = place;
  if (tensors.has('attn_qkv.weight') && (isWide || family.sharesKv))
    throw notUnderstood(place, `queries, keys and values as one matrix in layer ${layer}`);
}

function queryNorm(place: Place, heads: number, headDim: number): 'head' | 'heads' | 'width' | undefined {
  const [length, count] = place.tensors.get('attn_q_norm.weight') ?? [];
  if (length === undefined) return undefined;
  if (length === headDim) return count === heads ? 'heads' : 'head';
  if (length === heads * headDim) return 'width';
  throw notUnderstood(place, `a norm of ${length} for queries of ${heads} x ${headDim}`);
}

function latent(place: Place): Mixer {
  const { metadata, tensors, family, layer } = place;
  const { heads } = headsOf(place);
  // Files from before the split of this matrix keep a cache of full heads in llama.cpp.
  if (!tensors.has('attn_k_b.weight'))
    throw notUnderstood(place, 'latent attention of a file converted before May 2025');
  const ropeDim = metadata.count('rope.dimension_count');
  const keyDim = metadata.count('attention.key_length_mla');
  if (keyDim <= ropeDim)
    throw metadata.fault('attention.key_length_mla', `is ${keyDim} with ${ropeDim} rotated`);
  return {
    kind: 'latent',
    heads,
    ...(tensors.has('attn_q_a.weight') ? { queryRank: metadata.count('attention.q_lora_rank') } : {}),
    kvRank: metadata.count('attention.kv_lora_rank'),
    nopeDim: keyDim - ropeDim,
    ropeDim,
    valueDim: metadata.count('attention.value_length_mla'),
    ...(tensors.has('attn_gate.weight') ? { outputGate: true } : {}),
    ...((family.rotates?.(layer, metadata) ?? true) ? {} : { rope: false }),
  };
}

/** `src/models/deepseek4.cpp`: one key for all heads, low ranks for queries and output. */
function shared(place: Place): Mixer {
  const { metadata } = place;
  const { heads } = headsOf(place);
  return {
    kind: 'shared',
    heads,
    headDim: headDimsOf(place, heads, false).headDim,
    queryRank: metadata.count('attention.q_lora_rank'),
    outputGroups: metadata.count('attention.output_group_count'),
    outputRank: metadata.count('attention.output_lora_rank'),
    window: metadata.count('attention.sliding_window'),
  };
}

/**
 * What helps the mixer of a layer: an indexer, where the layer has its tensors.
 *
 * @throws InputError `not-understood` where the engine has one in other layers than the file has tensors for
 */
export function helpersOf(tensors: LayerTensors, layer: number, reading: Reading): Block[] {
  const { metadata, family, stackLayers } = reading;
  if (tensors.has('attn_compressor_kv.weight')) return compressorsOf(tensors, layer, reading);
  const has = INDEXER_KEYS.some((name) => tensors.has(name));
  if (layer < stackLayers && family.indexes && family.indexes(layer, metadata) !== has)
    throw notUnderstood(reading, `layer ${layer} ${has ? 'with' : 'without'} tensors of an indexer`);
  if (!has) return [];
  const heads = {
    kind: 'indexer',
    heads: metadata.count('attention.indexer.head_count'),
    headDim: metadata.count('attention.indexer.key_length'),
  } as const;
  const chosen = metadata.count('attention.indexer.top_k');
  if (!tensors.has('indexer.k_proj.weight')) {
    const queryRank = tensors.has('attn_q_a.weight') ? metadata.count('attention.q_lora_rank') : undefined;
    return [{ ...heads, ...(queryRank ? { queryRank } : {}), chosenTokens: chosen }];
  }
  const blockTokens = metadata.count('attention.indexer.block_size');
  return [{ ...heads, chosenTokens: chosen * blockTokens, blockTokens, form: 'norms' }];
}

/** What makes entries of a layer, and chooses among them; the file says of how many tokens each is. */
function compressorsOf(tensors: LayerTensors, layer: number, { metadata }: Reading): Block[] {
  const ratio = metadata.list('attention.compress_ratios')?.[layer];
  if (!ratio) throw metadata.fault('attention.compress_ratios', `gives layer ${layer} no number of tokens`);
  const headDim = metadata.count('attention.key_length');
  if (!tensors.has('indexer.proj.weight')) return [{ kind: 'compressor', headDim, ratio }];
  const indexer: Block = {
    kind: 'indexer',
    heads: metadata.count('attention.indexer.head_count'),
    headDim: metadata.count('attention.indexer.key_length'),
    queryRank: metadata.count('attention.q_lora_rank'),
    chosenTokens: metadata.count('attention.indexer.top_k'),
    ratio,
  };
  return [{ kind: 'compressor', headDim, ratio, overlap: true }, indexer];
}

/** Keys of an indexer of tokens, and of one of blocks of them. */
const INDEXER_KEYS = ['indexer.attn_k.weight', 'indexer.k_proj.weight'];

/** `conversion/qwen.py` writes the linear heads under the names of state spaces. */
function gatedDeltaNet({ metadata }: Place): Mixer {
  const valueHeads = metadata.count('ssm.time_step_rank');
  return {
    kind: 'gatedDeltaNet',
    keyHeads: metadata.count('ssm.group_count'),
    valueHeads,
    keyDim: metadata.count('ssm.state_size'),
    valueDim: share(metadata, valueHeads),
    convKernel: metadata.count('ssm.conv_kernel'),
  };
}

/** `src/llama-hparams.cpp:n_embd_s`: heads of the attention, in a width of their own. */
function kda({ metadata, layer, layerCount, tensors }: Place): Mixer {
  const heads = metadata.perLayer('attention.head_count', layerCount)?.[layer];
  if (!heads) throw metadata.fault('attention.head_count', `gives layer ${layer} no heads`);
  return {
    kind: 'kda',
    heads,
    headDim: metadata.count('kda.head_dim'),
    convKernel: metadata.count('ssm.conv_kernel'),
    ...(tensors.has('ssm_g.weight') ? { fullRankGate: true } : {}),
  };
}

function lightning(place: Place): Mixer {
  const { heads } = headsOf(place);
  return { kind: 'lightning', heads, headDim: headDimsOf(place, heads, false).headDim };
}

function mamba1({ metadata, tensors }: Place): Mixer {
  return {
    kind: 'mamba1',
    innerSize: metadata.count('ssm.inner_size'),
    stateDim: metadata.count('ssm.state_size'),
    timeRank: metadata.count('ssm.time_step_rank'),
    convKernel: metadata.count('ssm.conv_kernel'),
    ...(tensors.has('ssm_dt_norm.weight') ? { innerNorms: true } : {}),
  };
}

function mamba2({ metadata }: Place): Mixer {
  const heads = metadata.count('ssm.time_step_rank');
  return {
    kind: 'mamba2',
    heads,
    headDim: share(metadata, heads),
    stateDim: metadata.count('ssm.state_size'),
    groups: metadata.optionalCount('ssm.group_count') ?? 1,
    convKernel: metadata.count('ssm.conv_kernel'),
  };
}

function share(metadata: Metadata, heads: number): number {
  const inner = metadata.count('ssm.inner_size');
  if (inner % heads !== 0) throw metadata.fault('ssm.inner_size', `is ${inner} for ${heads} heads`);
  return inner / heads;
}
