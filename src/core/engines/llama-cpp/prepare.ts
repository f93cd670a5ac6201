import { InputError } from '../../../errors.js';
import type { Architecture, Block, Model } from '../../../schema/model.js';
import type { HeldWeights, Quant } from '../../../schema/quant.js';
import { cacheOf, type LayerCache, type MemoryCache } from '../../cache/index.js';
import { type GgmlType, isQuantised, rowBytes } from '../../quant/ggml-types.js';
import { fullName, isValues, type MixContext, typeChooser } from '../../quant/gguf-types.js';
import type { Role } from '../../tensors/index.js';
import { type Steps, stackOf } from '../../tensors/stack.js';
import type { Programs } from './compute-replay/index.js';
import { FAMILIES, type Family } from './families.js';
import { asHeld } from './held.js';
import { refuseUnknown } from './known-blocks.js';
import { type LawShape, lawShapeOf } from './law-shape.js';
import { asLoaded } from './loaded.js';
import { type GgufLayout, type GgufPiece, ggufLayout, type Place } from './tensors.js';

/** Where a buffer lies decides its padding. */
export type BufferKind = 'host' | 'cuda';

/** Bytes in buffers of both kinds. */
export type ByKind = Record<BufferKind, number>;

/** Sums over the first layers, one entry more than there are layers: a run of layers is a difference of two. */
export interface RoleSums {
  readonly role: Role;
  readonly routed: boolean;
  readonly upTo: Record<BufferKind, Float64Array>;
}

/** A tensor outside the stack. */
export interface OutsideTensor extends Pick<GgufPiece, 'place'> {
  readonly name: string;
  readonly role: Role;
  readonly bytes: ByKind;
}

/** What a layer keeps in this engine. */
type KeptCache = Exclude<LayerCache, MemoryCache>;

/** Layers that keep the same. */
export interface CacheClass {
  readonly cache: KeptCache;
  readonly part: KeptCache['part'];
  /** How many of the first layers are of this class: one entry more than there are layers. */
  readonly upTo: Int32Array;
  /** Elements of a token's values where they lie transposed: as many as those of the widest layer. */
  readonly transposedElements: number;
}

/** A model in one weight format, summed once so that a plan only subtracts. */
export interface PreparedModel {
  /** The model as the engine loads it. */
  readonly model: Model;
  readonly quant: Quant | HeldWeights;
  /** Layers that run. */
  readonly layers: number;
  /** Layers of the file, those for multi-token prediction included: mixes and the split count them. */
  readonly layersAll: number;
  readonly vocabSize: number;
  readonly tied: boolean;
  /** The host has the output of a tied model beside the embedding, as cards have it. */
  readonly tiedTwice: boolean;
  readonly roles: readonly RoleSums[];
  readonly embedding: OutsideTensor;
  /** Tensors outside of the stack by where they lie. */
  readonly placed: Readonly<Record<Place, readonly OutsideTensor[]>>;
  /** How many of the first layers use what lies on every device. */
  readonly sharingUpTo: Int32Array;
  readonly caches: readonly CacheClass[];
  readonly fileBytes: number;
  readonly largestExpertBytes: number;
  /** The engine's name for the architecture. */
  readonly architectureName: string;
  /** The tensors that are loaded: those outside the stack, and those of each layer. */
  readonly weights: Pick<SizedFile, 'outside' | 'layers'>;
  /** Graphs of compute buffers that were compiled for this model. */
  readonly programs: Programs;
  readonly blocks: readonly Block[];
  readonly lawShape: LawShape;
  readonly tensorTypes: ReadonlyMap<GgmlType, { count: number; bytes: number }>;
}

/** Alignment of a tensor in its buffer, bytes: `ggml-backend.cpp` for the host, `ggml-cuda.cu` for cards. */
const ALIGNMENT: Record<BufferKind, number> = { host: 32, cuda: 128 };

/** CUDA pads the last row of a quantised tensor to this many elements: `ggml_backend_cuda_buffer_type_get_alloc_size`. */
const ROW_PADDING = 512;

/**
 * Bytes that a tensor takes in a buffer, its padding included.
 *
 * @example bufferBytes('Q4_K', [4096, 4096], 'cuda') // 9437184
 */
export function bufferBytes(type: GgmlType, ne: readonly number[], kind: BufferKind): number {
  const row = ne[0]!;
  const rows = ne.slice(1).reduce((all, dim) => all * dim, 1);
  const over = row % ROW_PADDING;
  const padding = kind === 'cuda' && isQuantised(type) && over ? rowBytes(type, ROW_PADDING - over) : 0;
  return Math.ceil((rowBytes(type, row) * rows + padding) / ALIGNMENT[kind]) * ALIGNMENT[kind];
}

/**
 * Everything about a model in one weight format that does not depend on the request.
 *
 * @throws InputError `engine-refuses` where the format cannot be made of this model, `not-understood` for a block
 *   that the rules do not know
 * @example prepare(maverick, 'llama4', q4km, false).fileBytes // 242754060800
 */
export function prepare(
  model: Model,
  architectureName: string,
  quant: Quant | HeldWeights,
  imatrix: boolean,
): PreparedModel {
  const family = FAMILIES[architectureName] ?? {};
  refuseUnknown(model.architecture, family);
  const architecture = asLoaded(model.architecture, family);
  const stack = stackOf(architecture);
  const layout = ggufLayout(architecture, quant.kind === 'gguf-file' ? asHeld(family, quant) : family);
  const layersAll = layout.layers.length + layout.skipped.length;
  const file = sizedFile(layout, quant, mixContext(architecture, family, layersAll, imatrix));
  if (quant.kind === 'gguf-file') refuseMore(quant, file);
  const loaded = file.layers.slice(0, stack.length);
  const blocks = [...new Set(stack.flat(2))];
  return {
    model: { ...model, architecture },
    quant,
    layers: stack.length,
    layersAll,
    vocabSize: architecture.vocabSize - (architecture.paddingRows ?? 0),
    tied: architecture.tiedEmbeddings === true,
    tiedTwice: architecture.tiedEmbeddings === true && family.tiesTwice === true,
    roles: roleSums([...loaded, ...loadedOfMtp(file.layers.slice(stack.length), family)], layersAll),
    embedding: file.outside.find(({ name }) => name === 'token_embd.weight')!,
    placed: byPlace(file.outside),
    sharingUpTo: sharingLayers(stack, family, layersAll),
    caches: cacheClasses(architecture, family, layersAll),
    fileBytes: [...file.counts].reduce((sum, [{ plainBytes }, count]) => sum + count * plainBytes, 0),
    largestExpertBytes: Math.max(
      0,
      ...[...file.counts.keys()].map(({ routed, bytes }) => (routed ? bytes.cuda : 0)),
    ),
    architectureName,
    weights: { outside: file.outside, layers: loaded },
    programs: new Map(),
    blocks,
    lawShape: lawShapeOf(blocks, architecture.hiddenSize),
    tensorTypes: countTypes(file.counts),
  };
}

/** A tensor with its type. One value serves every equal tensor of the same type. */
interface Sized extends GgufPiece, OutsideTensor {
  readonly type: GgmlType;
  readonly plainBytes: number;
}

interface SizedFile {
  readonly outside: readonly Sized[];
  readonly layers: readonly (readonly Sized[])[];
  /** Every different tensor once, with how many there are. */
  readonly counts: ReadonlyMap<Sized, number>;
}

function sizedFile(layout: GgufLayout, quant: Quant | HeldWeights, context: MixContext): SizedFile {
  const layers = [...layout.layers, ...layout.skipped];
  const valuesOf = new Map<readonly GgufPiece[], number>();
  const values = layers.reduce((sum, pieces) => {
    const count = valuesOf.get(pieces) ?? pieces.filter(({ name }) => isValues(name)).length;
    valuesOf.set(pieces, count);
    return sum + count;
  }, 0);
  const tied = !layout.outside.some(({ name }) => name === 'output.weight');
  const choose = typeChooser(quant, context, { tied, values });
  const known = new Map<GgufPiece, Map<GgmlType, Sized>>();
  const counts = new Map<Sized, number>();
  const sized = (piece: GgufPiece, layer?: number): Sized => {
    const type = choose(layer === undefined ? piece : { name: piece.name, ne: piece.ne, layer });
    const ofPiece = known.get(piece) ?? new Map<GgmlType, Sized>();
    const tensor = ofPiece.get(type) ?? sizedTensor(piece, type);
    known.set(piece, ofPiece.set(type, tensor));
    counts.set(tensor, (counts.get(tensor) ?? 0) + 1);
    return tensor;
  };
  return {
    outside: layout.outside.map((piece) => sized(piece)),
    layers: layers.map((pieces, layer) => pieces.map((piece) => sized(piece, layer))),
    counts,
  };
}

/** @throws InputError `not-understood` for a tensor of a file that the model's spec does not make */
function refuseMore({ file: path, tensors }: HeldWeights, file: SizedFile): void {
  const made = new Set([
    ...file.outside.map(({ name }) => name),
    ...file.layers.flatMap((pieces, layer) => pieces.map(({ name }) => fullName(name, layer))),
  ]);
  const more = [...tensors.keys()].find((name) => !made.has(name));
  if (more !== undefined)
    throw new InputError('not-understood', { path, field: `tensor ${more}`, engine: 'llama.cpp' });
}

function sizedTensor(piece: GgufPiece, type: GgmlType): Sized {
  const elements = piece.ne.reduce((all, dim) => all * dim, 1);
  return {
    ...piece,
    type,
    plainBytes: rowBytes(type, elements),
    bytes: { host: bufferBytes(type, piece.ne, 'host'), cuda: bufferBytes(type, piece.ne, 'cuda') },
  };
}

function byPlace(outside: readonly Sized[]): PreparedModel['placed'] {
  const at = (wanted: Place) => outside.filter(({ place = 'output' }) => place === wanted);
  return {
    host: at('host'),
    firstLayer: at('firstLayer'),
    everyDevice: at('everyDevice'),
    output: at('output'),
  };
}

/** Factors of rope are beside all layers, or beside those without a window alone: `load_arch_tensors`. */
function sharingLayers(stack: readonly Steps[], { ropeFactors }: Family, layersAll: number): Int32Array {
  const upTo = new Int32Array(layersAll + 1);
  stack.forEach((steps, layer) => {
    const shares = ropeFactors !== 'proportional' || steps.flat().some(({ kind }) => kind === 'full');
    if (shares) upTo[layer + 1] = 1;
  });
  accumulate(upTo);
  return upTo;
}

function mixContext(
  architecture: Architecture,
  family: Family,
  layersAll: number,
  imatrix: boolean,
): MixContext {
  const stack = stackOf(architecture);
  const blocks = stack.flat(2);
  const experts = blocks.find((block) => block.kind === 'moe')?.experts ?? 0;
  const gqa = (stack[0]?.flat() ?? []).map(groupOf).find(Boolean);
  const gqaAnywhere = blocks.map(groupOf).find(Boolean) ?? 0;
  return {
    layersAll,
    experts,
    gqaOfFirstLayer: gqa ?? (family.headsPerLayer ? 0 : gqaAnywhere),
    is70b: family.has70b === true && layersAll === 80 && gqaAnywhere > 1 && experts !== 8,
    imatrix,
  };
}

/** Query heads that share one key-value head. Latent attention has a single one. */
function groupOf(block: Block): number {
  if (block.kind === 'latent') return block.heads;
  return 'kvHeads' in block ? Math.floor(block.heads / block.kvHeads) : 0;
}

const loadedOfMtp = (layers: SizedFile['layers'], { loadsOfMtp = [] }: Family): SizedFile['layers'] =>
  layers.map((tensors) => tensors.filter(({ name }) => loadsOfMtp.includes(name)));

function roleSums(layers: SizedFile['layers'], layersAll: number): RoleSums[] {
  const byRole = new Map<Role, RoleSums>();
  layers.forEach((tensors, layer) => {
    for (const { role, routed, bytes } of tensors) {
      const sums = byRole.get(role) ?? {
        role,
        routed,
        upTo: { host: new Float64Array(layersAll + 1), cuda: new Float64Array(layersAll + 1) },
      };
      byRole.set(role, sums);
      sums.upTo.host[layer + 1]! += bytes.host;
      sums.upTo.cuda[layer + 1]! += bytes.cuda;
    }
  });
  for (const { upTo } of byRole.values()) {
    accumulate(upTo.host);
    accumulate(upTo.cuda);
  }
  return [...byRole.values()];
}

/** Turns figures of single layers into sums over the first layers. */
function accumulate(figures: Float64Array | Int32Array): void {
  for (let index = 1; index < figures.length; index++) figures[index]! += figures[index - 1]!;
}

function cacheClasses(architecture: Architecture, family: Family, layersAll: number): CacheClass[] {
  const classes = new Map<string, CacheClass>();
  const keys = new Map<Block, string | undefined>();
  const transposedElements = Math.max(0, ...Object.values(architecture.blocks).map(valueElementsOf));
  const classOf = (block: Block): CacheClass | undefined => {
    const cache = engineCache(block, family);
    if (!cache) return undefined;
    const key = keys.get(block) ?? JSON.stringify(cache);
    keys.set(block, key);
    const known = classes.get(key) ?? {
      cache,
      part: cache.part,
      upTo: new Int32Array(layersAll + 1),
      transposedElements,
    };
    classes.set(key, known);
    return known;
  };
  stackOf(architecture).forEach((steps, layer) => {
    for (const block of steps.flat()) {
      const known = classOf(block);
      if (known) known.upTo[layer + 1]! += 1;
    }
  });
  for (const { upTo } of classes.values()) accumulate(upTo);
  return [...classes.values()];
}

/** `src/llama-hparams.cpp:n_embd_v_gqa`. */
function valueElementsOf(block: Block): number {
  if (!('kvHeads' in block) || block.kind === 'cross') return 0;
  const { kvHeads, headDim, valueDim = headDim } = block;
  return kvHeads * valueDim;
}

function engineCache(block: Block, family: Family): KeptCache | undefined {
  const cache = cacheOf(block);
  if (cache?.part === 'crossAttention') return undefined;
  if (block.kind !== 'chunked' || !cache?.grows || !family.chunkWindow) return cache;
  return { ...cache, window: family.chunkWindow };
}

function countTypes(counts: SizedFile['counts']): PreparedModel['tensorTypes'] {
  const types = new Map<GgmlType, { count: number; bytes: number }>();
  for (const [{ type, plainBytes }, count] of counts) {
    const seen = types.get(type) ?? { count: 0, bytes: 0 };
    types.set(type, { count: seen.count + count, bytes: seen.bytes + count * plainBytes });
  }
  return types;
}
