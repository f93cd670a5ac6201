import * as z from 'zod';
import type { HeldWeights } from './quant.js';
import { sources } from './sources.js';

const count = z.number().int().positive();

/** More layers than this are a slip, not a model. */
export const MOST_LAYERS = 2000;
const layerCount = count.max(MOST_LAYERS);

const RELEASED_FORMATS = [
  ...['BF16', 'FP16', 'FP32', 'FP8', 'FP8-dynamic', 'FP8-block', 'W8A8', 'W4A16', 'W8A16', 'AWQ'],
  ...['GPTQ-Int4', 'GPTQ-Int8', 'AutoRound-Int4', 'NVFP4', 'MXFP4', 'MXFP8', 'NF4', 'NF4-DQ', 'LLM.int8'],
  ...['MLX-2bit', 'MLX-3bit', 'MLX-4bit', 'MLX-5bit', 'MLX-6bit', 'MLX-8bit', 'MLX-MXFP4', 'mixed'],
] as const;

// Mixers: what lets a token see the others.

const heads = {
  heads: count,
  kvHeads: count,
  headDim: count,
  /** Width of one value, where it is not `headDim`. */
  valueDim: count.optional(),
  /** The keys serve as values too: no matrix of their own, but a cache of their own. */
  valueIsKey: z.literal(true).optional(),
  /** Keys and values are those of an earlier layer: no cache, no matrices, and no norm unless `keyNorm`. */
  sharedKv: z.union([z.literal(true), z.literal('keyNorm')]).optional(),
  /** Projections that carry a bias. */
  bias: z.enum(['qkv', 'qkvo']).optional(),
  /** Normalisation of queries and keys: one head at a time, each with weights of its own (`heads`), or the whole width. */
  qkNorm: z.enum(['head', 'heads', 'width']).optional(),
  /** One learned logit a head that attention may fall into. */
  sinks: z.literal(true).optional(),
  /** A gate on the output: `true` as wide as the queries, whose projection it doubles; `head`: one number a head. */
  outputGate: z.union([z.literal(true), z.literal('head')]).optional(),
  /** `false`: this mixer sees no positions. */
  rope: z.literal(false).optional(),
};

const full = z.strictObject({ kind: z.literal('full'), ...heads });
const sliding = z.strictObject({ kind: z.literal('sliding'), ...heads, window: count });
const chunked = z.strictObject({ kind: z.literal('chunked'), ...heads, window: count });

/** Multi-head latent attention: keys and values are projections of one small latent. */
const latent = z.strictObject({
  kind: z.literal('latent'),
  heads: count,
  queryRank: count.optional(),
  kvRank: count,
  nopeDim: count,
  ropeDim: count,
  valueDim: count,
  /** Biases on the two projections that narrow, and on the output. */
  bias: z.literal(true).optional(),
  /** A gate on the output, as wide as the values of all heads. */
  outputGate: z.literal(true).optional(),
  /** `false`: this mixer sees no positions. */
  rope: z.literal(false).optional(),
});

/** Attention to the tokens of an image or of an encoder; each of its two outputs is weighed by one number. */
const cross = z.strictObject({
  kind: z.literal('cross'),
  heads: count,
  kvHeads: count,
  headDim: count,
  /** Tokens that one image or one encoder's input gives at most. */
  memoryTokens: count,
});

/** What chooses the tokens that sparse attention beside it reads: small keys, one head of them. */
const indexer = z.strictObject({
  kind: z.literal('indexer'),
  heads: count,
  headDim: count,
  /** Width of the latent that its queries come from; absent where they come from the layer's input. */
  queryRank: count.optional(),
  /** Tokens that attention reads at most, or entries of so many tokens each as `ratio` says. */
  chosenTokens: count.optional(),
  /** It chooses blocks of so many neighbouring tokens; absent where it chooses single ones. */
  blockTokens: count.optional(),
  /** `norms`: normed queries and keys and no weights of the heads (MiniMax-M3). */
  form: z.literal('norms').optional(),
  /** One entry for so many tokens, made by a compressor of its own. */
  ratio: count.optional(),
});

/** Attention over one key that is the value too and that all heads share, behind low ranks (DeepSeek-V4). */
const shared = z.strictObject({
  kind: z.literal('shared'),
  heads: count,
  headDim: count,
  queryRank: count,
  outputGroups: count,
  outputRank: count,
  window: count,
});

/** Makes one entry of `shared` attention out of `ratio` tokens; `overlap`: each entry reads two runs of them. */
const compressor = z.strictObject({
  kind: z.literal('compressor'),
  headDim: count,
  ratio: count,
  overlap: z.literal(true).optional(),
});

const gatedDeltaNet = z.strictObject({
  kind: z.literal('gatedDeltaNet'),
  keyHeads: count,
  valueHeads: count,
  keyDim: count,
  valueDim: count,
  convKernel: count,
});

/** Kimi Delta Attention: a delta net whose decay is chosen channel by channel (arXiv:2510.26692). */
const kda = z.strictObject({
  kind: z.literal('kda'),
  heads: count,
  headDim: count,
  convKernel: count,
  /** The gate on the output is one matrix, not two behind a low rank (Kimi-K3). */
  fullRankGate: z.literal(true).optional(),
});

/** Lightning attention: linear attention with a decay, one matrix of state a head (arXiv:2501.08313). */
const lightning = z.strictObject({ kind: z.literal('lightning'), heads: count, headDim: count });

/** Mamba (arXiv:2312.00752), with norms on its inner time steps, B and C as Jamba has them. */
const mamba1 = z.strictObject({
  kind: z.literal('mamba1'),
  innerSize: count,
  stateDim: count,
  timeRank: count,
  convKernel: count,
  innerNorms: z.literal(true).optional(),
  convBias: z.literal(false).optional(),
  bias: z.literal(true).optional(),
});

const mamba2 = z.strictObject({
  kind: z.literal('mamba2'),
  heads: count,
  headDim: count,
  stateDim: count,
  groups: count,
  convKernel: count,
  convBias: z.literal(false).optional(),
  /** Biases on the projections in and out. */
  bias: z.literal(true).optional(),
});

// Feed-forwards: what a token goes through alone. Gate, up and down, where `gate` does not say otherwise.

const dense = z.strictObject({
  kind: z.literal('dense'),
  intermediateSize: count,
  /** `false`: up and down alone. */
  gate: z.literal(false).optional(),
  bias: z.literal(true).optional(),
  /** Trained numbers of the activation function. */
  activationParameters: count.optional(),
  /** Gate and up are clamped on their way to down. */
  clamped: z.literal(true).optional(),
});

const moe = z
  .strictObject({
    kind: z.literal('moe'),
    experts: count,
    activeExperts: count,
    /** Width of one routed expert. */
    intermediateSize: count,
    /** `false`: experts, shared ones too, are up and down alone. */
    gate: z.literal(false).optional(),
    /** Biases on the router and on every expert matrix. */
    bias: z.literal(true).optional(),
    /** Gate and up of routed experts are clamped on their way to down. */
    clamped: z.literal(true).optional(),
    /** Routed experts work on a narrower copy of the hidden state, of this width, with a projection in and out. */
    latentSize: count.optional(),
    /** What those experts make is normed before it is projected out. */
    latentNorm: z.literal(true).optional(),
    /** Experts without weights that the router may choose too. */
    zeroExperts: count.optional(),
    /** A table that sends each token of the vocabulary to its experts stands in for the choice: a buffer. */
    tokenTable: z.literal(true).optional(),
    /** Trained scales of the router's input and of each expert (Gemma 4). */
    routerScales: z.literal(true).optional(),
    /** Experts are chosen within the best groups alone. */
    groups: z.strictObject({ count, active: count }).optional(),
    /** A correction that steers the choice of experts: a buffer, no parameter; `trained`: a parameter. */
    routerCorrection: z.union([z.literal(true), z.literal('trained')]).optional(),
    /** The expert that every token visits; `gate` weighs its output. */
    shared: z
      .strictObject({
        intermediateSize: count,
        gate: z.literal(true).optional(),
        clamped: z.literal(true).optional(),
      })
      .optional(),
  })
  .refine(({ experts, activeExperts }) => activeExperts <= experts, 'more active experts than there are');

const mixers = [
  full,
  sliding,
  chunked,
  latent,
  cross,
  indexer,
  shared,
  compressor,
  gatedDeltaNet,
  kda,
  lightning,
  mamba1,
  mamba2,
] as const;
export const mixer = z.discriminatedUnion('kind', mixers);
export const feedForward = z.discriminatedUnion('kind', [dense, moe]);
const block = z.discriminatedUnion('kind', [...mixers, dense, moe]);

/** One layer: names of blocks in sequence; a list inside the list runs side by side on one input. */
const layer = z.array(z.union([z.string().min(1), z.array(z.string().min(1)).min(2)])).min(1);

const vision = z
  .strictObject({
    layers: layerCount,
    hiddenSize: count,
    intermediateSize: count,
    heads: count,
    imageSize: count,
    patchSize: count,
    /** A bias on the patch embedding. */
    patchBias: z.literal(true).optional(),
    classToken: z.literal(true).optional(),
    /** A normalisation before the first layer; one after the last is always there. */
    preNorm: z.literal(true).optional(),
    /** Matrices from the tower's output to the language model, as [in, out]. */
    projector: z.array(z.tuple([count, count])).min(1),
    /** A normalisation in front of the projector, without bias. */
    projectorNorm: z.literal(true).optional(),
  })
  .refine(
    ({ imageSize, patchSize }) => imageSize % patchSize === 0,
    'the image is no whole number of patches',
  );

/** A tower of any other build, its projector included: every tensor by name, with how many equal ones there are. */
const tower = z.strictObject({
  layers: layerCount,
  hiddenSize: count,
  tensors: z
    .array(z.strictObject({ name: z.string().min(1), shape: z.array(count).min(1), count: count.optional() }))
    .min(1),
});

/** Modules that predict further tokens: a projection of two hidden states, then one layer. */
const mtp = z.strictObject({
  modules: layerCount,
  layer,
  /** The module brings its own embedding table and head. */
  ownEmbedding: z.literal(true).optional(),
});

const ropeScaling = z.strictObject({
  kind: z.enum(['llama3', 'yarn', 'linear', 'dynamic', 'longrope']),
  factor: z.number().positive(),
  originalTokens: count.optional(),
});

export const architectureSchema = z
  .strictObject({
    /** `model_type` of the released config. */
    type: z.string().min(1),
    hiddenSize: count,
    vocabSize: count,
    /** Rows of the embedding that no token uses and that converters drop. */
    paddingRows: count.optional(),
    tiedEmbeddings: z.literal(true).optional(),
    activation: z.enum(['silu', 'gelu', 'swigluoai', 'situ']).optional(),
    norm: z.strictObject({
      epsilon: z.number().positive(),
      /** `sandwich`: before and after every block; `post`: only after it. */
      placement: z.enum(['pre', 'sandwich', 'post']).optional(),
      /** Weights and biases: a layer norm. */
      bias: z.literal(true).optional(),
    }),
    /** The head has a bias. */
    headBias: z.literal(true).optional(),
    /** Rows of the embedding table that the head lacks. */
    extraRows: count.optional(),
    /** A second table, a piece of it for every layer, that joins the stack in each layer (Gemma 4). */
    layerEmbedding: z.strictObject({ vocabSize: count, dim: count }).optional(),
    /** So many of the first layers each add a part of a wider embedding, where no tower of the spec says it (Qwen3-VL). */
    deepstackLayers: count.optional(),
    /** Copies of the residual stream that run side by side and are mixed around every block (arXiv:2512.24880). */
    residualStreams: count.optional(),
    /** Every so many layers the hidden state is kept, and each block reads a mixture of all that was (Kimi-K3). */
    checkpointEvery: count.optional(),
    /** Absent: no layer sees positions by rotation. */
    rope: z
      .strictObject({ theta: z.number().positive(), dim: count.optional(), scaling: ropeScaling.optional() })
      .optional(),
    blocks: z.record(z.string().regex(/^[a-z][a-zA-Z0-9]*$/), block),
    /** Runs of repeated patterns of layers, first layer first. */
    layers: z.array(z.strictObject({ repeat: layerCount.optional(), pattern: z.array(layer).min(1) })).min(1),
    /** Single layers that differ from the runs, by their number from 0. */
    exceptions: z
      .array(z.strictObject({ layers: z.array(z.number().int().nonnegative()).min(1), use: layer }))
      .optional(),
    mtp: mtp.optional(),
    vision: vision.optional(),
    /** Towers that `vision` cannot say. */
    towers: z.strictObject({ vision: tower.optional(), audio: tower.optional() }).optional(),
  })
  .refine(
    ({ vocabSize, paddingRows = 0 }) => paddingRows < vocabSize,
    'more padding rows than the vocabulary has',
  )
  .refine(
    ({ layers }) =>
      layers.reduce((sum, { repeat = 1, pattern }) => sum + repeat * pattern.length, 0) <= MOST_LAYERS,
    `more than ${MOST_LAYERS} layers`,
  );

const hubId = z.string().regex(/^[^/\s]+\/[^/\s]+$/);

const benchmark = z.strictObject({
  name: z.string().min(1),
  variant: z.string().optional(),
  shots: z.number().int().nonnegative().optional(),
  /** Absent where only a place in a ranking is known. */
  score: z.number().optional(),
  unit: z.string().optional(),
  /** Place in somebody's ranking, with whose and when. */
  rank: z.strictObject({ place: count, board: z.string().min(1), date: z.iso.date().optional() }).optional(),
  from: z.string().min(1),
});

const disputed = z.strictObject({
  field: z.string().min(1),
  claimed: z.union([z.string(), z.number()]),
  from: z.string().min(1),
  /** Why it is not used here. */
  why: z.string().min(1),
});

/** Releases with the same geometry that hold another number of tokens, or store their weights in another format. */
const variant = z
  .strictObject({
    hubIds: z.array(hubId).min(1),
    nativeContext: count.optional(),
    releasedFormat: z.enum(RELEASED_FORMATS).optional(),
  })
  .refine(
    ({ nativeContext, releasedFormat }) => nativeContext !== undefined || releasedFormat !== undefined,
    'a variant that differs in nothing: its hub ids belong in hubIds',
  );

/** One model: a file of `data/models`, or one that a user hands in. */
export const modelSchema = z.strictObject({
  $schema: z.string().optional(),
  name: z.string().min(1),
  /** Set by the catalogue from the file's name; a file of one's own may say it. */
  id: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]*$/)
    .optional(),
  maker: z.string().min(1).optional(),
  family: z.string().min(1).optional(),
  aliases: z.array(z.string().min(1)).optional(),
  hubIds: z.array(hubId).optional(),
  /** A few sentences for the sheet. */
  about: z.string().optional(),
  license: z.string().optional(),
  released: z.iso.date().optional(),
  knowledgeCutoff: z
    .string()
    .regex(/^\d{4}-\d{2}(-\d{2})?$/)
    .optional(),
  modalities: z
    .strictObject({ input: z.array(z.string()).min(1), output: z.array(z.string()).min(1) })
    .optional(),
  context: z.strictObject({
    /** `max_position_embeddings` of the config. */
    native: count,
    /** A longer length that the maker documents with rope scaling. */
    extended: z.strictObject({ tokens: count, how: z.string().min(1) }).optional(),
    /** The maker's rounded words; never counted with. */
    advertised: z.string().optional(),
  }),
  variants: z.array(variant).optional(),
  /** Weight format of the released checkpoint; `mixed`: its config says it module by module. */
  releasedFormat: z.enum(RELEASED_FORMATS).optional(),
  published: z
    .strictObject({
      totalParameters: count.optional(),
      activeParameters: count.optional(),
      /** The maker's words, where only rounded figures are known. */
      total: z.string().optional(),
      active: z.string().optional(),
      /** Elements stored in the released checkpoint. */
      storedElements: count.optional(),
    })
    .optional(),
  /** The geometry, or the catalogue id of the model that has the same. */
  architecture: z.union([architectureSchema, z.strictObject({ sameAs: z.string().min(1) })]),
  benchmarks: z.array(benchmark).optional(),
  disputed: z.array(disputed).optional(),
  sources,
});

export type ModelFile = z.infer<typeof modelSchema>;
export type Architecture = z.infer<typeof architectureSchema>;
export type Mixer = z.infer<typeof mixer>;
export type FeedForward = z.infer<typeof feedForward>;
export type Block = Mixer | FeedForward;
export type Layer = z.infer<typeof layer>;
export type Variant = z.infer<typeof variant>;
export type Vision = z.infer<typeof vision>;
export type Tower = z.infer<typeof tower>;
/** Something to know about a model that was imported; the words are in `render/messages.ts`. */
export interface ImportNote {
  readonly code: string;
  readonly args: Readonly<Record<string, string | number>>;
}

/** What the safetensors files beside a config hold. */
export interface HeldCheckpoint {
  readonly files: number;
  readonly tensors: number;
  readonly bytes: number;
  /** Elements by their type, such as `BF16`. */
  readonly elements: Readonly<Record<string, number>>;
}

/** A model whose geometry is at hand. */
export type Model = Omit<ModelFile, 'architecture' | 'id'> & {
  id: string;
  architecture: Architecture;
  importNotes?: readonly ImportNote[];
  /** The weights of the file that the model was read from, where they are all there is. */
  held?: HeldWeights;
  /** The checkpoint beside the config that the model was read from. */
  checkpoint?: HeldCheckpoint;
  /** The weight format of the release that was named: it has no other. */
  ownFormat?: (typeof RELEASED_FORMATS)[number];
};
