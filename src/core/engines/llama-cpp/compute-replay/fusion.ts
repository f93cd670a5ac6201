import { dependency, type Schedule, type Split } from './scheduler.js';
import type { Op, Tensor } from './tensor.js';

/** Experts of a weighted sum that CUDA adds in one kernel: `ggml-cuda.cu:MOE_WEIGHTED_REDUCTION_MAX_EXPERTS`. */
const MOST_SUMMED = 15;

/** Expert counts beside powers of two up to 512 whose choice has a kernel: `topk-moe.cu:ggml_cuda_should_use_topk_moe`. */
const ODD_EXPERT_COUNTS: ReadonlySet<number> = new Set([288, 576]);
const MOST_CHOSEN_FROM = 512;

/** `ggml.h:GGML_MAX_SRC`. */
const MOST_SOURCES = 10;

/** Tensors that must stay until a node is computed. */
type Kept = Map<Tensor, Set<Tensor>>;

/**
 * A schedule in which CUDA keeps what its fused kernels read: the outputs of the experts until they are summed,
 * and everything of the choice of experts. The same schedule comes back where nothing is fused.
 * Source: `ggml-cuda.cu:ggml_backend_cuda_graph_optimize`; read there, never seen on a GPU.
 */
export function withFusion(plan: Schedule, host: number): Schedule {
  const splits = plan.splits.map((split) => (split.device === host ? split : fusedSplit(split)));
  return splits.every((split, index) => split === plan.splits[index]) ? plan : { ...plan, splits };
}

function fusedSplit(split: Split): Split {
  const kept = keptTensors(split.nodes);
  if (kept.size === 0) return split;
  const nodes: Tensor[] = [];
  for (const node of split.nodes) {
    nodes.push(node);
    const needed = kept.get(node);
    if (needed) nodes.push(...dependencies(split, needed));
  }
  return { ...split, nodes };
}

function dependencies({ device }: Split, kept: ReadonlySet<Tensor>): Tensor[] {
  const all = [...kept];
  const chunks = Array.from({ length: Math.ceil(all.length / MOST_SOURCES) }, (_, chunk) =>
    all.slice(chunk * MOST_SOURCES, (chunk + 1) * MOST_SOURCES),
  );
  return chunks.map((chunk) => dependency(chunk, device));
}

function keptTensors(nodes: readonly Tensor[]): Kept {
  const kept: Kept = new Map();
  for (let index = 0; index < nodes.length; index++) {
    const { op } = nodes[index]!;
    if (op === 'MUL') index += keepSummed(nodes, index, kept);
    else if (op === 'UNARY' || op === 'SOFT_MAX') index += keepChoice(nodes, index, kept);
  }
  return kept;
}

function keep(kept: Kept, tensor: Tensor, until: Tensor): void {
  const known = kept.get(until) ?? new Set();
  kept.set(until, known.add(tensor));
}

/** Weighted experts, one view each, then their sum: `ggml_cuda_match_moe_weighted_reduction`. Nodes to skip come back. */
function keepSummed(nodes: readonly Tensor[], index: number, kept: Kept): number {
  const weighted = nodes[index]!;
  const [experts, weights] = weighted.src;
  const used = weighted.ne[1];
  const isWeighted =
    weighted.op === 'MUL' && weights?.ne[0] === 1 && weights.ne[1] === used && experts?.ne[1] === used;
  if (!isWeighted || typeof used !== 'number' || used < 2 || used > MOST_SUMMED) return 0;
  const views = nodes.slice(index + 1, index + 1 + used);
  const sums = nodes.slice(index + 1 + used, index + 2 * used);
  if (!views.every(({ op, src }) => op === 'VIEW' && src[0] === weighted)) return 0;
  const addsNext = ({ op, src }: Tensor, step: number) =>
    op === 'ADD' && src[0] === (step === 0 ? views[0] : sums[step - 1]) && src[1] === views[step + 1];
  if (sums.length !== used - 1 || !sums.every(addsNext)) return 0;
  const until = sums.at(-1)!;
  keep(kept, experts!, until);
  keep(kept, weights!, until);
  return 2 * used - 1;
}

const CHOICE: readonly Op[] = ['ARGSORT', 'VIEW', 'GET_ROWS'];
const NORMALISED: readonly Op[] = ['RESHAPE', 'SUM_ROWS', 'CLAMP', 'DIV', 'RESHAPE'];

/**
 * Gating, choice and weights of experts in one kernel: `ggml_cuda_topk_moe_fusion`. Nodes to skip come back.
 * What is elided has no other readers in any planned graph.
 */
function keepChoice(nodes: readonly Tensor[], index: number, kept: Kept): number {
  const gating = nodes[index]!;
  const count = choiceLength(nodes, index);
  const until = nodes[index + count];
  if (count === 0 || !until || !hasKernel(gating) || gating.src.length > 1) return 0;
  const chosen = nodes.slice(index, index + count);
  for (const node of chosen) for (const tensor of [node, ...node.src]) keep(kept, tensor, until);
  return count - 1;
}

function hasKernel({ ne: [experts] }: Tensor): boolean {
  if (typeof experts !== 'number') return false;
  const isPower = (experts & (experts - 1)) === 0 && experts <= MOST_CHOSEN_FROM;
  return isPower || ODD_EXPERT_COUNTS.has(experts);
}

/** How many nodes from the gating on are one choice; 0 where they are none. */
function choiceLength(nodes: readonly Tensor[], start: number): number {
  const opAt = (at: number) => nodes[at]?.op;
  if (opAt(start + 1) !== 'RESHAPE') return 0;
  const corrected = opAt(start + 2) === 'ADD' && nodes[start + 2]!.src[0] === nodes[start];
  const sort = start + (corrected ? 3 : 2);
  const sorted = corrected ? nodes[sort - 1] : nodes[start];
  if (!CHOICE.every((op, step) => opAt(sort + step) === op) || nodes[sort]!.src[0] !== sorted) return 0;
  let end = sort + CHOICE.length;
  if (NORMALISED.every((op, step) => opAt(end + step) === op)) end += NORMALISED.length;
  if (opAt(end) === 'SCALE' && nodes[end]!.src[0] === nodes[end - 1]) end++;
  return end - start;
}
