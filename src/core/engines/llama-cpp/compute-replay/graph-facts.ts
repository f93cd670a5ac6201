import type { Architecture, Block } from '../../../../schema/model.js';
import type { GgmlType } from '../../../quant/ggml-types.js';
import type { GraphFamily } from './families.js';
import { type Size, times } from './size.js';
import type { Weight, Weights } from './weights.js';

/** Dimensions that differ from request to request: variables of a program, or numbers. */
export interface Dimensions {
  readonly sequenceTokens: Size;
  /** Tokens of a sequence again, where each looks at each. */
  readonly seenTokens: Size;
  readonly sequences: Size;
  readonly rows: Size;
  readonly cells: Size;
  readonly windowCells: Size;
  /** Cells of compressed caches: of short runs of tokens, and of blocks of them. */
  readonly entries: Size;
  readonly blocks: Size;
  readonly chosen: Size;
}

/** What decides which tensors a graph has. Everything else is a variable of its sizes. */
export interface Structure {
  readonly dimensions: Dimensions;
  readonly architecture: Architecture;
  readonly family: GraphFamily;
  /** Layers that add a part of a wider embedding. */
  readonly deepstackLayers: number;
  /** Name of the norm before the feed-forward. */
  readonly ffnNorm: string;
  /** Names of the norms behind mixer and feed-forward. */
  readonly postNorms: readonly [string, string];
  readonly flashAttention: boolean;
  readonly kvTypeK: GgmlType;
  readonly kvTypeV: GgmlType;
  /** Every sequence has a cache of its own. */
  readonly separate: boolean;
  /** There is one token of every sequence. */
  readonly singleToken: boolean;
  /** Device of a layer, of its cache, and of one of its weights or one outside of the stack. */
  readonly deviceOfLayer: (layer: number) => number;
  readonly deviceOfCache: (layer: number) => number;
  readonly deviceOfWeight: (weight: Weight, layer: number | undefined) => number;
  readonly weights: Weights;
}

/** Dimensions, and what follows from them. */
export interface Sizes extends Dimensions {
  readonly tokens: Size;
  /** Separate caches, and the tokens of one. */
  readonly streams: Size;
  readonly streamTokens: Size;
}

export function sizesOf({ dimensions, separate }: Structure): Sizes {
  const { sequenceTokens, sequences } = dimensions;
  const tokens = times(sequenceTokens, sequences);
  return {
    ...dimensions,
    tokens,
    streams: separate ? sequences : 1,
    streamTokens: separate ? sequenceTokens : tokens,
  };
}

/** Whether any layer sees a window: then the engine keeps two caches, `src/llama-kv-cache-iswa.cpp`. */
export const hasWindows = ({ architecture }: Structure): boolean =>
  Object.values(architecture.blocks).some(isWindowed);

export const isWindowed = ({ kind }: Block): boolean => kind === 'sliding' || kind === 'chunked';

type Attention = Extract<Block, { kind: 'full' | 'sliding' | 'chunked' }>;

/** Attention whose keys and values are kept head by head. */
export const attentionOf = ({ architecture }: Structure): Attention[] =>
  Object.values(architecture.blocks).filter(
    (block): block is Attention => block.kind === 'full' || isWindowed(block),
  );

/** Elements of the widest layer's values: `src/llama-hparams.cpp:n_embd_v_gqa_max`. */
export const widestValues = (structure: Structure): number =>
  Math.max(
    0,
    ...attentionOf(structure).map(({ kvHeads, headDim, valueDim = headDim }) => kvHeads * valueDim),
  );
