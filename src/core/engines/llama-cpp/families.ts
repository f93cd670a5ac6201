/** What llama.cpp does its own way for an architecture; absent means the usual way. */
export interface Family {
  /** Name of the norm in front of the feed-forward. */
  readonly ffnNorm?: 'post_attention_norm';
  /** Where norms stand, if not in front of every block alone. */
  readonly norms?: 'sandwich' | 'post';
  /** Window of chunked layers, whatever the model's file says. */
  readonly chunkWindow?: number;
  /**
   * What becomes of windows: the file lists the layers that have one, or every n-th layer sees everything whatever the
   * config says, or nobody reads them and all layers see everything. Absent: the architecture has none.
   */
  readonly windows?: 'listed' | 'ignored' | number;
  /** Layers for multi-token prediction stay in the file; they are not loaded. */
  readonly keepsMtp?: true;
  /** The file says key-value heads layer by layer, so that a layer without attention has none. */
  readonly headsPerLayer?: true;
  /** The architecture whose type switch calls 80 layers of grouped-query attention "70B". */
  readonly has70b?: true;
  /** Matrices that the file holds as one. */
  readonly fused?: readonly ('qkv' | 'gateUp')[];
  /** Biases that are read beside those of queries, keys and values. */
  readonly biases?: readonly ('attentionOutput' | 'feedForward')[];
  readonly qkNorm?: 'head' | 'width';
  /** The feed-forward has up and down alone. */
  readonly ungated?: true;
  /** Attention and feed-forward run side by side. */
  readonly parallel?: true;
  /** Rope scaling whose factors are tensors of the file. */
  readonly ropeFactors?: 'llama3' | 'longrope';
  /** Rope only in layers with a window, or only in a stack of so many layers. */
  readonly rope?: 'windows' | number;
  /** All queries together are as wide as the hidden state. */
  readonly squareQueries?: true;
  /** There are as many key-value heads as heads. */
  readonly squareKeys?: true;
  /** The embedding is the output matrix, even where the model has one (`dropped`), or it never is. */
  readonly head?: 'tied' | 'dropped' | 'own';
}

/** Llama and who is loaded as it is. */
const LLAMA = { biases: ['attentionOutput', 'feedForward'], ropeFactors: 'llama3' } as const;

/**
 * Every architecture of llama.cpp v0.5.0 that is planned, under the engine's own name.
 * Sources: `src/models/<name>.cpp:load_arch_hparams, load_arch_tensors`, `conversion/*.py`.
 */
export const FAMILIES: Record<string, Family> = {
  llama: { ...LLAMA, has70b: true, windows: 'ignored' },
  llama4: { chunkWindow: 8192, ropeFactors: 'llama3' },
  mistral3: { ...LLAMA, windows: 'ignored' },
  qwen2: { windows: 'ignored', squareQueries: true },
  qwen3: { qkNorm: 'head', windows: 'ignored' },
  qwen3moe: { qkNorm: 'head', windows: 'ignored' },
  qwen3next: { ffnNorm: 'post_attention_norm', qkNorm: 'head' },
  'gpt-oss': { ffnNorm: 'post_attention_norm', biases: ['attentionOutput'], windows: 2 },
  deepseek2: {},
  glm4: { norms: 'sandwich', fused: ['gateUp'] },
  glm4moe: { ffnNorm: 'post_attention_norm', qkNorm: 'head', keepsMtp: true },
  gemma: { head: 'dropped' },
  gemma2: { norms: 'sandwich', windows: 2, head: 'dropped' },
  gemma3: { norms: 'sandwich', qkNorm: 'head', windows: 6 },
  phi3: { fused: ['qkv', 'gateUp'], windows: 'ignored', ropeFactors: 'longrope', squareQueries: true },
  olmo2: { norms: 'post', qkNorm: 'width', windows: 'listed', squareQueries: true, head: 'own' },
  granite: { ...LLAMA, squareQueries: true },
  'command-r': { parallel: true, squareQueries: true, head: 'tied' },
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
  'minimax-m2': { qkNorm: 'width' },
  granitehybrid: { headsPerLayer: true, biases: ['attentionOutput', 'feedForward'] },
};
