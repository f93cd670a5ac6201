import type { Architecture, Block } from '../../schema/model.js';
import { attention } from './attention.js';
import { compressor } from './compressor.js';
import { cross } from './cross.js';
import { dense } from './dense.js';
import { gatedDeltaNet } from './gated-delta-net.js';
import { indexer } from './indexer.js';
import { kda } from './kda.js';
import { latent } from './latent.js';
import { checkpointMixing, layerEmbedding, layerInput, streamMixing } from './layer-extras.js';
import { lightning } from './lightning.js';
import { mamba1 } from './mamba1.js';
import { mamba2 } from './mamba2.js';
import { moe } from './moe.js';
import { shared } from './shared.js';
import { type Steps, stackOf, stepsOf } from './stack.js';
import { towerParts } from './tower.js';
import { visionParts } from './vision.js';

export type Role =
  | 'embedding'
  | 'attention'
  | 'denseFeedForward'
  | 'routedExperts'
  | 'sharedExperts'
  | 'router'
  | 'linearAttention'
  | 'norms'
  | 'head'
  | 'vision'
  | 'audio'
  | 'mtp';

/** What a block brings: tensors named inside their layer. */
export interface Part {
  readonly name: string;
  readonly role: Role;
  /** Rows first, as a checkpoint stores it: `[out, in]`. */
  readonly shape: readonly number[];
  /** How many equal tensors there are (experts); 1 where absent. */
  readonly count?: number;
  /** How many of them one token uses; all where absent. */
  readonly active?: number;
  /** A buffer is stored but was never trained. */
  readonly buffer?: true;
}

/** One tensor, or `count` equal ones, of the checkpoint. */
export interface Tensor extends Part {
  /** Number of the layer, from 0; absent for what stands outside the stack. */
  readonly layer?: number;
  readonly module: 'text' | 'vision' | 'mtp';
}

type PartsOf<K extends Block['kind']> = (
  block: Extract<Block, { kind: K }>,
  architecture: Architecture,
) => Part[];

/** Every kind of block there is: one line each. */
const BLOCKS: { [K in Block['kind']]: PartsOf<K> } = {
  full: attention,
  sliding: attention,
  chunked: attention,
  latent,
  cross,
  indexer,
  shared,
  compressor,
  gatedDeltaNet,
  kda,
  lightning,
  mamba1,
  mamba2,
  dense,
  moe,
};

const FEED_FORWARDS: ReadonlySet<Block['kind']> = new Set(['dense', 'moe']);

/** Whether a block is a feed-forward; the others are mixers. */
export const isFeedForward = (block: Block): boolean => FEED_FORWARDS.has(block.kind);

/** A model's parts layer by layer: equal layers share one array. */
export interface TensorLayout {
  /** In front of the stack. */
  readonly embedding: readonly Part[];
  readonly layers: readonly (readonly Part[])[];
  /** Behind the stack. */
  readonly output: readonly Part[];
  /** Modules for multi-token prediction, numbered on after the layers. */
  readonly mtp: readonly (readonly Part[])[];
  readonly vision: readonly Part[];
}

/**
 * A model's tensors, layer by layer. Tied embeddings stand there once.
 *
 * @throws InputError `bad-file` where a layer names a block that the spec lacks
 */
export function layoutOf(architecture: Architecture): TensorLayout {
  const { hiddenSize, vocabSize, extraRows = 0 } = architecture;
  const made = new Map<Steps, Part[]>();
  const layers = stackOf(architecture).map((steps) => {
    const parts = made.get(steps) ?? layerParts(steps, architecture);
    made.set(steps, parts);
    return parts;
  });
  return {
    embedding: [
      { name: 'embed_tokens.weight', role: 'embedding', shape: [vocabSize + extraRows, hiddenSize] },
      ...layerEmbedding(architecture, layers.length),
    ],
    layers,
    output: [
      ...streamMixing(architecture, 'head', 'hc_head'),
      ...checkpointMixing(architecture, 'output_res'),
      ...normParts('norm', architecture),
      ...headParts(architecture),
    ],
    mtp: mtpParts(architecture),
    vision: [...visionParts(architecture), ...towerParts(architecture)],
  };
}

function headParts({ tiedEmbeddings, headBias, vocabSize, hiddenSize }: Architecture): Part[] {
  const part = (name: string, shape: number[]): Part => ({ name: `lm_head.${name}`, role: 'head', shape });
  const weight = tiedEmbeddings ? [] : [part('weight', [vocabSize, hiddenSize])];
  return headBias ? [...weight, part('bias', [vocabSize])] : weight;
}

function normParts(name: string, { hiddenSize, norm }: Architecture): Part[] {
  const part = (tensor: string): Part => ({ name: `${name}.${tensor}`, role: 'norms', shape: [hiddenSize] });
  return norm.bias ? [part('weight'), part('bias')] : [part('weight')];
}

/**
 * A model as the list of its tensors: the one list that every sum is made over.
 *
 * Names are neutral (`q_proj`, `experts.up_proj`); shapes are `[out, in]` in elements. Tied embeddings
 * stand in the list once.
 *
 * @example tensorsOf(llama8b.architecture).filter((t) => t.role === 'attention').length // 128
 */
export function tensorsOf(architecture: Architecture): Tensor[] {
  const layout = layoutOf(architecture);
  const first = layout.layers.length;
  return [
    ...layout.embedding.map((part): Tensor => ({ ...part, module: 'text' })),
    ...layout.layers.flatMap((parts, layer) =>
      parts.map((part): Tensor => ({ ...part, layer, module: 'text' })),
    ),
    ...layout.output.map((part): Tensor => ({ ...part, module: 'text' })),
    ...layout.mtp.flatMap((parts, index) =>
      parts.map((part): Tensor => ({ ...part, layer: first + index, module: 'mtp' })),
    ),
    ...layout.vision.map((part): Tensor => ({ ...part, module: 'vision' })),
  ];
}

/** The parts of one layer: its blocks with the norms around them, and what joins every layer. */
function layerParts(steps: Steps, architecture: Architecture): Part[] {
  const parts = steps.flatMap((step, index) => {
    const name = step.every(isFeedForward) ? 'ffn' : 'mixer';
    const again = steps
      .slice(0, index)
      .filter((other) => other.every(isFeedForward) === (name === 'ffn')).length;
    const suffix = again ? `.${again}` : '';
    return [
      ...normsAround(step, { name, suffix }, architecture),
      ...streamMixing(architecture, 'block', `${name}_hc${suffix}`),
      ...checkpointMixing(architecture, `${name}_res${suffix}`),
      ...step.flatMap((block) => partsOf(block, architecture)),
    ];
  });
  return [...parts, ...layerInput(architecture)];
}

/** Norms of one step. Sandwiched blocks side by side are normed each on its own, and their sum again (Gemma 4). */
function normsAround(
  step: Steps[number],
  { name, suffix }: { name: string; suffix: string },
  architecture: Architecture,
): Part[] {
  const { placement = 'pre' } = architecture.norm;
  const before = placement === 'post' ? [] : [`${name}_norm${suffix}`];
  const after = placement === 'pre' ? [] : [`${name}_post_norm${suffix}`];
  const apart =
    placement === 'sandwich' && step.length > 1
      ? step.flatMap((_, place) => [
          ...(place > 0 ? [`${name}_norm${suffix}.${place}`] : []),
          `${name}_post_norm${suffix}.${place + 1}`,
        ])
      : [];
  return [...before, ...after, ...apart].flatMap((norm) => normParts(norm, architecture));
}

function partsOf(block: Block, architecture: Architecture): Part[] {
  // The record pairs each kind with its own rule; the compiler cannot follow a union through it.
  const parts = BLOCKS[block.kind] as (block: Block, architecture: Architecture) => Part[];
  return parts(block, architecture);
}

/** Modules for multi-token prediction: one layer, two norms, a projection of both hidden states, a final norm. */
function mtpParts(architecture: Architecture): Part[][] {
  const { mtp, hiddenSize, vocabSize } = architecture;
  if (!mtp) return [];
  const own = mtp.ownEmbedding ? ['embed_tokens', 'shared_head_head'] : [];
  const parts: Part[] = [
    ...layerParts(stepsOf(mtp.layer, architecture), architecture),
    { name: 'nextn.eh_proj.weight', role: 'mtp', shape: [hiddenSize, 2 * hiddenSize] },
    ...['enorm', 'hnorm', 'shared_head_norm'].map(
      (name): Part => ({ name: `nextn.${name}.weight`, role: 'mtp', shape: [hiddenSize] }),
    ),
    ...own.map(
      (name): Part => ({ name: `nextn.${name}.weight`, role: 'mtp', shape: [vocabSize, hiddenSize] }),
    ),
  ];
  return new Array<Part[]>(mtp.modules).fill(parts.map((part): Part => ({ ...part, role: 'mtp' })));
}
