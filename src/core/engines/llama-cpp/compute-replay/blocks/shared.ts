import type { Block, Mixer } from '../../../../../schema/model.js';
import { RUNS } from '../../families.js';
import { type Build, norm, put, weight } from '../build.js';
import { concat, cont, mulMat, permute, reshape, rmsNorm, rope, scale, view } from '../ops.js';
import type { Size } from '../size.js';
import type { Tensor } from '../tensor.js';
import { mixHeads } from './attention.js';
import { cache, storeRows, turnedBy } from './caches.js';
import { type Compressor, compress } from './compressor.js';
import { bestScored, maskOfChosen } from './indexer.js';

type Shared = Extract<Block, { kind: 'shared' }>;
type Indexer = Extract<Block, { kind: 'indexer' }>;

/** Cells that attention sees beside its window. */
interface Seen {
  readonly keys: Tensor;
  readonly mask: Tensor;
}

/**
 * Attention over one key that is the value too, in a window and over compressed entries: `src/models/deepseek4.cpp`.
 */
export function shared(
  build: Build,
  block: Shared,
  cur: Tensor,
  layer: number,
  beside: readonly Mixer[],
): Tensor {
  const { heads, headDim, outputGroups, outputRank } = block;
  const { tokens } = build.sizes;
  const matrix = (name: string) => weight(build, `${name}.weight`, layer);
  const compressed = norm(build, mulMat(matrix('attn_q_a'), cur), 'attn_q_a_norm.weight', layer);
  const split = reshape(mulMat(matrix('attn_q_b'), compressed), [headDim, heads, tokens]);
  const q = rope(rmsNorm(split), build.positions());
  const key = norm(build, mulMat(matrix('attn_kv'), cur), 'attn_kv_a_norm.weight', layer);
  const k = rope(reshape(key, [headDim, 1, tokens]), build.positions());

  const seen = entriesSeen(build, block, { cur, compressed, beside }, layer);
  const mixed = attend(build, block, { q, k, seen }, layer);
  const turnedBack = rope(reshape(mixed, [headDim, heads, tokens]), build.positions());
  const groupDim = (heads / outputGroups) * headDim;
  const byGroup = permute(reshape(turnedBack, [groupDim, outputGroups, tokens]));
  // The loader shapes the matrix that is in the file as one by groups.
  const narrow = reshape(matrix('attn_output_a'), [groupDim, outputRank, outputGroups]);
  const narrowed = cont(permute(mulMat(narrow, byGroup)), [outputRank * outputGroups, tokens]);
  return mulMat(matrix('attn_output_b'), narrowed);
}

interface States {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly seen: Seen | undefined;
}

function attend(build: Build, { headDim }: Shared, { q, k, seen }: States, layer: number): Tensor {
  const { windowCells, streams } = build.sizes;
  const { window } = build.compressingInputs();
  const queries = put(build, turnedBy(window.keyTurn, q));
  const key = put(build, turnedBy(window.keyTurn, k));
  const stored = cache(build, 'k', headDim, windowCells, layer);
  put(build, storeRows(build, stored, key, window.keyIndices));
  const recent = view(stored, [headDim, 1, windowCells, streams]);
  const keys = seen ? concat(recent, seen.keys, 2) : recent;
  const mixed = mixHeads(build, {
    q: queries,
    k: keys,
    v: keys,
    mask: seen ? concat(window.mask, seen.mask) : window.mask,
    sinks: weight(build, 'attn_sinks.weight', layer),
    valuesLieTransposed: false,
  });
  return turnedBy(window.keyTurn, mixed);
}

interface Sources {
  readonly cur: Tensor;
  /** The latent of the queries. */
  readonly compressed: Tensor;
  readonly beside: readonly Mixer[];
}

/** Compresses what is new, for attention and for its indexer, and says which entries attention sees. */
function entriesSeen(build: Build, block: Shared, sources: Sources, layer: number): Seen | undefined {
  const { cur, beside } = sources;
  const { entries, blocks, streams } = build.sizes;
  const { short, long } = build.compressingInputs();
  const compressor = beside.find((other) => other.kind === 'compressor');
  if (!compressor) return undefined;
  const isShort = compressor.ratio === RUNS.short;
  const inputs = isShort ? short : long;
  const cells: Size = isShort ? entries : blocks;
  const own = { prefix: 'attn_compressor', run: compressor.ratio, overlaps: isShort } as const;
  const stored = compress(build, { ...own, headDim: block.headDim, inputs, cells }, cur, layer);
  const keys = view(stored, [block.headDim, 1, cells, streams]);
  const indexer = beside.find((other) => other.kind === 'indexer');
  if (!indexer) return { keys, mask: inputs.mask };
  const chosen = chosenEntries(build, indexer, sources, layer);
  return { keys, mask: maskOfChosen(build, inputs.mask, chosen, build.flashAttention ? 'F16' : 'F32') };
}

/** Numbers of the entries that an indexer over compressed keys of its own chooses: `build_lid_top_k`. */
function chosenEntries(build: Build, indexer: Indexer, { cur, compressed }: Sources, layer: number): Tensor {
  const { heads, headDim } = indexer;
  const { tokens, entries, streams, streamTokens } = build.sizes;
  const { index } = build.compressingInputs();
  const compressor: Compressor = {
    prefix: 'indexer_compressor',
    headDim,
    run: RUNS.short,
    overlaps: true,
    inputs: index,
    cells: entries,
  };
  const stored = compress(build, compressor, cur, layer);
  const asked = reshape(mulMat(weight(build, 'indexer.attn_q_b.weight', layer), compressed), [
    headDim,
    heads,
    tokens,
  ]);
  const q = turnedBy(index.turn, rope(asked, build.positions()));
  const weights = scale(mulMat(weight(build, 'indexer.proj.weight', layer), cur));
  const perToken = view(weights, [heads, streamTokens, 1, streams]);
  return bestScored(build, indexer, { q, stored, weights: perToken, mask: index.mask });
}
