import { type Build, norm, put, weight } from '../build.js';
import {
  add,
  concat,
  cont,
  getRows,
  joinStreams,
  mul,
  reshape,
  rmsNorm,
  softMax,
  sumRows,
  view,
} from '../ops.js';
import { stridesOf, type Tensor } from '../tensor.js';

/** Whether the hidden state that a layer begins with is kept. */
const keeps = ({ architecture }: Build, layer: number): boolean =>
  layer % (architecture.checkpointEvery ?? 1) === 0;

/** A mixture of the hidden state and of all that were kept, each as much as it scores: `src/models/kimi-k3.cpp:res_mix`. */
function mixture(build: Build, hidden: Tensor, score: Tensor): Tensor {
  const kept = build.checkpoints;
  if (!kept) return hidden;
  const count = kept.ne[1] as number;
  const tokens = kept.ne[2];
  const scored = (a: Tensor) => sumRows(mul(rmsNorm(a), score));
  const shares = softMax(concat(reshape(scored(kept), [count, tokens]), scored(hidden)));
  const part = (rows: number) => cont(view(shares, [rows, tokens], stridesOf(shares)));
  return add(joinStreams(kept, part(count)), mul(hidden, part(1)));
}

/** One layer: each block reads a mixture, and every so many layers the hidden state is kept and begins anew. */
export function checkpointLayer(
  build: Build,
  hidden: Tensor,
  layer: number,
  { mixer, feedForward }: Record<'mixer' | 'feedForward', (cur: Tensor) => Tensor>,
): Tensor {
  const score = (block: 'attn' | 'ffn') => weight(build, `${block}_res_score.weight`, layer);
  const read = mixture(build, hidden, score('attn'));
  const isKept = keeps(build, layer);
  if (isKept) keep(build, hidden);
  const mixed = mixer(put(build, norm(build, read, 'attn_norm.weight', layer)));
  const middle = isKept ? mixed : add(hidden, mixed);
  const fed = feedForward(norm(build, mixture(build, middle, score('ffn')), 'ffn_norm.weight', layer));
  return add(middle, fed);
}

function keep(build: Build, hidden: Tensor): void {
  const one = reshape(hidden, [hidden.ne[0], 1, hidden.ne[1]]);
  build.checkpoints = build.checkpoints ? concat(build.checkpoints, one, 1) : one;
}

/** The last mixture, of the rows that are put out. */
export const lastMixture = (build: Build, hidden: Tensor): Tensor =>
  getRows(mixture(build, hidden, weight(build, 'output_res_score.weight')), build.outputIds());
