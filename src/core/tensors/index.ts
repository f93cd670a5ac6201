import type { Architecture, Block } from '../../schema/model.js';
import { attention } from './attention.js';
import { dense } from './dense.js';
import { gatedDeltaNet } from './gated-delta-net.js';
import { latent } from './latent.js';
import { mamba2 } from './mamba2.js';
import { moe } from './moe.js';
import { type Steps, stackOf, stepsOf } from './stack.js';
import { visionTensors } from './vision.js';

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

type PartsOf<K extends Block['kind']> = (block: Extract<Block, { kind: K }>, architecture: Architecture) => Part[];

/** Every kind of block there is: one line each. */
const BLOCKS: { [K in Block['kind']]: PartsOf<K> } = {
  full: attention,
  sliding: attention,
  chunked: attention,
  latent,
  gatedDeltaNet,
  mamba2,
  dense,
  moe,
};

const FEED_FORWARDS: ReadonlySet<Block['kind']> = new Set(['dense', 'moe']);

/** Whether a block is a feed-forward; the others are mixers. */
export const isFeedForward = (block: Block): boolean => FEED_FORWARDS.has(block.kind);

/**
 * A model as the list of its tensors: the one list that every sum is made over.
 *
 * Names are neutral (`q_proj`, `experts.up_proj`); shapes are `[out, in]` in elements. Tied embeddings
 * stand in the list once.
 *
 * @example tensorsOf(llama8b.architecture).filter((t) => t.role === 'attention').length // 128
 */
export function tensorsOf(architecture: Architecture): Tensor[] {
  const { hiddenSize, vocabSize } = architecture;
  const outside = (name: string, role: Role, shape: number[]): Tensor => ({ name, role, shape, module: 'text' });
  const tensors = [outside('embed_tokens.weight', 'embedding', [vocabSize, hiddenSize])];
  const made = new Map<Steps, Part[]>();
  stackOf(architecture).forEach((steps, layer) => {
    const parts = made.get(steps) ?? layerParts(steps, architecture);
    made.set(steps, parts);
    for (const part of parts) tensors.push({ ...part, layer, module: 'text' });
  });
  tensors.push(outside('norm.weight', 'norms', [hiddenSize]));
  if (!architecture.tiedEmbeddings) tensors.push(outside('lm_head.weight', 'head', [vocabSize, hiddenSize]));
  return [...tensors, ...mtpTensors(architecture), ...visionTensors(architecture)];
}

/** The parts of one layer: its blocks and the norms in front of them (and behind, where sandwiched). */
function layerParts(steps: Steps, architecture: Architecture): Part[] {
  const norm = (name: string): Part => ({ name: `${name}.weight`, role: 'norms', shape: [architecture.hiddenSize] });
  return steps.flatMap((step, index) => {
    const name = step.every(isFeedForward) ? 'ffn' : 'mixer';
    const again = steps.slice(0, index).filter((other) => other.every(isFeedForward) === (name === 'ffn')).length;
    const suffix = again ? `.${again}` : '';
    const norms = [norm(`${name}_norm${suffix}`)];
    if (architecture.norm.placement === 'sandwich') norms.push(norm(`${name}_post_norm${suffix}`));
    return [...norms, ...step.flatMap((block) => partsOf(block, architecture))];
  });
}

function partsOf(block: Block, architecture: Architecture): Part[] {
  // The record pairs each kind with its own rule; the compiler cannot follow a union through it.
  const parts = BLOCKS[block.kind] as (block: Block, architecture: Architecture) => Part[];
  return parts(block, architecture);
}

/** Modules for multi-token prediction: two norms, a projection of both hidden states, one layer, a final norm. */
function mtpTensors(architecture: Architecture): Tensor[] {
  const { mtp, hiddenSize, vocabSize } = architecture;
  if (!mtp) return [];
  const own: Part[] = mtp.ownEmbedding
    ? [
        { name: 'nextn.embed_tokens.weight', role: 'mtp', shape: [vocabSize, hiddenSize] },
        { name: 'nextn.shared_head_head.weight', role: 'mtp', shape: [vocabSize, hiddenSize] },
      ]
    : [];
  const parts: Part[] = [
    ...layerParts(stepsOf(mtp.layer, architecture), architecture),
    { name: 'nextn.eh_proj.weight', role: 'mtp', shape: [hiddenSize, 2 * hiddenSize] },
    ...['enorm', 'hnorm', 'shared_head_norm'].map(
      (name): Part => ({ name: `nextn.${name}.weight`, role: 'mtp', shape: [hiddenSize] }),
    ),
    ...own,
  ];
  const first = stackOf(architecture).length;
  return Array.from({ length: mtp.modules }, (_, index) =>
    parts.map((part): Tensor => ({ ...part, role: 'mtp', layer: first + index, module: 'mtp' })),
  ).flat();
}
