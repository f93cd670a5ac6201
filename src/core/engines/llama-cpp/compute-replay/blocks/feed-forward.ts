import type { Block } from '../../../../../schema/model.js';
import { type Build, norm, project, put, weight } from '../build.js';
import type { Routing } from '../families.js';
import {
  add,
  addId,
  clamp,
  columns,
  cont,
  div,
  fill,
  getRows,
  glu,
  gluOfHalves,
  mul,
  mulMat,
  mulMatId,
  repeat,
  reshape,
  rmsNorm,
  scale,
  setRows,
  softCapped,
  softMax,
  square,
  squareRoot,
  sumRows,
  topK,
  unary,
  view,
} from '../ops.js';
import type { Size } from '../size.js';
import { stridesOf, type Tensor } from '../tensor.js';

type Dense = Extract<Block, { kind: 'dense' }>;
type Moe = Extract<Block, { kind: 'moe' }>;

/** Feed-forward with a gate, or without: `src/llama-graph.cpp:build_ffn`. */
export const dense = (build: Build, block: Dense, cur: Tensor, layer: number): Tensor =>
  fed(build, block, cur, '', layer);

type Inner = Pick<Dense, 'gate' | 'clamped'>;

function fed(build: Build, inner: Inner, cur: Tensor, suffix: string, layer: number): Tensor {
  if (inner.gate !== false) return gated(build, inner, cur, suffix, layer);
  const up = project(build, cur, `ffn_up${suffix}`, layer);
  return project(build, ungated(build, up), `ffn_down${suffix}`, layer);
}

const ungated = ({ family }: Build, up: Tensor): Tensor =>
  family.squaresActivation ? square(unary(up)) : unary(up);

/** A gate of its own, or one that lies in a row with what it weighs. */
function gated(build: Build, { clamped }: Inner, cur: Tensor, suffix: string, layer: number): Tensor {
  const up = project(build, cur, `ffn_up${suffix}`, layer);
  const hasGate = build.find(`ffn_gate${suffix}.weight`, layer) !== undefined;
  const inner = hasGate
    ? weighedUp(build, clamped, project(build, cur, `ffn_gate${suffix}`, layer), up)
    : gluOfHalves(up);
  return project(build, inner, `ffn_down${suffix}`, layer);
}

/** What the gate leaves of the way up; clamped, or with an activation without a kernel, it is made step by step. */
function weighedUp({ architecture }: Build, clamped: true | undefined, gate: Tensor, up: Tensor): Tensor {
  if (architecture.activation === 'situ') return mul(mul(softCapped(gate), unary(gate)), softCapped(up));
  return clamped ? mul(clamp(unary(gate)), clamp(up)) : glu(gate, up);
}

/**
 * Experts beside a feed-forward, each between norms of its own, and their sum. The router reads what comes before the
 * norm: `src/models/gemma4.cpp`.
 */
export function denseAndMoe(build: Build, block: Moe, cur: Tensor, layer: number): Tensor {
  const plain = gated(build, {}, norm(build, cur, 'ffn_norm.weight', layer), '', layer);
  const one = norm(build, plain, 'post_ffw_norm_1.weight', layer);
  const inner = norm(build, cur, 'pre_ffw_norm_2.weight', layer);
  const scaledInput = mul(scale(rmsNorm(cur)), weight(build, 'ffn_gate_inp.scale', layer));
  const routed = routedExperts(build, block, inner, layer, scaledInput);
  return add(one, norm(build, routed, 'post_ffw_norm_2.weight', layer));
}

/** A mixture of experts, which may work on less than the hidden state, and the expert that all share. */
export function moe(build: Build, block: Moe, cur: Tensor, layer: number): Tensor {
  const latent = (what: string) =>
    build.find(`ffn_latent_${what}.weight`, layer) ?? build.find(`ffn_routed_${what}.weight`, layer);
  const [narrow, widen] = [latent('down'), latent('up')];
  const made = routedExperts(build, block, narrow ? mulMat(narrow, cur) : cur, layer, cur);
  const out = block.latentNorm ? norm(build, made, 'ffn_routed_norm.weight', layer) : made;
  const routed = widen ? mulMat(widen, out) : out;
  if (!block.shared) return routed;
  const shared = fed(build, { gate: block.gate, clamped: block.shared.clamped }, cur, '_shexp', layer);
  const gate = build.find('ffn_gate_inp_shexp.weight', layer);
  return add(routed, gate ? mul(shared, sharedGate(build, mulMat(gate, cur))) : shared);
}

const sharedGate = ({ family }: Build, a: Tensor): Tensor =>
  family.dividesSharedGate ? div(unary(a), a) : unary(a);

interface Choice {
  readonly experts: Tensor;
  readonly weights: Tensor;
}

/** `src/llama-graph.cpp:build_moe_ffn`; the router may read another input than the experts. */
function routedExperts(build: Build, block: Moe, cur: Tensor, layer: number, routed: Tensor): Tensor {
  const routing = routingOf(build, block);
  const tokens = cur.ne[1];
  const choice = chosen(build, block, routing, routed, layer);
  put(build, choice.weights);
  const rows = reshape(cur, [cur.ne[0], 1, tokens]);
  const inputs = routing.weighsInput
    ? mul(repeat(rows, [cur.ne[0], block.activeExperts, tokens]), choice.weights)
    : rows;
  const inner =
    block.gate === false
      ? ungatedExperts(build, inputs, choice, layer)
      : gatedExperts(build, block, inputs, choice, layer);
  const down = expert(build, 'ffn_down_exps', inner, choice, layer);
  return summed(build, block, routing.weighsInput ? down : mul(down, choice.weights), tokens);
}

function routingOf({ family }: Build, { routerCorrection }: Moe): Routing {
  const uncorrected = routerCorrection ? undefined : family.uncorrected;
  return uncorrected ?? family.routing ?? { gating: 'softmax' };
}

const ungatedExperts = (build: Build, inputs: Tensor, choice: Choice, layer: number): Tensor =>
  ungated(build, expert(build, 'ffn_up_exps', inputs, choice, layer));

/** Gate and up, from one stack or from two. */
function gatedExperts(build: Build, { clamped }: Moe, inputs: Tensor, choice: Choice, layer: number): Tensor {
  if (build.find('ffn_gate_up_exps.weight', layer)) {
    const both = expert(build, 'ffn_gate_up_exps', inputs, choice, layer);
    const half = () => columns(both, (both.ne[0] as number) / 2);
    return glu(half(), half());
  }
  const up = expert(build, 'ffn_up_exps', inputs, choice, layer);
  return weighedUp(build, clamped, expert(build, 'ffn_gate_exps', inputs, choice, layer), up);
}

/** One matrix of the chosen experts, with the scale of each expert and its bias: `src/llama-graph.cpp:build_lora_mm_id`. */
function expert(build: Build, name: string, cur: Tensor, { experts }: Choice, layer: number): Tensor {
  const plain = mulMatId(weight(build, `${name}.weight`, layer), cur, experts);
  const factors = build.find(`${name}.scale`, layer);
  const out = factors ? mul(plain, factorsOf(factors, experts)) : plain;
  const bias = build.find(`${name}.bias`, layer);
  return bias ? addId(out, bias, experts) : out;
}

function factorsOf(factors: Tensor, experts: Tensor): Tensor {
  const [count] = factors.ne;
  return getRows(repeat(reshape(factors, [1, count, 1]), [1, count, experts.ne[1]]), experts);
}

/** Which experts a token visits, and their weights as `[1, active, tokens]`. */
function chosen(build: Build, block: Moe, routing: Routing, cur: Tensor, layer: number): Choice {
  const { experts: count, activeExperts } = block;
  const tokens = cur.ne[1];
  const plain = mulMat(weight(build, 'ffn_gate_inp.weight', layer), cur);
  const bias = build.find('ffn_gate_inp.bias', layer);
  const logits = bias ? add(plain, bias) : plain;
  const probabilities = GATINGS[routing.gating](logits);
  const table = build.find('ffn_gate_tid2eid.weight', layer);
  const correction = build.find('exp_probs_b.bias', layer);
  const corrected = correction ? add(probabilities, correction) : probabilities;
  const scores = routing.weighsInput ? logits : corrected;
  const experts = table
    ? getRows(table, build.tokenIds())
    : topK(withinGroups(block, scores, tokens), activeExperts);
  const weights = getRows(reshape(probabilities, [1, count, tokens]), experts);
  return { experts, weights: weighed(weights, routing, activeExperts, tokens) };
}

const GATINGS: Record<Routing['gating'], (logits: Tensor) => Tensor> = {
  softmax: (logits) => softMax(logits),
  sigmoid: (logits) => unary(logits),
  softmaxOfChosen: (logits) => logits,
  sqrtSoftplus: (logits) => squareRoot(unary(logits)),
};

/** Best experts of each group that its score is made of. */
const SCORED_PER_GROUP = 2;

/** Masks all groups of experts but the best ones. */
function withinGroups(
  { experts, groups }: Moe & { readonly groups?: Groups | undefined },
  scores: Tensor,
  tokens: Size,
): Tensor {
  if (!groups || groups.count <= 1) return scores;
  const size = experts / groups.count;
  const grouped = reshape(scores, [size, groups.count, tokens]);
  const best = topK(grouped, SCORED_PER_GROUP);
  const values = getRows(reshape(grouped, [1, size, groups.count, tokens]), best);
  const sums = sumRows(reshape(values, [SCORED_PER_GROUP, groups.count, tokens]));
  const kept = topK(reshape(sums, [groups.count, tokens]), groups.active);
  const masked = setRows(fill(grouped), getRows(grouped, kept), kept);
  return reshape(masked, [experts, tokens]);
}

interface Groups {
  readonly count: number;
  readonly active: number;
}

function weighed(weights: Tensor, routing: Routing, active: number, tokens: Size): Tensor {
  const flat = () => reshape(weights, [active, tokens]);
  const stacked = (a: Tensor) => reshape(a, [1, active, tokens]);
  let current = routing.gating === 'softmaxOfChosen' ? stacked(softMax(flat())) : weights;
  if (routing.normalised) {
    const rows = reshape(current, [active, tokens]);
    current = stacked(div(rows, clamp(sumRows(rows))));
  }
  return routing.scaled ? scale(current) : current;
}

/** Sum over the visited experts, one view and one addition each. */
function summed(build: Build, { activeExperts }: Moe, experts: Tensor, tokens: Size): Tensor {
  put(build, experts);
  const [element, , plane] = stridesOf(experts);
  const views = Array.from({ length: activeExperts }, () =>
    put(build, view(experts, [experts.ne[0], tokens], [element, plane, plane, plane])),
  );
  const [first, ...rest] = views;
  const sum = rest.reduce((all, one) => put(build, add(all, one)), first!);
  return activeExperts === 1 ? cont(sum) : sum;
}
