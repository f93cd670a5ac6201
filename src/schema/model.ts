import * as z from 'zod';
import { sources } from './sources.js';

const count = z.number().int().positive();

// Mixers: what lets a token see the others.

const heads = {
  heads: count,
  kvHeads: count,
  headDim: count,
  /** Projections that carry a bias. */
  bias: z.enum(['qkv', 'qkvo']).optional(),
  /** Normalisation of queries and keys: one head at a time, or the whole width at once. */
  qkNorm: z.enum(['head', 'width']).optional(),
  /** One learned logit a head that attention may fall into. */
  sinks: z.literal(true).optional(),
  /** A gate on the output, stored beside the queries: doubles the query projection. */
  outputGate: z.literal(true).optional(),
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
});

const gatedDeltaNet = z.strictObject({
  kind: z.literal('gatedDeltaNet'),
  keyHeads: count,
  valueHeads: count,
  keyDim: count,
  valueDim: count,
  convKernel: count,
});

const mamba2 = z.strictObject({
  kind: z.literal('mamba2'),
  heads: count,
  headDim: count,
  stateDim: count,
  groups: count,
  convKernel: count,
});

// Feed-forwards: what a token goes through alone. All are gated: gate, up and down.

const dense = z.strictObject({ kind: z.literal('dense'), intermediateSize: count });

const moe = z
  .strictObject({
    kind: z.literal('moe'),
    experts: count,
    activeExperts: count,
    /** Width of one routed expert. */
    intermediateSize: count,
    /** Biases on the router and on every expert matrix. */
    bias: z.literal(true).optional(),
    /** Experts are chosen within the best groups alone. */
    groups: z.strictObject({ count, active: count }).optional(),
    /** A correction that steers the choice of experts: a buffer, no parameter. */
    routerCorrection: z.literal(true).optional(),
    /** The expert that every token visits; `gate` weighs its output. */
    shared: z.strictObject({ intermediateSize: count, gate: z.literal(true).optional() }).optional(),
  })
  .refine(({ experts, activeExperts }) => activeExperts <= experts, 'more active experts than there are');

export const mixer = z.discriminatedUnion('kind', [full, sliding, chunked, latent, gatedDeltaNet, mamba2]);
export const feedForward = z.discriminatedUnion('kind', [dense, moe]);
const block = z.discriminatedUnion('kind', [
  full,
  sliding,
  chunked,
  latent,
  gatedDeltaNet,
  mamba2,
  dense,
  moe,
]);

/** One layer: names of blocks in sequence; a list inside the list runs side by side on one input. */
const layer = z.array(z.union([z.string().min(1), z.array(z.string().min(1)).min(2)])).min(1);

const vision = z
  .strictObject({
    layers: count,
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

/** Modules that predict further tokens: a projection of two hidden states, then one layer. */
const mtp = z.strictObject({
  modules: count,
  layer,
  /** The module brings its own embedding table and head. */
  ownEmbedding: z.literal(true).optional(),
});

const ropeScaling = z.strictObject({
  kind: z.enum(['llama3', 'yarn', 'linear']),
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
    activation: z.enum(['silu', 'gelu', 'swigluoai']).optional(),
    norm: z.strictObject({
      epsilon: z.number().positive(),
      /** `sandwich`: before and after every block. */
      placement: z.enum(['pre', 'sandwich']).optional(),
    }),
    /** Absent: no layer sees positions by rotation. */
    rope: z
      .strictObject({ theta: z.number().positive(), dim: count.optional(), scaling: ropeScaling.optional() })
      .optional(),
    blocks: z.record(z.string().regex(/^[a-z][a-zA-Z0-9]*$/), block),
    /** Runs of repeated patterns of layers, first layer first. */
    layers: z.array(z.strictObject({ repeat: count.optional(), pattern: z.array(layer).min(1) })).min(1),
    /** Single layers that differ from the runs, by their number from 0. */
    exceptions: z
      .array(z.strictObject({ layers: z.array(z.number().int().nonnegative()).min(1), use: layer }))
      .optional(),
    mtp: mtp.optional(),
    vision: vision.optional(),
  })
  .refine(
    ({ vocabSize, paddingRows = 0 }) => paddingRows < vocabSize,
    'more padding rows than the vocabulary has',
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
  /** Releases with the same geometry that hold another number of tokens. */
  variants: z.array(z.strictObject({ hubIds: z.array(hubId).min(1), nativeContext: count })).optional(),
  /** Weight format of the released checkpoint. */
  releasedFormat: z.enum(['BF16', 'FP16', 'FP8-block', 'MXFP4']).optional(),
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
export type Vision = z.infer<typeof vision>;
/** A model whose geometry is at hand. */
export type Model = Omit<ModelFile, 'architecture' | 'id'> & { id: string; architecture: Architecture };
