import { type Build, norm, put, weight } from '../build.js';
import {
  add,
  combineStreams,
  getRows,
  joinStreams,
  mul,
  mulMat,
  repeat,
  reshape,
  rmsNorm,
  scale,
  spreadStreams,
  unary,
  view,
} from '../ops.js';
import { stridesOf, type Tensor } from '../tensor.js';

/** Copies of the residual stream that every block reads a mixture of: `src/models/deepseek4.cpp:build_hc_pre, build_hc_post`. */
export function splitIntoStreams({ architecture, sizes }: Build, hidden: Tensor, streams: number): Tensor {
  const { hiddenSize } = architecture;
  return repeat(reshape(hidden, [hiddenSize, 1, sizes.tokens]), [hiddenSize, streams, sizes.tokens]);
}

/** What mixes streams around one block. */
interface Mixing {
  /** What the block reads. */
  readonly joined: Tensor;
  /** How much of what it makes each stream takes, and of the others. */
  readonly taken: Tensor;
  readonly combined: Tensor;
}

function mixingOf(build: Build, streams: Tensor, block: 'attn' | 'ffn', layer: number): Mixing {
  const count = streams.ne[1] as number;
  const tokens = streams.ne[2];
  const part = (name: string) => weight(build, `hc_${block}_${name}.weight`, layer);
  const raw = rawWeights(build, streams, part('fn'));
  const [factors, biases] = [part('scale'), part('base')];
  const weights = () =>
    unary(add(mul(view(raw, [count, tokens], stridesOf(raw)), view(factors, [1])), view(biases, [count])));
  const joined = joinStreams(streams, scale(weights()));
  return { joined, taken: scale(weights()), combined: combineStreams(raw, factors, biases, count) };
}

function rawWeights({ architecture }: Build, streams: Tensor, matrix: Tensor): Tensor {
  const width = (streams.ne[1] as number) * architecture.hiddenSize;
  return mulMat(matrix, rmsNorm(reshape(streams, [width, streams.ne[2]])));
}

/** One layer: a mixer and a feed-forward, each between a mixture of the streams and their new mixture. */
export function streamLayer(
  build: Build,
  streams: Tensor,
  layer: number,
  { mixer, feedForward }: Record<'mixer' | 'feedForward', (cur: Tensor) => Tensor>,
): Tensor {
  const first = mixingOf(build, streams, 'attn', layer);
  const mixed = mixer(norm(build, first.joined, 'attn_norm.weight', layer));
  const middle = spreadStreams(mixed, streams, first.taken, first.combined);
  const second = mixingOf(build, middle, 'ffn', layer);
  for (const early of [middle, second.taken, second.combined]) put(build, early);
  const fed = feedForward(norm(build, second.joined, 'ffn_norm.weight', layer));
  return spreadStreams(fed, middle, second.taken, second.combined);
}

/** One hidden state of the rows that are put out: `build_hc_head`, which has no fused kernel. */
export function mergedStreams(build: Build, streams: Tensor): Tensor {
  const { hiddenSize } = build.architecture;
  const count = streams.ne[1] as number;
  const { rows, tokens } = build.sizes;
  const chosen = getRows(reshape(streams, [count * hiddenSize, tokens]), build.outputIds());
  const kept = reshape(chosen, [hiddenSize, count, rows]);
  const raw = rawWeights(build, kept, weight(build, 'output_hc_fn.weight'));
  const factor = weight(build, 'output_hc_scale.weight');
  const weights = scale(unary(add(mul(raw, factor), weight(build, 'output_hc_base.weight'))));
  const weighed = Array.from({ length: count }, () =>
    mul(view(kept, [hiddenSize, rows], planesOf(kept)), view(weights, [1, rows], stridesOf(weights))),
  );
  return weighed.reduce((sum, one) => add(sum, one));
}

/** Rows as far apart as planes. */
function planesOf(a: Tensor): Tensor['ne'] {
  const [element, , plane] = stridesOf(a);
  return [element, plane, plane, plane];
}
