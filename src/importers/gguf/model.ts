import { InputError } from '../../errors.js';
import {
  type Architecture,
  type Block,
  type FeedForward,
  type Layer,
  type ModelFile,
  modelSchema,
} from '../../schema/model.js';
import { brokenFile } from '../bytes-source.js';
import { GGUF_FAMILIES, type GgufFamily } from './families.js';
import { feedForwardsOf } from './feed-forwards.js';
import type { GgufHeader } from './header.js';
import { type LayerTensors, sortTensors } from './layer-tensors.js';
import { type Metadata, metadataOf } from './metadata.js';
import { helpersOf, mixersOf, notUnderstood, type Reading } from './mixers.js';
import { ropeOf } from './rope.js';
import { type ReadLayer, writeStack } from './stack.js';

/** What is said of a file beside its own header: where it came from, for the sources of the spec made of it. */
export interface GgufOrigin {
  /** The file, or the repository with its commit and the file. */
  readonly from: string;
  /** The day it was written or read, `YYYY-MM-DD`. */
  readonly date: string;
  /** The engine's names of architectures by the `model_type` of released configs: `data/engines/llama.cpp.json`. */
  readonly architectures: Readonly<Record<string, string>>;
}

/** `llama-model.cpp`: the keys of the norm's epsilon, and the value taken where neither is there. */
const EPSILONS = ['attention.layer_norm_rms_epsilon', 'attention.layer_norm_epsilon'];
const USUAL_EPSILON = 1e-6;

const MOST_NAME = 120;

/**
 * The spec of the model in a GGUF file: shapes from the list of tensors, what shapes do not say from the metadata.
 * The vocabulary is that of the file, so rows that a converter dropped are not in it; a vision tower is a file
 * of its own and not in it either.
 *
 * @throws InputError `not-understood` for an architecture, a tensor or a scaling that no rule reads;
 *   `bad-file` where metadata are missing, impossible, or say another shape than the tensors
 * @example modelFromGguf(header, { from: 'model.gguf', date: '2026-11-26', architectures }).context.native // 131072
 */
export function modelFromGguf(
  header: GgufHeader & { readonly ropeFactor?: number },
  { from, date, architectures }: GgufOrigin,
): ModelFile {
  const name = architectureName(header);
  const family = Object.hasOwn(GGUF_FAMILIES, name) ? GGUF_FAMILIES[name] : undefined;
  const types = Object.keys(architectures).filter(
    (type) => architectures[type] === (family?.typesOf ?? name),
  );
  if (!family || types.length === 0)
    throw new InputError('not-understood', {
      field: `The architecture "${name}" of ${header.name}`,
      engine: 'llama.cpp',
    });
  const metadata = metadataOf(header, name);
  const spec = {
    name: nameOf(header),
    context: { native: metadata.count('context_length') },
    architecture: architectureOf(header, { metadata, family, types }),
    sources: [{ facts: ['architecture', 'context.native'], from, date, note: 'Header of a GGUF file.' }],
  };
  const checked = modelSchema.safeParse(spec);
  if (checked.success) return checked.data;
  const list = checked.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new InputError('bad-file', {
    path: header.name,
    problem: 'its header describes no model',
    list,
    hint: 'The file was not converted right.',
  });
}

/** Kinds of files that hold no model of their own; `general.type` says them. */
const OTHER_KINDS: Record<string, string> = {
  adapter: 'an adapter (LoRA)',
  mmproj: 'a vision projector',
  imatrix: 'an importance matrix',
};

function architectureName({ name, metadata }: GgufHeader): string {
  const kind = metadata.get('general.type');
  const other = typeof kind === 'string' && Object.hasOwn(OTHER_KINDS, kind) ? OTHER_KINDS[kind] : undefined;
  if (other)
    throw brokenFile(name, `it holds ${other} and no model`, undefined, 'Name the file of the model itself.');
  const value = metadata.get('general.architecture');
  if (typeof value !== 'string' || value === '')
    throw brokenFile(name, 'general.architecture is missing', undefined, 'The file was not converted right.');
  return value;
}

/** The name that the file gives the model, else the file's own. */
function nameOf({ name: file, metadata }: GgufHeader): string {
  const given = metadata.get('general.name');
  const text = typeof given === 'string' ? given.replace(/\p{Cc}+/gu, ' ').trim() : '';
  const own = file.replace(/^.*[\\/]/, '').replace(/(-\d{5}-of-\d{5})?\.gguf$/i, '');
  return (text || own || 'model').slice(0, MOST_NAME);
}

interface Found {
  readonly metadata: Metadata;
  readonly family: GgufFamily;
  /** Each `model_type` that the engine reads under this name. */
  readonly types: readonly string[];
}

/** Which of several types alike a file was made of, it does not say: the first. */
function typeOf(
  { family, types }: Found,
  { hasExperts, hasMtp }: Readonly<Record<'hasExperts' | 'hasMtp', boolean>>,
): string {
  const { experts, mtp } = family.types ?? {};
  const special = (hasExperts ? experts : undefined) ?? (hasMtp ? mtp : undefined);
  return types.find((type) => type === special) ?? types[0]!;
}

function architectureOf(header: GgufHeader & { readonly ropeFactor?: number }, found: Found): Architecture {
  const { metadata, family } = found;
  const hiddenSize = metadata.count('embedding_length');
  const layerCount = metadata.count('block_count');
  const modules = metadata.optionalCount('nextn_predict_layers') ?? 0;
  if (modules >= layerCount)
    throw metadata.fault('nextn_predict_layers', `is ${modules} of ${layerCount} layers`);
  const stackLayers = layerCount - modules;
  const reading: Reading = { metadata, family, hiddenSize, layerCount, stackLayers };
  refuseStrange(reading);
  const { outside, layers } = sortTensors(header, { layerCount, modules });
  const read = layers.map((tensors, layer) => stepsOf(tensors, layer, reading));
  const blocks = read.flat(2);
  const hasExperts = blocks.some(({ kind }) => kind === 'moe');
  const stack = writeStack(read.slice(0, stackLayers), read.slice(stackLayers, stackLayers + 1));
  const rope = ropeOf(reading, {
    table: tableOf(outside, family),
    factor: header.ropeFactor,
    mixers: blocks.filter((block) => !isFeedForward(block)),
  });
  const deepstackLayers = family.deepstack ? metadata.optionalCount('n_deepstack_layers') : undefined;
  return {
    type: typeOf(found, { hasExperts, hasMtp: modules > 0 }),
    hiddenSize,
    vocabSize: vocabSizeOf(outside, hiddenSize, metadata),
    ...(outside.has('output.weight') ? {} : { tiedEmbeddings: true }),
    ...(family.activation ? { activation: family.activation } : {}),
    norm: normOf(metadata, layers[0]!),
    ...(outside.has('output.bias') ? { headBias: true } : {}),
    ...layerEmbeddingOf(outside, metadata),
    ...(deepstackLayers ? { deepstackLayers } : {}),
    ...streamsOf(metadata),
    ...(rope ? { rope } : {}),
    blocks: stack.blocks,
    layers: stack.layers,
    ...(modules > 0 ? { mtp: mtpOf(modules, stack.more[0]!, layers[stackLayers]!) } : {}),
  };
}

/** What becomes of the residual stream, where it is not the usual one. */
function streamsOf(metadata: Metadata): Pick<Architecture, 'residualStreams' | 'checkpointEvery'> {
  const residualStreams = metadata.optionalCount('hyper_connection.count');
  const checkpointEvery = metadata.optionalCount('attn_res.block_size');
  return { ...(residualStreams ? { residualStreams } : {}), ...(checkpointEvery ? { checkpointEvery } : {}) };
}

/** @throws InputError `not-understood` for what the file says and no rule reads */
function refuseStrange(reading: Reading): void {
  const { metadata, family } = reading;
  const strange = Object.entries({ ...NEVER_READ, ...family.refuses }).find(([, isStrange]) =>
    isStrange(metadata, family),
  );
  if (strange) throw notUnderstood(reading, `the key ${strange[0]}`);
}

/** What no rule reads in any architecture. */
const NEVER_READ: Readonly<Record<string, (metadata: Metadata, family: GgufFamily) => boolean>> = {
  // A model that looks ahead has no cache.
  'attention.causal': (metadata) => metadata.optionalSwitch('attention.causal') === false,
  nextn_predict_layers: (metadata, { skipsMtp }) =>
    metadata.optionalCount('nextn_predict_layers') !== undefined && !skipsMtp,
};

const isFeedForward = (block: Block): block is FeedForward => block.kind === 'dense' || block.kind === 'moe';

/** A layer without a norm between attention and feed-forward has them side by side, or has only one of them. */
function stepsOf(tensors: LayerTensors, layer: number, reading: Reading): ReadLayer {
  const mixers = [...mixersOf(tensors, layer, reading), ...helpersOf(tensors, layer, reading)];
  const feedForwards = feedForwardsOf(tensors, layer, reading);
  if (mixers.length + feedForwards.length === 0)
    throw notUnderstood(reading, `layer ${layer} without attention and feed-forward`);
  const isParallel = !MIDDLE_NORMS.some((name) => tensors.has(name));
  const inSequence = tensors.has('ffn_norm_exps.weight') ? feedForwards.map((one) => [one]) : [feedForwards];
  const steps = isParallel ? [[...mixers, ...feedForwards]] : [mixers, ...inSequence];
  return steps.filter(({ length }) => length > 0);
}

/** Norms between mixer and feed-forward, each of some architectures. */
const MIDDLE_NORMS = ['ffn_norm.weight', 'post_attention_norm.weight', 'attn_output_norm.weight'];

function tableOf(outside: LayerTensors, { tableSpares }: GgufFamily): 'llama3' | 'longrope' | undefined {
  if (outside.has('rope_factors_long.weight')) return 'longrope';
  return outside.has('rope_freqs.weight') && !tableSpares ? 'llama3' : undefined;
}

/** A second table, a piece of it for every layer: `src/models/gemma4.cpp`. */
function layerEmbeddingOf(outside: LayerTensors, metadata: Metadata): Pick<Architecture, 'layerEmbedding'> {
  const rows = outside.get('per_layer_token_embd.weight')?.[1];
  if (rows === undefined) return {};
  return { layerEmbedding: { vocabSize: rows, dim: metadata.count('embedding_length_per_layer_input') } };
}

function vocabSizeOf(outside: LayerTensors, hiddenSize: number, metadata: Metadata): number {
  const [width, rows] = outside.get('token_embd.weight') ?? [];
  if (rows === undefined)
    throw brokenFile(
      metadata.file,
      'it has no embedding table token_embd.weight',
      undefined,
      'Name the first part of a split file, with all its parts beside it.',
    );
  if (width !== hiddenSize)
    throw metadata.fault('embedding_length', `is ${hiddenSize} where the table has ${width}`);
  return rows;
}

function normOf(metadata: Metadata, first: LayerTensors): Architecture['norm'] {
  const [epsilon] = EPSILONS.flatMap((key) => metadata.optionalNumber(key) ?? []);
  const placement = first.has('attn_norm.weight') ? 'sandwich' : 'post';
  const isBehind = first.has('post_ffw_norm.weight') || first.has('layer_output_norm.weight');
  return {
    epsilon: epsilon ?? USUAL_EPSILON,
    ...(isBehind ? { placement } : {}),
    ...(first.has('attn_norm.bias') ? { bias: true } : {}),
  };
}

function mtpOf(modules: number, layer: Layer, tensors: LayerTensors): Architecture['mtp'] {
  const own = tensors.has('nextn.embed_tokens.weight');
  return { modules, layer, ...(own ? { ownEmbedding: true } : {}) };
}

/**
 * Names and shapes of the file's tensors, to be compared with what the spec makes.
 *
 * @example tensorShapes(header)[0] // ['token_embd.weight', [4096, 128256]]
 */
export const tensorShapes = ({ tensors }: GgufHeader): [string, readonly number[]][] =>
  tensors.map(({ name, ne }) => [name, ne]);
