/** How a mixture of experts chooses and weighs. */
export interface Routing {
  /** What becomes of the router's logits; `softmaxOfChosen`: only after the choice. */
  readonly gating: 'softmax' | 'sigmoid' | 'softmaxOfChosen' | 'sqrtSoftplus';
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
  /** Routing where the file has no correction of the choice. */
  readonly uncorrected?: Routing;
  /** The gate of the shared expert is `silu(x) / x`, not a sigmoid. */
  readonly dividesSharedGate?: true;
  /** Norms of queries and keys come behind rope. */
  readonly normsAfterRope?: true;
  /** The first layers each add a part of a wider embedding: as many as the vision tower has mergers for them. */
  readonly deepstack?: true;
  /** The embedding is normalised first, without weights. */
  readonly normsEmbedding?: true;
  /** Factors on the embedding, on what joins the residual, on queries, on logits. */
  readonly scales?: readonly ('embedding' | 'residual' | 'queries' | 'logits')[];
  /** Queries are scaled by position in layers without rope, or in a model with YaRN. */
  readonly scalesByPosition?: 'withoutRope' | 'withYarn';
  /** Queries and keys are normalised after rope, without weights, unless there are this many experts. */
  readonly plainNormUnlessExperts?: number;
  /** Rows of logits are chosen not in the last layer but behind it, or behind the last norm. */
  readonly choosesRows?: 'afterLayers' | 'afterNorm';
  /** The activation of what has no gate is squared. */
  readonly squaresActivation?: true;
  /** Values are normalised too, without weights. */
  readonly normsValues?: true;
  /** What is squeezed by a hyperbolic tangent: logits of attention where they are computed, those of tokens. */
  readonly softCaps?: readonly ('attention' | 'logits')[];
  /** Queries, keys and values are clamped. */
  readonly clampsStates?: true;
  /** Norms subtract the mean. */
  readonly layerNorms?: true;
  /** Places of a token, where it has more than one: time, height, width and another. */
  readonly positionsPerToken?: 4;
  /** The feed-forward is added to the residual, not the other way round; `always`: attention too. */
  readonly residualFirst?: true | 'always';
  /** What blocks make joins their normed input, scaled, not the hidden state. */
  readonly keepsNormed?: true;
  /** What linear attention keeps of its state has a lower bound. */
  readonly boundsDecay?: true;
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
    scalesByPosition: 'withoutRope',
    plainNormUnlessExperts: 128,
  },
  mistral3: { scalesByPosition: 'withYarn' },
  qwen2: {},
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
  qwen2moe: { routing: { gating: 'softmax' }, dividesSharedGate: true },
  qwen3vl: { deepstack: true, positionsPerToken: 4 },
  qwen3vlmoe: { routing: { gating: 'softmax', normalised: true }, deepstack: true, positionsPerToken: 4 },
  deepseek2: {
    routing: { gating: 'sigmoid', normalised: true, scaled: true },
    uncorrected: { gating: 'softmax', scaled: true },
  },
  deepseek4: { routing: { gating: 'sqrtSoftplus', normalised: true, scaled: true } },
  deepseek32: { routing: { gating: 'sigmoid', normalised: true, scaled: true } },
  'glm-dsa': { routing: { gating: 'sigmoid', normalised: true, scaled: true } },
  'ernie4_5-moe': { routing: { gating: 'softmax', normalised: true } },
  granitemoe: {
    routing: { gating: 'softmax', normalised: true },
    scales: ['embedding', 'residual', 'logits'],
  },
  olmoe: { routing: { gating: 'softmax' } },
  'hunyuan-moe': { routing: { gating: 'softmax', normalised: true }, normsAfterRope: true },
  bailingmoe: { routing: { gating: 'softmax', normalised: true } },
  bailingmoe2: { routing: { gating: 'sigmoid', normalised: true, scaled: true } },
  'exaone-moe': { routing: { gating: 'sigmoid', normalised: true, scaled: true } },
  afmoe: {
    routing: { gating: 'sigmoid', normalised: true, scaled: true },
    scales: ['embedding'],
  },
  laguna: { routing: { gating: 'sigmoid', normalised: true, scaled: true } },
  step35: {
    routing: { gating: 'sigmoid', normalised: true, scaled: true },
    choosesRows: 'afterLayers',
  },
  mimo2: { routing: { gating: 'sigmoid', normalised: true } },
  phimoe: { routing: { gating: 'softmax', normalised: true }, scales: ['queries'], residualFirst: true },
  dbrx: { routing: { gating: 'softmax', normalised: true }, layerNorms: true, clampsStates: true },
  'kimi-linear': { routing: { gating: 'sigmoid', normalised: true, scaled: true }, expandsNorm: true },
  'kimi-k3': {
    routing: { gating: 'sigmoid', normalised: true, scaled: true },
    expandsNorm: true,
    boundsDecay: true,
  },
  'muse-glimmer': { normsEmbedding: true, scales: ['logits'], softCaps: ['logits'] },
  arctic: { routing: { gating: 'softmax', normalised: true } },
  grok: {
    routing: { gating: 'softmax', normalised: true },
    scales: ['embedding', 'logits'],
    softCaps: ['attention'],
  },
  glm4: {},
  glm4moe: { routing: { gating: 'sigmoid', normalised: true } },
  gemma: { scales: ['embedding', 'queries'] },
  gemma2: { scales: ['embedding', 'queries'], softCaps: ['attention', 'logits'] },
  gemma3: { scales: ['embedding', 'queries'] },
  phi3: { scales: ['queries'], residualFirst: true },
  gemma4: {
    routing: { gating: 'softmax', normalised: true },
    scales: ['embedding'],
    normsValues: true,
    softCaps: ['logits'],
    choosesRows: 'afterNorm',
  },
  nemotron_h: { squaresActivation: true, choosesRows: 'afterNorm' },
  nemotron_h_moe: {
    routing: { gating: 'sigmoid', normalised: true, scaled: true },
    squaresActivation: true,
    choosesRows: 'afterNorm',
  },
  olmo2: {},
  granite: { scales: ['embedding', 'residual', 'logits'] },
  'command-r': { scales: ['logits'], layerNorms: true },
  cohere2: { scales: ['logits'], layerNorms: true },
  seed_oss: {},
  ernie4_5: {},
  apertus: {},
  exaone: {},
  internlm2: {},
  qwen2vl: { positionsPerToken: 4 },
  baichuan: {},
  chatglm: {},
  qwen: {},
  'minimax-01': { routing: { gating: 'softmax', normalised: true }, keepsNormed: true },
  'minimax-m2': { routing: { gating: 'sigmoid', normalised: true } },
  'minimax-m3': { routing: { gating: 'sigmoid', normalised: true, scaled: true } },
  deci: {},
  jamba: { routing: { gating: 'softmax' }, residualFirst: 'always' },
  granitehybrid: {
    routing: { gating: 'softmax', normalised: true },
    scales: ['embedding', 'residual', 'logits'],
  },
};
