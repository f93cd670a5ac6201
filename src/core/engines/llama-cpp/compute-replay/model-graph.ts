import { InputError } from '../../../../errors.js';
import type { Block, FeedForward, Mixer } from '../../../../schema/model.js';
import { isFeedForward } from '../../../tensors/index.js';
import type { Steps } from '../../../tensors/stack.js';
import { EMBEDDING } from '../placement.js';
import { attention } from './blocks/attention.js';
import { checkpointLayer, lastMixture } from './blocks/checkpoints.js';
import { dense, denseAndMoe, moe } from './blocks/feed-forward.js';
import { gatedDeltaNet } from './blocks/gated-delta-net.js';
import { kda } from './blocks/kda.js';
import { latent } from './blocks/latent.js';
import { joinLayerInput, layerInputs } from './blocks/layer-embedding.js';
import { lightning } from './blocks/lightning.js';
import { mamba1 } from './blocks/mamba1.js';
import { mamba2 } from './blocks/mamba2.js';
import { shared } from './blocks/shared.js';
import { mergedStreams, splitIntoStreams, streamLayer } from './blocks/streams.js';
import { type Build, newBuild, norm, put, weight } from './build.js';
import type { Graph } from './graph.js';
import type { Structure } from './graph-facts.js';
import { add, getRows, input, mul, mulMat, pad, rmsNorm, scale, softCapped, view } from './ops.js';
import { stridesOf, type Tensor } from './tensor.js';
import { TIED_OUTPUT } from './weights.js';

type Builder<K extends Block['kind']> = (
  build: Build,
  block: Extract<Block, { kind: K }>,
  cur: Tensor,
  layer: number,
  beside: readonly Mixer[],
) => Tensor;

/** What every kind of block computes, from its normed input to what joins the residual. */
const BUILDERS: { [K in Block['kind']]?: Builder<K> } = {
  full: attention,
  sliding: attention,
  chunked: attention,
  latent,
  gatedDeltaNet,
  kda,
  lightning,
  mamba1,
  mamba2,
  shared,
  dense,
  moe,
};

function buildBlock(
  build: Build,
  block: Mixer | FeedForward,
  cur: Tensor,
  layer: number,
  beside: readonly Mixer[] = [],
): Tensor {
  const builder = BUILDERS[block.kind] as Builder<Block['kind']> | undefined;
  if (!builder)
    throw new InputError('not-understood', { field: `a block of kind ${block.kind}`, engine: 'llama.cpp' });
  return builder(build, block, cur, layer, beside);
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
  const rows = embedding(build);
  const scaledRows = scales(build, 'embedding', rows);
  if (scaledRows !== rows) put(build, scaledRows);
  const normedRows = build.family.normsEmbedding ? rmsNorm(scaledRows) : scaledRows;
  const { residualStreams } = structure.architecture;
  if (residualStreams) put(build, build.compressingInputs().window.mask);
  let hidden = residualStreams ? splitIntoStreams(build, normedRows, residualStreams) : normedRows;
  const inputs = layerInputs(build, hidden);
  layers.forEach(({ layer, steps }, index) => {
    build.graph.starts.push(hidden);
    const out = graphLayer(build, steps, hidden, { layer, isLast: index === layers.length - 1 });
    const joined = inputs ? joinLayerInput(build, out, inputs, layer) : out;
    const factor = build.find('layer_output_scale.weight', layer);
    const scaled = factor ? mul(joined, factor) : joined;
    hidden = layer < build.deepstackLayers ? add(scaled, embeddingPart(rows)) : scaled;
  });
  put(build, logits(build, lastHidden(build, hidden)));
  return build.graph;
}

/** What the last norm reads. */
function lastHidden(build: Build, hidden: Tensor): Tensor {
  const { residualStreams, checkpointEvery } = build.architecture;
  if (residualStreams) return mergedStreams(build, hidden);
  return checkpointEvery ? lastMixture(build, hidden) : hidden;
}

const scales = ({ family }: Build, what: 'embedding' | 'residual' | 'logits', a: Tensor): Tensor =>
  family.scales?.includes(what) ? scale(a) : a;

/**
 * Rows of the embedding: `src/llama-graph.cpp:build_inp_embd`. The other way in, embeddings as such, is allocated though
 * nobody reads it.
 */
function embedding(build: Build): Tensor {
  const { tokens } = build.sizes;
  const { hiddenSize } = build.architecture;
  const width = hiddenSize * (1 + build.deepstackLayers);
  const rows = getRows(weight(build, EMBEDDING), build.tokenIds());
  const wide = put(build, width > hiddenSize ? pad(rows, width) : rows);
  put(build, input('inp_embd', 'F32', [width, tokens]));
  return width > hiddenSize ? view(wide, [hiddenSize, tokens], stridesOf(wide)) : wide;
}

/** What one of the first layers adds of a wider embedding. */
const embeddingPart = (rows: Tensor): Tensor => view(rows, [rows.ne[0], rows.ne[1]], stridesOf(rows));

interface Position {
  readonly layer: number;
  readonly isLast: boolean;
}

function graphLayer(build: Build, steps: Steps, hidden: Tensor, { layer, isLast }: Position): Tensor {
  if (build.architecture.residualStreams) return layerJoinedBy(build, steps, hidden, layer, streamLayer);
  if (build.architecture.checkpointEvery) return layerJoinedBy(build, steps, hidden, layer, checkpointLayer);
  const { family, ffnNorm, postNorms } = build;
  const choose = (a: Tensor) => (isLast && !family.choosesRows ? getRows(a, build.outputIds()) : a);
  const [only, ...more] = steps.flat();
  if (only && more.length === 0 && isFeedForward(only) && ffnNorm !== 'attn_norm') {
    const alone = choose(hidden);
    return add(buildBlock(build, only, norm(build, alone, `${ffnNorm}.weight`, layer), layer), alone);
  }
  const normed = normBefore(build, hidden, 'attn_norm.weight', layer);
  if (family.expandsNorm) put(build, normed);
  // One name for the norms of all blocks: every layer is one.
  if (only && ffnNorm === 'attn_norm')
    return add(choose(buildBlock(build, only, normed, layer)), choose(hidden));
  const { mixer, beside, feedForward, experts, parallel } = blocksOf(steps);
  const mixed = choose(buildBlock(build, mixer, normed, layer, beside));
  if (parallel) {
    const out = buildBlock(build, feedForward, choose(normed), layer);
    return add(add(out, choose(hidden)), mixed);
  }
  const residual = residualOf(build, choose(family.keepsNormed ? normed : hidden));
  const attended = behind(build, mixed, `${postNorms[0]}.weight`, layer);
  const middle = family.residualFirst === 'always' ? add(residual, attended) : add(attended, residual);
  if (experts && steps.length > 2) {
    const plain = add(
      buildBlock(build, feedForward, norm(build, middle, 'ffn_norm.weight', layer), layer),
      middle,
    );
    return add(moe(build, experts, norm(build, residual, 'ffn_norm_exps.weight', layer), layer), plain);
  }
  if (experts) return joined(build, denseAndMoe(build, experts, middle, layer), middle, layer);
  const before = normBefore(build, middle, `${ffnNorm}.weight`, layer);
  const fed = buildBlock(build, feedForward, before, layer);
  return joined(build, fed, family.keepsNormed ? before : middle, layer);
}

/** A layer that joins its blocks in a way of its own. */
function layerJoinedBy(
  build: Build,
  steps: Steps,
  hidden: Tensor,
  layer: number,
  join: typeof streamLayer,
): Tensor {
  const { mixer, beside, feedForward } = blocksOf(steps);
  return join(build, hidden, layer, {
    mixer: (cur) => buildBlock(build, mixer, cur, layer, beside),
    feedForward: (cur) => buildBlock(build, feedForward, cur, layer),
  });
}

/** The end of a layer: what its feed-forward made joins what was before. */
function joined(build: Build, fed: Tensor, before: Tensor, layer: number): Tensor {
  const out = behind(build, fed, `${build.postNorms[1]}.weight`, layer);
  const residual = residualOf(build, before);
  return build.family.residualFirst ? add(residual, out) : add(out, residual);
}

/** What a block's output joins. */
const residualOf = ({ family }: Build, before: Tensor): Tensor =>
  family.keepsNormed ? scale(before) : before;

const normBefore = (build: Build, a: Tensor, name: string, layer: number): Tensor =>
  build.architecture.norm.placement === 'post' ? a : norm(build, a, name, layer);

/** What joins the residual: a block's output, normed first where norms stand behind blocks. */
function behind(build: Build, out: Tensor, postNorm: string, layer: number): Tensor {
  const { placement = 'pre' } = build.architecture.norm;
  return scales(build, 'residual', placement === 'pre' ? out : norm(build, out, postNorm, layer));
}

type Moe = Extract<FeedForward, { kind: 'moe' }>;

interface LayerBlocks {
  readonly mixer: Mixer;
  /** What helps the mixer. */
  readonly beside: readonly Mixer[];
  readonly feedForward: FeedForward;
  /** Experts beside the feed-forward. */
  readonly experts: Moe | undefined;
  /** Both read the same. */
  readonly parallel: boolean;
}

type Beside = Extract<Block, { kind: 'indexer' | 'compressor' }>;

/** What helps a mixer. */
const isBeside = (block: Block): block is Beside => block.kind === 'indexer' || block.kind === 'compressor';

function blocksOf(steps: Steps): LayerBlocks {
  const blocks = steps.flat();
  const [mixer, feedForward, experts, ...more] = blocks.filter((block) => !isBeside(block));
  const beside = blocks.filter(isBeside);
  const isKnown =
    mixer && feedForward && !isFeedForward(mixer) && isFeedForward(feedForward) && more.length === 0;
  if (!isKnown || (experts && experts.kind !== 'moe')) {
    throw new InputError('not-understood', {
      field: 'a layer that is not a mixer and a feed-forward',
      engine: 'llama.cpp',
    });
  }
  return {
    mixer: mixer as Mixer,
    beside,
    feedForward: feedForward as FeedForward,
    experts,
    parallel: steps.length === 1,
  };
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
  const bias = build.find('output.bias');
  const plain = mulMat(head, embedded);
  const scaledOut = scales(build, 'logits', bias ? add(plain, bias) : plain);
  const out = build.family.softCaps?.includes('logits') ? softCapped(scaledOut) : scaledOut;
  for (const tensor of [...kept, embedded, out]) tensor.output = true;
  return out;
}
