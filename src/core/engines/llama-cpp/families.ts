/** What llama.cpp does its own way for an architecture; absent means the usual way. */
export interface Family {
  /** Name of the norm in front of the feed-forward. */
  readonly ffnNorm?: 'post_attention_norm';
  /** Window of chunked layers, whatever the model's file says. */
  readonly chunkWindow?: number;
  /** Layers for multi-token prediction stay in the file; they are not loaded. */
  readonly keepsMtp?: true;
  /** The file says key-value heads layer by layer, so that a layer without attention has none. */
  readonly headsPerLayer?: true;
  /** Two matrices, not one, say how far a delta net writes its state and how much of it stays. */
  readonly partsBetaAlpha?: true;
  /** Fields of blocks and of the model that only some architectures read, and this one does. */
  readonly reads?: readonly string[];
  /** Gates and ups of the experts are one stack. */
  readonly fusesGateUp?: true;
  /** Keys and values that a layer has but never uses, since it shares those of an earlier one, are in the file. */
  readonly keepsSharedKv?: true;
  /** The loader makes the output before the embedding: a tied one is there twice, wherever it lies. */
  readonly tiesTwice?: true;
  /** Each layer ends with a factor of its own. */
  readonly scalesLayers?: true;
  /** The file has factors of rope that layers without a window use. */
  readonly hasRopeFactors?: true;
  /** The architecture whose type switch calls 80 layers of grouped-query attention "70B". */
  readonly has70b?: true;
}

/**
 * Every architecture of llama.cpp v0.5.0 that is planned, under the engine's own name.
 * Sources: `src/models/<name>.cpp:load_arch_hparams, load_arch_tensors`, `conversion/*.py`.
 */
export const FAMILIES: Record<string, Family> = {
  llama: { has70b: true },
  llama4: { chunkWindow: 8192 },
  qwen3: {},
  qwen3moe: {},
  qwen3next: { ffnNorm: 'post_attention_norm' },
  qwen35: { ffnNorm: 'post_attention_norm', keepsMtp: true, partsBetaAlpha: true },
  qwen35moe: { ffnNorm: 'post_attention_norm', keepsMtp: true, partsBetaAlpha: true },
  'gpt-oss': { ffnNorm: 'post_attention_norm' },
  deepseek2: {},
  glm4moe: { ffnNorm: 'post_attention_norm', keepsMtp: true },
  gemma3: {},
  gemma4: {
    reads: ['valueIsKey', 'sharedKv', 'routerScales', 'layerEmbedding'],
    fusesGateUp: true,
    keepsSharedKv: true,
    tiesTwice: true,
    scalesLayers: true,
    hasRopeFactors: true,
  },
  'minimax-m2': {},
  granitehybrid: { headsPerLayer: true },
};
