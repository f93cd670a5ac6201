import type { Architecture, Block, Layer, Model } from '../../schema/model.js';

/** One layer as its blocks in sequence; blocks in a list of their own run side by side. */
export type LayerBlocks = readonly (Block | readonly Block[])[];

type Run = Architecture['layers'][number];

/** What an adapter reads out of a config: a spec's geometry with its layers written out. */
export interface Geometry
  extends Pick<
    Architecture,
    | 'hiddenSize'
    | 'vocabSize'
    | 'norm'
    | 'rope'
    | 'activation'
    | 'paddingRows'
    | 'tiedEmbeddings'
    | 'headBias'
    | 'extraRows'
    | 'layerEmbedding'
    | 'residualStreams'
    | 'checkpointEvery'
    | 'vision'
    | 'towers'
  > {
  readonly layers: readonly LayerBlocks[];
  readonly mtp?: { readonly modules: number; readonly layer: LayerBlocks; readonly ownEmbedding?: true };
  /** Tokens that one sequence may hold. */
  readonly contextTokens: number;
  /** What the reader of a plan should know of the import. */
  readonly notes?: Model['importNotes'];
}

/** What a block is called in a spec; a second one of the same name gets a number. */
const NAMES: Partial<Record<Block['kind'], string>> = {
  full: 'attention',
  sliding: 'local',
  chunked: 'local',
  latent: 'attention',
  shared: 'attention',
  gatedDeltaNet: 'linear',
  kda: 'linear',
  lightning: 'linear',
  mamba1: 'mamba',
  mamba2: 'mamba',
};

/** Patterns longer than this are not looked for. */
const LONGEST_PATTERN = 24;

/**
 * Writes a geometry as a spec does: every different block once, under a name, and runs of repeated patterns.
 *
 * @example architectureOf('llama', geometry).layers // [{ repeat: 32, pattern: [['attention', 'dense']] }]
 */
export function architectureOf(type: string, geometry: Geometry): Architecture {
  const { layers, mtp, contextTokens: _context, notes: _notes, ...rest } = geometry;
  const blocks: Record<string, Block> = {};
  const named = new Map<string, string>();
  const nameOf = (block: Block): string => {
    const key = JSON.stringify(block);
    const name = named.get(key) ?? freeName(NAMES[block.kind] ?? block.kind, blocks);
    named.set(key, name);
    blocks[name] = block;
    return name;
  };
  const written = (layer: LayerBlocks): Layer =>
    layer.map((step) => ('kind' in step ? nameOf(step) : step.map(nameOf)));
  const runs = runsOf(layers.map(written));
  return {
    type,
    ...rest,
    ...(mtp ? { mtp: { ...mtp, layer: written(mtp.layer) } } : {}),
    blocks,
    layers: runs,
  };
}

function freeName(name: string, taken: Readonly<Record<string, Block>>): string {
  if (!Object.hasOwn(taken, name)) return name;
  let number = 2;
  while (Object.hasOwn(taken, `${name}${number}`)) number++;
  return `${name}${number}`;
}

/**
 * Layers as runs: at each place the pattern that, repeated, covers most; the shortest of those.
 *
 * @example runsOf([['a', 'b'], ['a', 'b']]) // [{ repeat: 2, pattern: [['a', 'b']] }]
 */
function runsOf(layers: readonly Layer[]): Run[] {
  const keys = layers.map((layer) => JSON.stringify(layer));
  const runs: Run[] = [];
  for (let start = 0; start < layers.length; ) {
    const { length, repeat } = bestPattern(keys, start);
    const pattern = layers.slice(start, start + length);
    const last = runs.at(-1);
    if (repeat === 1 && last && last.repeat === undefined) last.pattern.push(...pattern);
    else runs.push(repeat === 1 ? { pattern } : { repeat, pattern });
    start += length * repeat;
  }
  return runs;
}

function bestPattern(keys: readonly string[], start: number): { length: number; repeat: number } {
  let best = { length: 1, repeat: 1 };
  for (let length = 1; length <= Math.min(LONGEST_PATTERN, (keys.length - start) / 2); length++) {
    let end = start + length;
    while (end < keys.length && keys[end] === keys[end - length]) end++;
    const repeat = Math.floor((end - start) / length);
    const covers = best.repeat === 1 ? 0 : best.length * best.repeat;
    if (repeat > 1 && length * repeat > covers) best = { length, repeat };
  }
  return best;
}
