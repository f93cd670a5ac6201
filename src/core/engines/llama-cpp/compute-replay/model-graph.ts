import { InputError } from '../../../../errors.js';
import type { Block, FeedForward, Mixer } from '../../../../schema/model.js';
import type { Step, Steps } from '../../../tensors/stack.js';
import { EMBEDDING } from '../placement.js';
import { attention } from './blocks/attention.js';
import { dense, denseAndMoe, moe } from './blocks/feed-forward.js';
import { gatedDeltaNet } from './blocks/gated-delta-net.js';
import { latent } from './blocks/latent.js';
import { joinLayerInput, layerInputs } from './blocks/layer-embedding.js';
import { mamba2 } from './blocks/mamba2.js';
import { type Build, newBuild, norm, put, type Structure, weight } from './build.js';
import type { Graph } from './graph.js';
import { add, getRows, input, mul, mulMat, scale, unary } from './ops.js';
import type { Tensor } from './tensor.js';
import { TIED_OUTPUT } from './weights.js';

type Builder<K extends Block['kind']> = (
  build: Build,
  block: Extract<Block, { kind: K }>,
  cur: Tensor,
  layer: number,
) => Tensor;

/** What every kind of block computes, from its normed input to what joins the residual. */
const BUILDERS: { [K in Block['kind']]?: Builder<K> } = {
  full: attention,
  sliding: attention,
  chunked: attention,
  latent,
  gatedDeltaNet,
  mamba2,
  dense,
  moe,
};

function buildBlock(build: Build, block: Mixer | FeedForward, cur: Tensor, layer: number): Tensor {
  const builder = BUILDERS[block.kind] as Builder<Block['kind']> | undefined;
  if (!builder)
    throw new InputError('not-understood', { field: `a block of kind ${block.kind}`, engine: 'llama.cpp' });
  return builder(build, block, cur, layer);
}

/** A layer of the graph: its number in the file and its blocks. */
export interface GraphLayer {
  readonly layer: number;
  readonly steps: Steps;
}

/**
 * The graph of one ubatch that buffers are reserved for: `src/models/<name>.cpp`, `src/llama-graph.cpp`.
 *
 * @param layers those to compute, in order
 */
export function modelGraph(structure: Structure, layers: readonly GraphLayer[]): Graph {
  const build = newBuild(structure);
  let hidden = embedding(build);
  const inputs = layerInputs(build, hidden);
  layers.forEach(({ layer, steps }, index) => {
    build.graph.starts.push(hidden);
    const out = graphLayer(build, steps, hidden, { layer, isLast: index === layers.length - 1 });
    const joined = inputs ? joinLayerInput(build, out, inputs, layer) : out;
    const factor = build.find('layer_output_scale.weight', layer);
    hidden = factor ? mul(joined, factor) : joined;
  });
  put(build, logits(build, hidden));
  return build.graph;
}

const scales = ({ family }: Build, what: 'embedding' | 'residual' | 'logits', a: Tensor): Tensor =>
  family.scales?.includes(what) ? scale(a) : a;

/** Rows of the embedding. The other way in, embeddings as such, is allocated though nobody reads it. */
function embedding(build: Build): Tensor {
  const rows = put(
    build,
    getRows(weight(build, EMBEDDING), input('inp_tokens', 'I32', [build.sizes.tokens])),
  );
  put(build, input('inp_embd', 'F32', [build.architecture.hiddenSize, build.sizes.tokens]));
  return put(build, scales(build, 'embedding', rows));
}

interface Position {
  readonly layer: number;
  readonly isLast: boolean;
}

function graphLayer(build: Build, steps: Steps, hidden: Tensor, { layer, isLast }: Position): Tensor {
  const { family, ffnNorm } = build;
  const [mixer, feedForward] = blocksOf(steps);
  const normed = norm(build, hidden, 'attn_norm.weight', layer);
  if (family.expandsNorm) put(build, normed);
  const choose = (a: Tensor) => (isLast && !family.choosesRows ? getRows(a, build.outputIds()) : a);
  const mixed = choose(buildBlock(build, mixer, normed, layer));
  const middle = join(build, mixed, choose(hidden), 'post_attention_norm.weight', layer);
  const fed =
    'kind' in feedForward
      ? buildBlock(build, feedForward, norm(build, middle, `${ffnNorm}.weight`, layer), layer)
      : denseAndMoe(build, feedForward, middle, layer);
  return join(build, fed, middle, 'post_ffw_norm.weight', layer);
}

/** Adds a block's output to the residual, normed first where norms stand on both sides. */
function join(build: Build, out: Tensor, residual: Tensor, postNorm: string, layer: number): Tensor {
  const sandwich = build.architecture.norm.placement === 'sandwich';
  return add(scales(build, 'residual', sandwich ? norm(build, out, postNorm, layer) : out), residual);
}

type Dense = Extract<FeedForward, { kind: 'dense' }>;
type Moe = Extract<FeedForward, { kind: 'moe' }>;

const isDenseAndMoe = (step: Step): step is readonly [Dense, Moe] =>
  step.length === 2 && step[0]!.kind === 'dense' && step[1]!.kind === 'moe';

function blocksOf(steps: Steps): [Mixer, FeedForward | readonly [Dense, Moe]] {
  const [mixer, feedForward = [], ...more] = steps;
  if (mixer?.length === 1 && more.length === 0 && isDenseAndMoe(feedForward))
    return [mixer[0] as Mixer, feedForward];
  if (mixer?.length !== 1 || feedForward.length !== 1 || more.length > 0) {
    throw new InputError('not-understood', {
      field: 'a layer that is not a mixer and a feed-forward',
      engine: 'llama.cpp',
    });
  }
  return [mixer[0] as Mixer, feedForward[0] as FeedForward];
}

/** The last norm and the output matrix. What the caller may read is an output and never freed. */
function logits(build: Build, hidden: Tensor): Tensor {
  const { choosesRows } = build.family;
  const kept: Tensor[] = [];
  const chosen = (a: Tensor): Tensor => {
    kept.push(a);
    return getRows(a, build.outputIds());
  };
  const last = choosesRows === 'afterLayers' ? chosen(hidden) : hidden;
  const normed = norm(build, last, 'output_norm.weight');
  const embedded = choosesRows === 'afterNorm' ? chosen(normed) : normed;
  const head = build.find('output.weight') ?? weight(build, TIED_OUTPUT);
  const plain = scales(build, 'logits', mulMat(head, embedded));
  const out = build.family.capsLogits ? scale(unary(scale(plain))) : plain;
  for (const tensor of [...kept, embedded, out]) tensor.output = true;
  return out;
}
