import { InputError } from '../../../errors.js';
import type { Block } from '../../../schema/model.js';
import type { HeldWeights, Quant } from '../../../schema/quant.js';
import { type GgmlType, isQuantised, rowBytes } from '../../quant/ggml-types.js';
import { fullName, isValues, type MixContext, typeChooser } from '../../quant/gguf-types.js';
import type { Role } from '../../tensors/index.js';
import type { Programs } from './compute-replay/index.js';
import { accumulate, type LoadedModel } from './load.js';
import type { GgufLayout, GgufPiece, Place } from './tensors.js';

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

/** A model in one weight format, summed once so that a plan only subtracts. */
export interface PreparedModel extends Omit<LoadedModel, 'family' | 'stack' | 'layout'> {
  readonly quant: Quant | HeldWeights;
  readonly roles: readonly RoleSums[];
  readonly embedding: OutsideTensor;
  /** Tensors outside of the stack by where they lie. */
  readonly placed: Readonly<Record<Place, readonly OutsideTensor[]>>;
  readonly fileBytes: number;
  readonly largestExpertBytes: number;
  /**
   * The tensors that are loaded: those outside the stack, and those of each layer. Layers for multi-token prediction come
   * last; what is not loaded of them is apart.
   */
  readonly weights: Pick<SizedFile, 'outside' | 'layers'> & { readonly unloaded: SizedFile['layers'] };
  /** Graphs of compute buffers that were compiled for this model. */
  readonly programs: Programs;
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
 * Everything about a loaded model in one weight format that does not depend on the request.
 *
 * @throws InputError `engine-refuses` where the format cannot be made of this model
 * @example prepare(load(maverick, 'llama4'), q4km, false).fileBytes // 242754060800
 */
export function prepare(
  { family, stack, layout, ...model }: LoadedModel,
  quant: Quant | HeldWeights,
  imatrix: boolean,
): PreparedModel {
  const { layersAll } = model;
  const file = sizedFile(layout, quant, mixContext({ family, stack, layersAll }, imatrix));
  if (quant.kind === 'gguf-file') refuseMore(quant, file);
  const mtp = file.layers.slice(stack.length);
  const isLoaded = ({ name }: Sized) => family.loadsOfMtp?.includes(name) === true;
  const layers = [...file.layers.slice(0, stack.length), ...mtp.map((tensors) => tensors.filter(isLoaded))];
  return {
    ...model,
    quant,
    roles: roleSums(layers, layersAll),
    embedding: file.outside.find(({ name }) => name === 'token_embd.weight')!,
    placed: byPlace(file.outside),
    fileBytes: [...file.counts].reduce((sum, [{ plainBytes }, count]) => sum + count * plainBytes, 0),
    largestExpertBytes: Math.max(
      0,
      ...[...file.counts.keys()].map(({ routed, bytes }) => (routed ? bytes.cuda : 0)),
    ),
    weights: {
      outside: file.outside,
      layers,
      unloaded: mtp.map((tensors) => tensors.filter((one) => !isLoaded(one))),
    },
    programs: new Map(),
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

function mixContext(
  { family, stack, layersAll }: Pick<LoadedModel, 'family' | 'stack' | 'layersAll'>,
  imatrix: boolean,
): MixContext {
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

/** Query heads that share one key-value head. Latent and shared attention have a single one. */
function groupOf(block: Block): number {
  if (block.kind === 'latent' || block.kind === 'shared') return block.heads;
  return 'kvHeads' in block ? Math.floor(block.heads / block.kvHeads) : 0;
}

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

function countTypes(counts: SizedFile['counts']): PreparedModel['tensorTypes'] {
  const types = new Map<GgmlType, { count: number; bytes: number }>();
  for (const [{ type, plainBytes }, count] of counts) {
    const seen = types.get(type) ?? { count: 0, bytes: 0 };
    types.set(type, { count: seen.count + count, bytes: seen.bytes + count * plainBytes });
  }
  return types;
}
