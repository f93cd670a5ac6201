/** How a mixture of experts chooses and weighs. */
export interface Routing {
  /** What becomes of the router's logits; `softmaxOfChosen`: only after the choice. */
  readonly gating: 'softmax' | 'sigmoid' | 'softmaxOfChosen';
  /** Weights of the chosen experts sum to one. */
  readonly normalised?: true;
  /** A factor on the weights other than one. */
  readonly scaled?: true;
  /** Weights are applied before the experts, and the choice is by logits. */
  readonly weighsInput?: true;
}

/** Where a graph differs from the usual one; absent means the usual way. */
export interface GraphFamily {
  readonly routing?: Routing;
  /** Factors on the embedding, on what joins the residual, on queries, on logits. */
  readonly scales?: readonly ('embedding' | 'residual' | 'queries' | 'logits')[];
  /** Layers without rope scale their queries by position. */
  readonly scalesByPosition?: true;
  /** Queries and keys are normalised after rope, without weights, unless there are this many experts. */
  readonly plainNormUnlessExperts?: number;
  /** Values are normalised too, without weights. */
  readonly normsValues?: true;
  /** Logits are squeezed by a hyperbolic tangent. */
  readonly capsLogits?: true;
  /** Rows of logits are chosen not in the last layer but behind it, or behind the last norm. */
  readonly choosesRows?: 'afterLayers' | 'afterNorm';
  /** Numbers that say where a token stands, where it is not one: `src/llama-hparams.cpp:n_pos_per_embd`. */
  readonly positionsPerToken?: number;
  /** The norm before the mixer enters the graph on its own. */
  readonly expandsNorm?: true;
}

/**
 * Graphs of llama.cpp v0.5.0 by the engine's architecture name: `src/models/<name>.cpp`.
 * What the geometry says (norms, biases, sinks, windows, shared experts) is read there.
 */
export const GRAPH_FAMILIES: Record<string, GraphFamily> = {
  llama: { routing: { gating: 'softmax', normalised: true } },
  llama4: {
    routing: { gating: 'sigmoid', weighsInput: true },
    scalesByPosition: true,
    plainNormUnlessExperts: 128,
  },
  qwen3: {},
  qwen3moe: { routing: { gating: 'softmax', normalised: true } },
  qwen3next: {
    routing: { gating: 'softmax', normalised: true },
    choosesRows: 'afterNorm',
    expandsNorm: true,
  },
  qwen35: { choosesRows: 'afterNorm', expandsNorm: true, positionsPerToken: 4 },
  qwen35moe: {
    routing: { gating: 'softmax', normalised: true },
    choosesRows: 'afterNorm',
    expandsNorm: true,
    positionsPerToken: 4,
  },
  'gpt-oss': { routing: { gating: 'softmaxOfChosen' }, choosesRows: 'afterLayers' },
  deepseek2: { routing: { gating: 'sigmoid', normalised: true, scaled: true } },
  glm4moe: { routing: { gating: 'sigmoid', normalised: true } },
  gemma3: { scales: ['embedding', 'queries'] },
  gemma4: {
    routing: { gating: 'softmax', normalised: true },
    scales: ['embedding'],
    normsValues: true,
    capsLogits: true,
    choosesRows: 'afterNorm',
  },
  'minimax-m2': { routing: { gating: 'sigmoid', normalised: true } },
  granitehybrid: {
    routing: { gating: 'softmax', normalised: true },
    scales: ['embedding', 'residual', 'logits'],
  },
};
