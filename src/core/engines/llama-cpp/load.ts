import type { Architecture, Block, Model } from '../../../schema/model.js';
import { cacheOf, type LayerCache, type MemoryCache } from '../../cache/index.js';
import { isFeedForward } from '../../tensors/index.js';
import { type Steps, stackOf } from '../../tensors/stack.js';
import { FAMILIES, type Family } from './families.js';
import { asHeld } from './held.js';
import { refuseUnknown } from './known-blocks.js';
import { type LawShape, lawShapeOf } from './law-shape.js';
import { asLoaded } from './loaded.js';
import { type GgufLayout, ggufLayout } from './tensors.js';

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

/** A model as the engine loads it, whatever its weight format. */
export interface LoadedModel {
  readonly model: Model;
  /** The engine's name for the architecture. */
  readonly architectureName: string;
  readonly family: Family;
  readonly stack: readonly Steps[];
  readonly layout: GgufLayout;
  /** Layers that run. */
  readonly layers: number;
  /** Layers of the file, those for multi-token prediction included: mixes and the split count them. */
  readonly layersAll: number;
  readonly vocabSize: number;
  readonly tied: boolean;
  /** The host has the output of a tied model beside the embedding, as cards have it. */
  readonly tiedTwice: boolean;
  /** How many of the first layers use what lies on every device. */
  readonly sharingUpTo: Int32Array;
  readonly caches: readonly CacheClass[];
  readonly blocks: readonly Block[];
  readonly lawShape: LawShape;
}

/**
 * Everything about a model in this engine that does not depend on its weight format.
 *
 * @throws InputError `not-understood` for a block that the rules do not know
 * @example load(maverick, 'llama4').layersAll // 48
 */
export function load(model: Model, name: string): LoadedModel {
  const architectureName = nameFor(model.architecture, name);
  const known = FAMILIES[architectureName] ?? {};
  const family = model.held ? asHeld(known, model.held) : known;
  refuseUnknown(model.architecture, family);
  const architecture = asLoaded(model.architecture, family);
  const stack = stackOf(architecture);
  const layout = ggufLayout(architecture, family);
  const layersAll = layout.layers.length + layout.skipped.length;
  const blocks = [...new Set(stack.flat(2))];
  return {
    model: { ...model, architecture },
    architectureName,
    family,
    stack,
    layout,
    layers: stack.length,
    layersAll,
    vocabSize: architecture.vocabSize - (architecture.paddingRows ?? 0),
    tied: architecture.tiedEmbeddings === true,
    tiedTwice: architecture.tiedEmbeddings === true && family.tiesTwice === true,
    sharingUpTo: sharingLayers(stack, family, layersAll),
    caches: cacheClasses(architecture, family, layersAll),
    blocks,
    lawShape: lawShapeOf(blocks, architecture.hiddenSize),
  };
}

/** The converter may choose another architecture for a model with experts. */
function nameFor({ blocks }: Architecture, name: string): string {
  const hasExperts = Object.values(blocks).some(({ kind }) => kind === 'moe');
  return (hasExperts && FAMILIES[name]?.withExperts) || name;
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

/** Turns figures of single layers into sums over the first layers. */
export function accumulate(figures: Float64Array | Int32Array): void {
  for (let index = 1; index < figures.length; index++) figures[index]! += figures[index - 1]!;
}

/** A layer without attention has values all the same where they lie transposed: `src/llama-kv-cache.cpp`. */
const NO_ATTENTION: KeptCache = { grows: true, part: 'fullAttention', keyElements: 0, valueElements: 0 };

function cacheClasses(architecture: Architecture, family: Family, layersAll: number): CacheClass[] {
  const classes = new Map<string, CacheClass>();
  const kept = new Map<Block, CacheClass[]>();
  const transposedElements = Math.max(0, ...Object.values(architecture.blocks).map(valueElementsOf));
  const heads = Object.values(architecture.blocks).find((block) => block.kind === 'full');
  const classOf = (cache: KeptCache): CacheClass => {
    const key = JSON.stringify(cache);
    const known = classes.get(key) ?? {
      cache,
      part: cache.part,
      upTo: new Int32Array(layersAll + 1),
      transposedElements: cache.part === 'indexer' ? cache.valueElements : transposedElements,
    };
    classes.set(key, known);
    return known;
  };
  stackOf(architecture).forEach((steps, layer) => {
    const blocks = steps.flat();
    for (const block of blocks) {
      const known = kept.get(block) ?? engineCaches(block, family, heads).map((cache) => classOf(cache));
      kept.set(block, known);
      for (const { upTo } of known) upTo[layer + 1]! += 1;
    }
    if (family.attentionFree && blocks.every(isFeedForward)) classOf(NO_ATTENTION).upTo[layer + 1]! += 1;
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

function engineCaches(block: Block, family: Family, heads: Heads | undefined): KeptCache[] {
  const cache = cacheOf(block);
  if (!cache || cache.part === 'crossAttention') return [];
  if (!cache.grows) return [cache];
  // `src/llama-kv-cache-msa.cpp`: one key-value head as wide as the attention's.
  if (cache.part === 'indexer' && family.indexers === 'ofBlocks')
    return [{ ...cache, valueElements: heads?.valueDim ?? heads?.headDim ?? 0 }];
  if (block.kind === 'chunked' && family.chunkWindow) return [{ ...cache, window: family.chunkWindow }];
  return [cache, ...compressorState(block)];
}

type Heads = Extract<Block, { kind: 'full' }>;

/** Inputs and weights of the run that a compressor is in, and of the one before where they overlap: `src/llama-kv-cache-dsv4.cpp`. */
function compressorState(block: Block): KeptCache[] {
  const compressor = compressorOf(block);
  if (!compressor) return [];
  const { headDim, ratio, overlaps } = compressor;
  const elements = headDim * ratio * (overlaps ? 4 : 1);
  return [{ grows: false, part: 'recurrentState', convElements: elements, stateElements: elements }];
}

/** What makes one entry of several tokens: a block of its own, or part of an indexer, whose runs overlap. */
function compressorOf(block: Block): { headDim: number; ratio: number; overlaps: boolean } | undefined {
  if (block.kind === 'compressor') return { ...block, overlaps: block.overlap === true };
  return block.kind === 'indexer' && block.ratio !== undefined
    ? { headDim: block.headDim, ratio: block.ratio, overlaps: true }
    : undefined;
}
