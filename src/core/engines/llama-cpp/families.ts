/** What llama.cpp does its own way for an architecture; absent means the usual way. */
export interface Family {
  /** Name of the norm in front of the feed-forward. */
  readonly ffnNorm?: 'post_attention_norm' | 'attn_norm' | 'attn_output_norm';
  /** Names of the norms behind mixer and feed-forward. */
  readonly postNorms?: readonly ['attn_output_norm', 'layer_output_norm'];
  /** Name of the norm in front of a second feed-forward, which reads the layer's input. */
  readonly secondFfnNorm?: 'ffn_norm_exps';
  /** Norms, the output of attention and the head all have biases. */
  readonly biasesThroughout?: true;
  /** Queries, keys and values have no biases. */
  readonly unbiased?: true;
  /** What may differ from the attention of one layer to that of another; absent: nothing. */
  readonly varies?: readonly ('heads' | 'kvHeads' | 'headDim')[];
  /** Where norms stand, if not in front of every block alone. */
  readonly norms?: 'sandwich' | 'post';
  /** Window of chunked layers, whatever the model's file says. */
  readonly chunkWindow?: number;
  /**
   * What becomes of windows: the file lists the layers that have one, or every n-th layer sees everything whatever the
   * config says, or nobody reads them and all layers see everything. Absent: the architecture has none.
   */
  readonly windows?: 'listed' | 'ignored' | number;
  /** Of every n layers it is the first that sees everything, not the last. */
  readonly seesAllFirst?: true;
  /** Layers for multi-token prediction stay in the file, of all models or of those types; they are not loaded. */
  readonly keepsMtp?: true | readonly string[];
  /** Tensors of those layers that are loaded nonetheless: the loader does not skip them. */
  readonly loadsOfMtp?: readonly string[];
  /**
   * All layers have an indexer that chooses tokens, or the first and some others; or layers with experts have one that
   * chooses blocks of them and keeps values that nobody reads, or those with a compressor of short runs have one that
   * chooses its entries. Absent: none.
   */
  readonly indexers?: 'everywhere' | 'shared' | 'ofBlocks' | 'ofEntries';
  /** Queries come without a low rank in a stack of so many layers and a vocabulary of such a size, and only there. */
  readonly plainQueries?: (layers: number, vocabSize: number) => boolean;
  /** The file says key-value heads layer by layer, so that a layer without attention has none. */
  readonly headsPerLayer?: true;
  /** Two matrices, not one, say how far a delta net writes its state and how much of it stays. */
  readonly partsBetaAlpha?: true;
  /** Experts stand beside a feed-forward, and router and experts have scales. */
  readonly scaledExperts?: true;
  /** Layers may share the cache of an earlier one; the keys and values that they have but never use are in the file. */
  readonly sharesKv?: true;
  /** Keys may serve as values. */
  readonly valuesFromKeys?: true;
  /** A second table joins every layer, where the model has one. */
  readonly layerEmbedding?: true;
  /** The loader makes the output before the embedding: a tied one is there twice, wherever it lies. */
  readonly tiesTwice?: true;
  /** Attention shares one key, and compresses what a window no longer holds; every sequence has caches of its own. */
  readonly compresses?: true;
  /** Copies of the residual stream. */
  readonly residualStreams?: number;
  /** A table may say which experts a token visits, in the first layers; the choice of others is always corrected. */
  readonly tokenTables?: true;
  /** The last graph that buffers are reserved for has one sequence, however many there are: `sched_reserve`. */
  readonly reservesForOne?: true;
  /** The file does not say how wide values of the cache are: the engine divides the hidden size by the heads. */
  readonly leavesOutValueDim?: true;
  /** Attention is never fused, whatever is asked. */
  readonly neverFlash?: true;
  /** Each layer ends with a factor of its own. */
  readonly scalesLayers?: true;
  /** The architecture whose type switch calls 80 layers of grouped-query attention "70B". */
  readonly has70b?: true;
  /** Matrices that the file holds as one. */
  readonly fused?: readonly ('qkv' | 'gateUp' | 'expertsGateUp')[];
  /** Biases that are read beside those of queries, keys and values. */
  readonly biases?: readonly ('attentionOutput' | 'feedForward')[];
  readonly qkNorm?: 'head' | 'heads' | 'width';
  /** The converter adds norms of queries and keys of each head, whose weights hold a factor of the config. */
  readonly makesQkNorm?: true;
  /** Feed-forwards have up and down alone. */
  readonly ungated?: true;
  /** Feed-forwards and experts may clamp what comes of gate and up. */
  readonly clamps?: true;
  /** Attention and feed-forward run side by side. */
  readonly parallel?: true;
  /** Rope scaling whose factors are tensors of the file; `proportional` has them always, for layers without a window. */
  readonly ropeFactors?: 'llama3' | 'longrope' | 'proportional';
  /** Rope only in layers with a window, only in a stack of so many layers, or in none. */
  readonly rope?: 'windows' | 'nowhere' | number;
  /** A gate on the output of attention: joint with the queries, a matrix as wide as them, or one row a head. */
  readonly outputGates?: readonly ('joint' | 'wide' | 'head')[];
  /** From so many layers on, queries and keys of each head are normed with weights of their own, and before none. */
  readonly normsFrom?: number;
  /** Experts are as wide as other feed-forwards. */
  readonly oneWidth?: true;
  /** Mamba's inner width is twice the hidden size, and its step, B and C are normed. */
  readonly innerTwice?: true;
  /** Of every n layers the last has attention, the others are linear; absent: the file says which. */
  readonly attentionEvery?: number;
  /** There are as many key-value heads as heads. */
  readonly squareKeys?: true;
  /** Values may be narrower or wider than keys. */
  readonly valueDims?: true;
  /** Attention may fall into a learned logit. */
  readonly sinks?: true;
  /** Name of the last norm of a layer for multi-token prediction. */
  readonly mtpNorm?: 'layer_output_norm';
  /** Name of the norm in front of the feed-forward of such a layer. */
  readonly mtpFfnNorm?: 'post_attention_norm';
  /** Layers may be a feed-forward alone. */
  readonly attentionFree?: true;
  /** Every layer is a single block. */
  readonly single?: true;
  /** The architecture that the converter makes of a model with experts. */
  readonly withExperts?: string;
  /** Experts may work on a narrower copy of the hidden state: what its projections are called. */
  readonly latentExperts?: 'ffn_latent' | 'ffn_routed';
  /** The gate of linear attention has its full rank. */
  readonly fullRankGate?: true;
  /** Blocks may read a mixture of hidden states that were kept. */
  readonly checkpoints?: true;
  /** The activation is built into the graph. */
  readonly activation?: 'situ';
  /** Experts come without groups. */
  readonly withoutGroups?: true;
  /** All queries together are as wide as the hidden state. */
  readonly squareQueries?: true;
  /** Layers without experts: there are none, or they stand in front of all others. */
  readonly experts?: 'everywhere' | 'afterPlain';
  /**
   * The expert that all tokens visit: with a gate, as wide as a number of routed ones that the file says, of any width,
   * or of any width where there is one. Absent: none.
   */
  readonly sharedExpert?: 'gated' | 'counted' | 'plain' | 'maybe';
  /** The choice of experts may be corrected, or always is. */
  readonly corrects?: true | 'always';
  /** The embedding is the output matrix, even where the model has one (`dropped`), or it never is. */
  readonly head?: 'tied' | 'dropped' | 'own';
}

/** Llama and who is loaded as it is. */
const LLAMA = { biases: ['attentionOutput', 'feedForward'], ropeFactors: 'llama3' } as const;

const NEMOTRON_H = {
  ffnNorm: 'attn_norm',
  headsPerLayer: true,
  biases: ['attentionOutput', 'feedForward'],
  ungated: true,
  single: true,
} as const;

/** Tokens of an entry that an indexer chooses, and of one that all see: `src/models/deepseek4.cpp:load_arch_tensors`. */
export const RUNS = { short: 4, long: 128 } as const;

/** `src/models/step35.cpp:load_block_mtp`: all that is not required. */
const STEP_MTP = [
  ...['attn_q_norm.weight', 'attn_k_norm.weight', 'attn_gate.weight'],
  ...['ffn_gate.weight', 'ffn_up.weight', 'ffn_down.weight', 'ffn_gate_inp.weight', 'exp_probs_b.bias'],
  ...['ffn_gate_exps.weight', 'ffn_up_exps.weight', 'ffn_down_exps.weight'],
  ...['ffn_gate_shexp.weight', 'ffn_up_shexp.weight', 'ffn_down_shexp.weight'],
  ...['nextn.embed_tokens.weight', 'nextn.shared_head_head.weight', 'nextn.shared_head_norm.weight'],
];

/** `src/models/deepseek2.cpp:load_arch_hparams`. */
const isLite = (layers: number, vocabSize: number): boolean =>
  layers === 26 || layers === 27 || (layers === 48 && vocabSize === 128_256);

/**
 * Every architecture of llama.cpp v0.5.0 that is planned, under the engine's own name.
 * Sources: `src/models/<name>.cpp:load_arch_hparams, load_arch_tensors`, `conversion/*.py`.
 */
export const FAMILIES: Record<string, Family> = {
  llama: { ...LLAMA, has70b: true, windows: 'ignored' },
  llama4: { chunkWindow: 8192, ropeFactors: 'llama3', sharedExpert: 'counted' },
  mistral3: { ...LLAMA, windows: 'ignored' },
  qwen2: { windows: 'ignored', squareQueries: true },
  qwen3: { qkNorm: 'head', windows: 'ignored' },
  qwen3vl: { qkNorm: 'head', windows: 'ignored' },
  qwen3moe: { qkNorm: 'head', windows: 'ignored', experts: 'everywhere' },
  qwen3next: {
    ffnNorm: 'post_attention_norm',
    qkNorm: 'head',
    outputGates: ['joint'],
    experts: 'everywhere',
    sharedExpert: 'gated',
  },
  qwen35: {
    ffnNorm: 'post_attention_norm',
    qkNorm: 'head',
    keepsMtp: true,
    partsBetaAlpha: true,
    outputGates: ['joint'],
  },
  qwen35moe: {
    ffnNorm: 'post_attention_norm',
    qkNorm: 'head',
    keepsMtp: true,
    partsBetaAlpha: true,
    outputGates: ['joint'],
    experts: 'everywhere',
    sharedExpert: 'gated',
  },
  'gpt-oss': { ffnNorm: 'post_attention_norm', biases: ['attentionOutput'], windows: 2, sinks: true },
  deepseek2: {
    keepsMtp: ['glm4_moe_lite'],
    plainQueries: isLite,
    experts: 'afterPlain',
    sharedExpert: 'counted',
    corrects: true,
  },
  deepseek4: {
    compresses: true,
    residualStreams: 4,
    indexers: 'ofEntries',
    head: 'own',
    experts: 'everywhere',
    tokenTables: true,
    sharedExpert: 'counted',
    corrects: true,
  },
  deepseek32: {
    keepsMtp: true,
    loadsOfMtp: ['exp_probs_b.bias'],
    indexers: 'everywhere',
    plainQueries: () => false,
    experts: 'afterPlain',
    sharedExpert: 'counted',
    corrects: true,
  },
  'glm-dsa': {
    keepsMtp: true,
    loadsOfMtp: ['exp_probs_b.bias'],
    indexers: 'shared',
    plainQueries: () => false,
    experts: 'afterPlain',
    sharedExpert: 'counted',
    corrects: true,
  },
  glm4: { norms: 'sandwich', fused: ['gateUp'] },
  glm4moe: {
    ffnNorm: 'post_attention_norm',
    qkNorm: 'head',
    keepsMtp: true,
    experts: 'afterPlain',
    sharedExpert: 'maybe',
    corrects: true,
  },
  gemma: { head: 'dropped' },
  gemma2: { norms: 'sandwich', windows: 2, head: 'dropped' },
  gemma3: { norms: 'sandwich', qkNorm: 'head', windows: 6 },
  gemma4: {
    norms: 'sandwich',
    qkNorm: 'head',
    varies: ['kvHeads', 'headDim'],
    windows: 'listed',
    ropeFactors: 'proportional',
    sharesKv: true,
    valuesFromKeys: true,
    layerEmbedding: true,
    fused: ['expertsGateUp'],
    scaledExperts: true,
    scalesLayers: true,
    tiesTwice: true,
  },
  phi3: { fused: ['qkv', 'gateUp'], windows: 'ignored', ropeFactors: 'longrope', squareQueries: true },
  olmo2: { norms: 'post', qkNorm: 'width', windows: 'listed', squareQueries: true, head: 'own' },
  granite: { ...LLAMA, squareQueries: true },
  'command-r': { parallel: true, qkNorm: 'heads', normsFrom: 64, squareQueries: true, head: 'tied' },
  cohere2: { parallel: true, windows: 4, rope: 'windows', squareQueries: true, head: 'tied' },
  seed_oss: { ffnNorm: 'post_attention_norm' },
  ernie4_5: {},
  apertus: {
    biases: ['attentionOutput'],
    qkNorm: 'head',
    ungated: true,
    ropeFactors: 'llama3',
    head: 'own',
  },
  exaone: { ropeFactors: 'llama3' },
  internlm2: { squareQueries: true, head: 'own' },
  qwen2vl: { windows: 'ignored', squareQueries: true },
  baichuan: { rope: 32, squareQueries: true, head: 'own' },
  chatglm: { fused: ['qkv', 'gateUp'], squareQueries: true },
  qwen: { fused: ['qkv'], squareQueries: true, squareKeys: true, head: 'own' },
  'minimax-01': { attentionEvery: 8, reservesForOne: true, experts: 'everywhere' },
  'minimax-m2': { qkNorm: 'width', experts: 'everywhere', corrects: true },
  'minimax-m3': {
    qkNorm: 'head',
    indexers: 'ofBlocks',
    head: 'own',
    experts: 'afterPlain',
    sharedExpert: 'counted',
    corrects: 'always',
  },
  deci: {
    biases: ['attentionOutput', 'feedForward'],
    headsPerLayer: true,
    ropeFactors: 'llama3',
    attentionFree: true,
  },
  jamba: { headsPerLayer: true, squareQueries: true, innerTwice: true, oneWidth: true },
  granitehybrid: { headsPerLayer: true, biases: ['attentionOutput', 'feedForward'], sharedExpert: 'maybe' },
  nemotron_h: { ...NEMOTRON_H, withExperts: 'nemotron_h_moe' },
  nemotron_h_moe: {
    ...NEMOTRON_H,
    keepsMtp: true,
    mtpFfnNorm: 'post_attention_norm',
    latentExperts: 'ffn_latent',
    withoutGroups: true,
    sharedExpert: 'plain',
    corrects: 'always',
  },
  qwen2moe: {
    windows: 'ignored',
    squareQueries: true,
    head: 'own',
    experts: 'everywhere',
    sharedExpert: 'gated',
  },
  qwen3vlmoe: { qkNorm: 'head', windows: 'ignored', experts: 'everywhere' },
  'ernie4_5-moe': {
    biases: ['attentionOutput'],
    experts: 'afterPlain',
    sharedExpert: 'maybe',
    corrects: true,
  },
  granitemoe: { ...LLAMA, experts: 'everywhere', sharedExpert: 'maybe' },
  olmoe: { qkNorm: 'width', squareQueries: true, squareKeys: true, head: 'own', experts: 'everywhere' },
  'hunyuan-moe': { qkNorm: 'head', experts: 'everywhere', sharedExpert: 'plain' },
  bailingmoe: { head: 'own', experts: 'everywhere', sharedExpert: 'counted' },
  bailingmoe2: {
    qkNorm: 'head',
    squareQueries: true,
    head: 'own',
    fused: ['qkv'],
    keepsMtp: true,
    mtpNorm: 'layer_output_norm',
    experts: 'afterPlain',
    sharedExpert: 'plain',
    corrects: true,
  },
  'exaone-moe': {
    rope: 'windows',
    qkNorm: 'head',
    windows: 'listed',
    head: 'own',
    keepsMtp: true,
    experts: 'afterPlain',
    sharedExpert: 'plain',
    corrects: true,
  },
  afmoe: {
    rope: 'windows',
    norms: 'sandwich',
    qkNorm: 'head',
    windows: 4,
    outputGates: ['wide'],
    experts: 'afterPlain',
    sharedExpert: 'counted',
    corrects: true,
  },
  laguna: {
    qkNorm: 'head',
    varies: ['heads', 'kvHeads'],
    windows: 4,
    seesAllFirst: true,
    outputGates: ['wide', 'head'],
    experts: 'afterPlain',
    sharedExpert: 'plain',
    corrects: true,
  },
  step35: {
    qkNorm: 'head',
    varies: ['heads', 'kvHeads'],
    windows: 'listed',
    outputGates: ['head'],
    ropeFactors: 'llama3',
    clamps: true,
    head: 'own',
    keepsMtp: true,
    loadsOfMtp: STEP_MTP,
    sharedExpert: 'plain',
    corrects: true,
  },
  mimo2: {
    unbiased: true,
    varies: ['kvHeads'],
    windows: 'listed',
    valueDims: true,
    sinks: true,
    head: 'own',
    keepsMtp: true,
    mtpNorm: 'layer_output_norm',
    corrects: true,
  },
  phimoe: {
    biases: ['attentionOutput'],
    biasesThroughout: true,
    windows: 'ignored',
    ropeFactors: 'longrope',
    squareQueries: true,
    head: 'own',
    experts: 'everywhere',
  },
  dbrx: {
    ffnNorm: 'attn_output_norm',
    unbiased: true,
    fused: ['qkv'],
    squareQueries: true,
    head: 'own',
    experts: 'everywhere',
  },
  'kimi-linear': {
    rope: 'nowhere',
    reservesForOne: true,
    leavesOutValueDim: true,
    headsPerLayer: true,
    plainQueries: () => true,
    head: 'own',
    experts: 'afterPlain',
    sharedExpert: 'counted',
    corrects: 'always',
  },
  'kimi-k3': {
    rope: 'nowhere',
    headsPerLayer: true,
    outputGates: ['wide'],
    latentExperts: 'ffn_routed',
    fullRankGate: true,
    checkpoints: true,
    activation: 'situ',
    head: 'own',
    experts: 'afterPlain',
    sharedExpert: 'counted',
    corrects: 'always',
  },
  'muse-glimmer': {
    rope: 'windows',
    norms: 'sandwich',
    qkNorm: 'head',
    makesQkNorm: true,
    windows: 4,
    outputGates: ['wide'],
    head: 'own',
  },
  arctic: { secondFfnNorm: 'ffn_norm_exps', squareQueries: true, experts: 'everywhere' },
  grok: {
    norms: 'sandwich',
    postNorms: ['attn_output_norm', 'layer_output_norm'],
    squareQueries: true,
    neverFlash: true,
    experts: 'everywhere',
  },
};
