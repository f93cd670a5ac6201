import type { Graph } from './graph.js';
import { product, type Size } from './size.js';
import { type Op, type Tensor, tensor, UNASSIGNED } from './tensor.js';

/** A machine as the scheduler sees it: cards from 0 on, then the host. */
export interface Machine {
  /** Number of the host, which is the number of cards too. */
  readonly host: number;
  /** Copies of what crosses into a device: 4 in a pipeline, else 1. */
  readonly copies: number;
  /** Whether an operation with this many rows is worth taking a weight from the host to a card. */
  readonly worthOffload: (rows: Size) => boolean;
}

/** Consecutive nodes on one device, copies of what they read from others in front. */
export interface Split {
  readonly device: number;
  readonly nodes: readonly Tensor[];
}

/** A graph with its copies between devices, each tensor with its device, in the order of allocation. */
export interface Schedule {
  readonly leafs: readonly Tensor[];
  readonly splits: readonly Split[];
}

const VIEWS: ReadonlySet<Op> = new Set(['VIEW', 'RESHAPE', 'PERMUTE', 'TRANSPOSE']);
const isView = ({ op }: Tensor): boolean => VIEWS.has(op);

/**
 * Devices for all tensors, and copies where a source lies elsewhere.
 *
 * Source: `ggml/src/ggml-backend.cpp:ggml_backend_sched_split_graph`. Its third pass does nothing where every
 * device has buffers of its own kind and supports every operation.
 */
export function schedule(graph: Graph, machine: Machine): Schedule {
  for (const leaf of graph.leafs) leaf.device = deviceOf(leaf, machine);
  for (const node of graph.nodes) node.device = deviceOf(node, machine);
  const computed = graph.nodes.filter((node) => !isView(node));
  const backwards = computed.toReversed();
  for (const order of [computed, backwards]) spread(order, machine.host);
  for (const order of [computed, backwards]) spread(order, UNASSIGNED);
  assignRest(graph.nodes);
  return withCopies(graph, splitGraph(graph.nodes, machine), machine);
}

/** First pass, `ggml_backend_sched_backend_id_from_cur`: where memory or a weight already lies. */
function deviceOf(of: Tensor, machine: Machine): number {
  const place = of.root?.place ?? of.place;
  if (place !== undefined) return place;
  if (of.input) return machine.host;
  if (of.op === 'ROPE' || of.op === 'FLASH_ATTN_EXT') return UNASSIGNED;
  const weight = of.src.find((source) => source.weight);
  if (weight?.place === undefined) return UNASSIGNED;
  const offloads = weight.place === machine.host && machine.host > 0 && machine.worthOffload(batchOf(of));
  return offloads ? 0 : weight.place;
}

/** `ggml-cuda.cu:get_op_batch_size`. */
function batchOf({ op, ne }: Tensor): Size {
  if (op === 'GET_ROWS') return 0;
  if (op === 'MUL_MAT') return ne[1];
  if (op === 'MUL_MAT_ID') return ne[2];
  return product([ne[1], ne[2], ne[3]]);
}

/** Second pass: neighbours follow; operations of `except` pass nothing on. */
function spread(nodes: readonly Tensor[], except: number): void {
  let current = UNASSIGNED;
  for (const node of nodes) {
    if (node.device === UNASSIGNED) node.device = current;
    else current = node.device === except ? UNASSIGNED : node.device;
  }
}

/** Fourth pass: views follow what they view, other sources what reads them. */
function assignRest(nodes: readonly Tensor[]): void {
  for (const node of nodes) {
    if (node.device === UNASSIGNED && node.root) node.device = node.root.device;
    for (const source of node.src) {
      if (source.device === UNASSIGNED) source.device = source.root ? source.root.device : node.device;
    }
  }
}

/** A split under construction; `inputs` are copied in at its start. */
interface OpenSplit {
  readonly device: number;
  readonly nodes: Tensor[];
  readonly inputs: Tensor[];
}

interface OpenSplits {
  readonly splits: readonly OpenSplit[];
  readonly graphInputs: readonly Tensor[];
  /** Copies of a tensor on a device. */
  readonly copiesOf: (of: Tensor, device: number) => readonly Tensor[];
}

/** Fifth pass: where splits begin, and what has to be copied into them. */
function splitGraph(nodes: readonly Tensor[], machine: Machine): OpenSplits {
  const copies = new Map<Tensor, Map<number, Tensor[]>>();
  const first = nodes.find((node) => !isView(node))!;
  const splits: OpenSplit[] = [{ device: first.device, nodes: [], inputs: [] }];
  const graphInputs: Tensor[] = [];
  const onDevice = (of: Tensor) => copies.get(of) ?? copies.set(of, new Map()).get(of)!;

  const copied = (source: Tensor, split: OpenSplit): Tensor => {
    const known = onDevice(source).get(split.device);
    if (known) return known[0]!;
    const made = Array.from({ length: machine.copies }, () => duplicate(source, split.device, machine));
    onDevice(source).set(split.device, made);
    split.inputs.push(source);
    return made[0]!;
  };
  for (const node of nodes) {
    let split = splits.at(-1)!;
    if (!isView(node)) {
      if (node.device !== split.device || (split.inputs.length > 0 && readsHostWeight(node, split.device))) {
        split = { device: node.device, nodes: [], inputs: [] };
        splits.push(split);
      }
      node.src.forEach((source, index) => {
        if (source.input && machine.copies > 1 && !onDevice(source).has(source.device)) {
          onDevice(source).set(source.device, pipelineInputs(source, machine));
          graphInputs.push(source);
        }
        if (source.device !== split.device) node.src[index] = copied(source, split);
      });
    }
    split.nodes.push(node);
  }
  return { splits, graphInputs, copiesOf: (of, device) => copies.get(of)?.get(device) ?? [] };
}

/** A weight from elsewhere starts a split of its own, so that the copy before it can go. */
const readsHostWeight = ({ src }: Tensor, device: number): boolean =>
  src.some((source) => source.weight && source.device !== device);

function duplicate(of: Tensor, device: number, { copies }: Machine): Tensor {
  const { type, ne, nb, name } = of;
  const made = tensor('NONE', type, ne, [], { name, nb, input: copies > 1 });
  made.output = copies > 1;
  made.device = device;
  return made;
}

/** An input of a pipeline: the tensor itself and copies of it beside. None is ever freed. */
function pipelineInputs(source: Tensor, machine: Machine): Tensor[] {
  source.output = true;
  const others = Array.from({ length: machine.copies - 1 }, () => duplicate(source, source.device, machine));
  return [source, ...others];
}

/** The graph that is allocated: copies at the start of their split; in a pipeline they are leafs in front. */
function withCopies(
  graph: Graph,
  { splits, graphInputs, copiesOf }: OpenSplits,
  { copies }: Machine,
): Schedule {
  const closed = splits.map(({ device, nodes, inputs }) => ({
    device,
    nodes: [
      ...inputs.flatMap((source) => [dependency([source], source.device), copiesOf(source, device)[0]!]),
      ...nodes,
    ],
  }));
  if (copies === 1) return { leafs: graph.leafs, splits: closed };
  const own = graphInputs.flatMap((source) => copiesOf(source, source.device));
  const crossing = splits.flatMap(({ inputs, device }) =>
    inputs.flatMap((source) => copiesOf(source, device)),
  );
  return { leafs: [...own, ...crossing, ...graph.leafs], splits: closed };
}

/** A node that computes nothing and keeps its sources until here. */
export function dependency(sources: Tensor[], device: number): Tensor {
  const [first] = sources;
  const { type, ne, root } = first!;
  const made = tensor('NONE', type, ne, sources, { root: root ?? first! });
  made.device = device;
  return made;
}
