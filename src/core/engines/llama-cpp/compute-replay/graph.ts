import type { Tensor } from './tensor.js';

/** Tensors in the order in which ggml computes them. */
export interface Graph {
  /** Inputs, weights and caches in visiting order. */
  readonly leafs: Tensor[];
  readonly nodes: Tensor[];
  readonly visited: Set<Tensor>;
  /** What each layer begins with: the hidden state that it reads. */
  readonly starts: Tensor[];
}

export const newGraph = (): Graph => ({ leafs: [], nodes: [], visited: new Set(), starts: [] });

/**
 * Adds a tensor and what it needs, depth first, sources from left to right:
 * `ggml/src/ggml.c:ggml_build_forward_expand`.
 */
export function expand(graph: Graph, tensor: Tensor): Tensor {
  if (graph.visited.has(tensor)) return tensor;
  graph.visited.add(tensor);
  for (const source of tensor.src) expand(graph, source);
  (tensor.op === 'NONE' ? graph.leafs : graph.nodes).push(tensor);
  return tensor;
}
