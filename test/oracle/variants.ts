// Models that nobody made: the architectures of the catalogue in other shapes.
import type { Architecture, Block, Model } from '../../src/schema/model.js';
import type { Random } from './random.js';

type BlockOf<K extends Block['kind']> = Extract<Block, { kind: K }>;
type Attention = BlockOf<'full' | 'sliding' | 'chunked'>;

type Inner = Readonly<Partial<Record<'dense' | 'moe', number>>>;

/** What all blocks of a variant share. */
interface Shape {
  readonly hiddenSize: number;
  readonly queryRank: number;
  readonly heads: Pick<Attention, 'heads' | 'kvHeads' | 'headDim'>;
  readonly window: number;
  /** Experts of all layers, but for what a layer has of its own. */
  readonly experts?: BlockOf<'moe'>;
  /** How wide feed-forwards are, where the loader does not take any width. */
  readonly inner: Inner;
  readonly extras: Extras;
}

/** What a model of an architecture may have or not have. */
interface Extras {
  readonly tiedEmbeddings?: true;
  readonly bias?: 'qkv' | 'qkvo';
  readonly qkNorm?: 'head';
  readonly denseBias?: true;
  /** Heads of full layers are so many times as wide as those with a window, and in other groups. */
  readonly fullTimes?: number;
}

/**
 * A model of the same architecture with other sizes, as a spec file holds it.
 *
 * @example drawVariant(randomFrom(7), llama8b).architecture.hiddenSize // 1856
 */
export function drawVariant(random: Random, model: Model): Omit<Model, 'id'> {
  const { architecture } = model;
  const heads = drawHeads(random, architecture.type);
  const hiddenSize = SQUARE.has(architecture.type) ? heads.heads * heads.headDim : 64 * random.scaled(4, 128);
  const inner = INNER[architecture.type]?.(random, hiddenSize) ?? {};
  const experts = Object.values(architecture.blocks).find((block) => block.kind === 'moe');
  const shape: Shape = {
    hiddenSize,
    heads,
    ...(experts && { experts: drawExperts(random, experts, inner) }),
    inner,
    queryRank: 64 * random.whole(1, 24),
    window: random.scaled(16, 8192),
    extras: EXTRAS[architecture.type]?.(random) ?? {},
  };
  const { tiedEmbeddings: _, mtp, vision: __, ...kept } = relaid(random, architecture);
  const vocabSize = (architecture.paddingRows ?? 0) + random.scaled(256, 300_000);
  return {
    name: `A variant of ${model.name}`,
    context: { native: random.scaled(1024, 1 << 20) },
    architecture: {
      ...kept,
      hiddenSize: shape.hiddenSize,
      vocabSize,
      ...(kept.layerEmbedding && { layerEmbedding: { ...kept.layerEmbedding, vocabSize } }),
      ...((shape.extras.tiedEmbeddings ?? TIED.has(architecture.type)) && { tiedEmbeddings: true }),
      ...(kept.rope && { rope: ropeOf(kept.rope, shape) }),
      blocks: Object.fromEntries(
        Object.entries(kept.blocks).map(([name, block]) => [name, redrawn(random, block, shape)]),
      ),
      layers: kept.layers.map((run) => ({ ...run, repeat: repeatsOf(random, kept, run) })),
      ...(mtp && random.chance(0.5) && { mtp }),
    },
    sources: [
      { facts: ['architecture', 'context'], from: 'test/oracle, drawn at random', date: '2026-11-25' },
    ],
  };
}

/** Architectures whose embedding is always the output matrix. */
const TIED = new Set(['gemma', 'gemma2', 'gemma3', 'gemma3_text', 'cohere', 'cohere2']);

/** Architectures whose queries are as wide as the hidden state. */
const SQUARE = new Set([
  ...['qwen', 'qwen2', 'qwen2_vl', 'qwen2_5_vl', 'phi3', 'olmo2', 'olmo3', 'granite', 'cohere', 'cohere2'],
  ...[
    'internlm2',
    'baichuan',
    'chatglm',
    'qwen2_moe',
    'olmoe',
    'bailing_moe_v2',
    'phimoe',
    'dbrx',
    'arctic',
    'grok-1',
    'jamba',
  ],
]);

/** Architectures whose feed-forwards cannot be of any width. */
const INNER: Readonly<Record<string, (random: Random, hiddenSize: number) => Inner>> = {
  arctic: (_, hiddenSize) => ({ dense: hiddenSize }),
  jamba: (random) => {
    const width = 32 * random.scaled(4, 200);
    return { dense: width, moe: width };
  },
};

const tied = (random: Random): Extras => (random.chance(0.3) ? { tiedEmbeddings: true } : {});

const biasedOrTied = (random: Random): Extras => ({
  ...tied(random),
  ...(random.chance(0.5) && { bias: 'qkv' }),
});

const likeLlama = (random: Random): Extras => ({
  ...tied(random),
  ...(random.chance(0.3) && { bias: random.pick(['qkv', 'qkvo']) }),
  ...(random.chance(0.3) && { denseBias: true }),
});

/** What `src/models/*.cpp:load_arch_tensors` does not require, by the type of the config. */
const EXTRAS: Readonly<Record<string, (random: Random) => Extras>> = {
  llama: likeLlama,
  mistral: likeLlama,
  ministral3: likeLlama,
  mistral3: likeLlama,
  mixtral: tied,
  llama4: tied,
  qwen3: tied,
  qwen3_moe: tied,
  qwen3_next: tied,
  qwen2: tied,
  qwen2_vl: tied,
  qwen2_5_vl: tied,
  glm4: biasedOrTied,
  phi3: tied,
  granite: likeLlama,
  seed_oss: biasedOrTied,
  ernie4_5: tied,
  exaone: tied,
  chatglm: biasedOrTied,
  qwen3_5: tied,
  qwen3_5_text: tied,
  qwen3_5_moe: tied,
  qwen3_5_moe_text: tied,
  glm4_moe: (random) => ({ ...tied(random), ...(random.chance(0.5) && { qkNorm: 'head' }) }),
  nemotron_h: likeLlama,
  gemma4: (random) => ({ ...tied(random), fullTimes: random.pick([1, 2]) }),
  granitemoehybrid: tied,
  qwen3_vl: tied,
  qwen3_vl_moe: tied,
  deepseek_v2: tied,
  deepseek_v32: tied,
  glm_moe_dsa: tied,
  glm4_moe_lite: tied,
  ernie4_5_moe: biasedOrTied,
  granitemoe: (random) => ({
    ...tied(random),
    ...(random.chance(0.3) && { bias: random.pick(['qkv', 'qkvo']) }),
  }),
  hunyuan_v1_moe: biasedOrTied,
  afmoe: tied,
  laguna: tied,
  'grok-1': biasedOrTied,
};

/** The architecture with its layers in another order, where the engine reads that order from the file. */
function relaid(random: Random, architecture: Architecture): Architecture {
  return RELAID[architecture.type]?.(random, architecture) ?? architecture;
}

type Relay = (random: Random, architecture: Architecture) => Architecture;

/** Full attention after some delta nets. */
const relaidQwen: Relay = (random, architecture) => {
  const feedForward = architecture.blocks.moe ? 'moe' : 'dense';
  const linear = Array.from({ length: random.whole(1, 5) }, () => ['linear', feedForward]);
  return { ...architecture, layers: [{ repeat: 12, pattern: [...linear, ['attention', feedForward]] }] };
};

const RELAID: Readonly<Record<string, Relay>> = {
  afmoe: (_, architecture) => {
    const turn = (feedForward: string) =>
      ['local', 'local', 'local', 'attention'].map((mixer) => [mixer, feedForward]);
    return { ...architecture, layers: [{ pattern: turn('dense') }, { repeat: 5, pattern: turn('moe') }] };
  },
  qwen3_next: relaidQwen,
  qwen3_5: relaidQwen,
  qwen3_5_text: relaidQwen,
  qwen3_5_moe: relaidQwen,
  qwen3_5_moe_text: relaidQwen,
  granitemoehybrid: (random, { rope: _, ...architecture }) => {
    const { attention, mamba, moe } = architecture.blocks;
    const turns = random.chance(0.5);
    const feedForward = random.chance(0.3) ? ({ kind: 'dense', intermediateSize: 1024 } as const) : moe!;
    const mixers = Array.from({ length: random.whole(2, 9) }, () =>
      random.chance(0.3) ? 'attention' : 'mamba',
    );
    const { rope: __, ...turning } = attention as BlockOf<'full'>;
    return {
      ...architecture,
      ...(turns && { rope: { theta: 10_000 } }),
      blocks: { attention: turns ? turning : attention!, mamba: mamba!, inner: feedForward },
      layers: [{ repeat: 4, pattern: ['mamba', 'attention', ...mixers].map((mixer) => [mixer, 'inner']) }],
    };
  },
};

function drawHeads(random: Random, type: string): Shape['heads'] {
  const kvHeads = random.whole(1, 8);
  return {
    heads: type === 'qwen' ? kvHeads : kvHeads * random.whole(1, 8),
    kvHeads,
    headDim: random.pick([32, 64, 80, 96, 128, 128, 192, 256]),
  };
}

/** As many heads of queries, of another width and in other groups; the same in every layer of the kind. */
const otherHeads = (times: number, { heads, kvHeads, headDim }: Shape['heads']): Partial<Shape['heads']> => ({
  kvHeads: heads % 2 === 0 ? heads / 2 : kvHeads,
  headDim: times * headDim,
});

function ropeOf(rope: NonNullable<Architecture['rope']>, { heads }: Shape): Architecture['rope'] {
  return rope.dim ? { ...rope, dim: heads.headDim / 2 } : rope;
}

/** The engine's last layer cannot be one that adds a part of a wider embedding. */
const AFTER_DEEPSTACK = 4;

/** Some layers; with 26 or 27 of them, latent attention is that without a rank for queries, and only with them. */
function repeatsOf(random: Random, architecture: Architecture, run: Architecture['layers'][number]): number {
  const most = Math.min(run.repeat ?? 1, Math.ceil(24 / run.pattern.length));
  const latent = Object.values(architecture.blocks).find(({ kind }) => kind === 'latent');
  if (!latent) return random.scaled(Math.min(most, architecture.towers ? AFTER_DEEPSTACK : 1), most);
  return 'queryRank' in latent ? random.scaled(1, Math.min(most, 12)) : (run.repeat ?? 1);
}

type Redraw<K extends Block['kind']> = (random: Random, block: BlockOf<K>, shape: Shape) => BlockOf<K>;

/** Kinds without a line stay as they are. */
const REDRAWS: { readonly [K in Block['kind']]?: Redraw<K> } = {
  full: (_, block, { heads, extras }) => ({
    ...block,
    ...heads,
    ...(extras.fullTimes && otherHeads(extras.fullTimes, heads)),
    ...attentionExtras(extras),
  }),
  sliding: (_, block, { heads, extras, window }) => ({
    ...block,
    ...heads,
    ...attentionExtras(extras),
    window,
  }),
  // The window of chunked layers is built into the engine.
  chunked: (_, block, { heads }) => ({ ...block, ...heads }),
  latent: (random, block, { queryRank, heads: { heads } }) => ({
    ...block,
    heads,
    ...(block.queryRank && { queryRank }),
    kvRank: 64 * random.whole(1, 10),
    nopeDim: 32 * random.whole(1, 6),
    ropeDim: random.pick([32, 64]),
    valueDim: 32 * random.whole(1, 6),
  }),
  indexer: (random, block, { queryRank, heads: { kvHeads, headDim } }) => {
    const { blockTokens } = block;
    return {
      ...block,
      ...(block.queryRank && { queryRank }),
      ...(blockTokens
        ? { heads: kvHeads, headDim }
        : { heads: random.whole(1, 64), headDim: random.pick([64, 128]) }),
      chosenTokens: blockTokens ? blockTokens * random.whole(1, 64) : random.scaled(1, 8192),
    };
  },
  gatedDeltaNet: (random, block) => {
    const keyHeads = random.whole(1, 16);
    const dim = random.pick([64, 128]);
    return { ...block, keyHeads, valueHeads: keyHeads * random.pick([1, 2, 4]), keyDim: dim, valueDim: dim };
  },
  kda: (random, block, { heads: { heads } }) => ({ ...block, heads, headDim: random.pick([64, 128]) }),
  shared: (random, block, { heads: { headDim }, queryRank, window }) => {
    const outputGroups = random.pick([1, 2, 4, 8]);
    return {
      ...block,
      ...{ outputGroups, queryRank, window },
      heads: outputGroups * random.whole(1, 8),
      headDim: Math.max(headDim, 64),
      outputRank: 64 * random.whole(1, 16),
    };
  },
  compressor: (_, block, { heads: { headDim } }) => ({ ...block, headDim: Math.max(headDim, 64) }),
  lightning: (_, block, { heads: { heads, headDim } }) => ({ ...block, heads, headDim }),
  mamba1: (random, block, { hiddenSize }) => ({
    ...block,
    innerSize: 2 * hiddenSize,
    stateDim: random.pick([16, 32, 64]),
    timeRank: 32 * random.whole(1, 10),
  }),
  // `src/models/granite-hybrid.cpp`: the inner width is twice the hidden size.
  mamba2: (random, block, { hiddenSize }) => {
    const headDim = random.pick([32, 64]);
    return { ...block, headDim, heads: (2 * hiddenSize) / headDim, stateDim: random.pick([64, 128]) };
  },
  dense: (random, block, { extras, inner }) => ({
    ...block,
    intermediateSize: inner.dense ?? 32 * random.scaled(4, 900),
    ...(extras.denseBias && { bias: true }),
  }),
  moe: (_, block, { experts }) => ({
    ...experts!,
    clamped: block.clamped,
    tokenTable: block.tokenTable,
    routerCorrection: block.routerCorrection,
    shared: block.shared && { ...block.shared, intermediateSize: experts!.shared!.intermediateSize },
  }),
};

const redrawn = (random: Random, block: Block, shape: Shape): Block =>
  (REDRAWS[block.kind] as Redraw<Block['kind']> | undefined)?.(random, block, shape) ?? block;

const attentionExtras = ({ bias, qkNorm }: Extras) => ({ ...(bias && { bias }), ...(qkNorm && { qkNorm }) });

/**
 * The engine's graph has room for eight operations a tensor (`graph_max_nodes`), and each active expert takes two: a
 * variant has no more of them than its model, or these.
 */
const LEAST_ACTIVE = 4;

/** The shared expert stays as many times as wide as a routed one. */
function drawExperts(random: Random, block: BlockOf<'moe'>, inner: Inner): BlockOf<'moe'> {
  const { groups, shared } = block;
  const inGroup = random.whole(2, 24);
  const experts = groups ? groups.count * inGroup : random.scaled(2, 256);
  const choosable = groups ? groups.active * inGroup : experts;
  const intermediateSize = inner.moe ?? 32 * random.scaled(2, 300);
  const times = shared ? shared.intermediateSize / block.intermediateSize : 0;
  return {
    ...block,
    experts,
    activeExperts: random.whole(1, Math.min(choosable, Math.max(block.activeExperts, LEAST_ACTIVE))),
    intermediateSize,
    ...(shared && { shared: { ...shared, intermediateSize: times * intermediateSize } }),
  };
}
