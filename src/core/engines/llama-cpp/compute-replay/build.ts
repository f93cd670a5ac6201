import { stackOf } from '../../../tensors/stack.js';
import { expand, type Graph, newGraph } from './graph.js';
import { type Sizes, type Structure, sizesOf } from './graph-facts.js';
import {
  type BlockInputs,
  blockInputs,
  type CacheInputs,
  type CompressingInputs,
  cacheInputs,
  compressingInputs,
  type DecayInputs,
  decayInputs,
  type IndexerInputs,
  indexerInputs,
} from './inputs.js';
import { once } from './once.js';
import { add, input, layerNorm, mul, mulMat, rmsNorm, view } from './ops.js';
import { type Size, scaled } from './size.js';
import { shape, type Tensor, tensor } from './tensor.js';
import { findWeight } from './weights.js';

/** A graph under construction. */
export interface Build extends Structure {
  readonly graph: Graph;
  readonly sizes: Sizes;
  readonly tokenIds: () => Tensor;
  readonly positions: () => Tensor;
  readonly positionScale: () => Tensor;
  readonly outputIds: () => Tensor;
  readonly cacheInputs: (windowed: boolean) => CacheInputs;
  readonly indexerInputs: () => IndexerInputs;
  readonly decayInputs: () => DecayInputs;
  readonly blockInputs: () => BlockInputs;
  readonly compressingInputs: () => CompressingInputs;
  /** Cells that the last indexer chose. */
  chosenCells: Tensor | undefined;
  /** Hidden states that were kept, as `[hiddenSize, kept, tokens]`. */
  checkpoints: Tensor | undefined;
  /** Rows of recurrent state that the sequences read, and those that only move. */
  readonly stateIds: () => { readonly main: Tensor; readonly extra: Tensor };
  /** The layer whose cache others share, with a window or without: `src/llama-model.cpp:create_memory`. */
  readonly sharedLayer: (windowed: boolean) => number;
  /** A weight of a layer, or of none, that may be absent. */
  readonly find: (name: string, layer?: number) => Tensor | undefined;
}

export function newBuild(structure: Structure): Build {
  const { family } = structure;
  const sizes = sizesOf(structure);
  const { tokens, rows, sequences } = sizes;
  const full = once(() => cacheInputs(structure, sizes, false));
  const windowed = once(() => cacheInputs(structure, sizes, true));
  return {
    ...structure,
    graph: newGraph(),
    sizes,
    tokenIds: once(() => input('inp_tokens', 'I32', [tokens])),
    positions: once(() => input('inp_pos', 'I32', [scaled(tokens, family.positionsPerToken ?? 1)])),
    positionScale: once(() => input('inp_attn_scale', 'F32', [1, 1, tokens])),
    outputIds: once(() => input('out_ids', 'I32', [rows])),
    cacheInputs: (inWindow) => (inWindow ? windowed() : full()),
    blockInputs: once(() => blockInputs(structure, sizes, full().mask)),
    compressingInputs: once(() => compressingInputs(structure, sizes)),
    decayInputs: once(() => decayInputs(structure, sizes)),
    indexerInputs: once(() => indexerInputs(structure, sizes)),
    chosenCells: undefined,
    checkpoints: undefined,
    stateIds: once(() => stateIds(sequences)),
    sharedLayer: (inWindow) => firstSharing(structure) - (inWindow ? 2 : 1),
    find: finder(structure),
  };
}

const firstSharing = ({ architecture }: Structure): number =>
  stackOf(architecture).findIndex((steps) => steps.flat().some((block) => 'sharedKv' in block));

/** A weight that must be there. */
export function weight(build: Build, name: string, layer?: number): Tensor {
  const found = build.find(name, layer);
  if (!found) throw new RangeError(`the graph needs ${name} in layer ${layer}`);
  return found;
}

/** Root mean square norm, or one that subtracts the mean too, with weights and perhaps biases: `src/llama-graph.cpp:build_norm`. */
export function norm(build: Build, a: Tensor, name: string, layer?: number): Tensor {
  const out = mul(build.family.layerNorms ? layerNorm(a) : rmsNorm(a), weight(build, name, layer));
  const bias = build.find(name.replace(/weight$/, 'bias'), layer);
  return bias ? add(out, bias) : out;
}

/** Product with a matrix, and its bias where there is one. */
export function project(build: Build, cur: Tensor, name: string, layer: number): Tensor {
  const out = mulMat(weight(build, `${name}.weight`, layer), cur);
  const bias = build.find(`${name}.bias`, layer);
  return bias ? add(out, bias) : out;
}

export const put = (build: Build, a: Tensor): Tensor => expand(build.graph, a);

function finder({ weights, deviceOfWeight }: Structure): Build['find'] {
  const byLayer = new Map<number | undefined, Map<string, Tensor | undefined>>();
  return (name, layer) => {
    let made = byLayer.get(layer);
    if (!made) {
      made = new Map();
      byLayer.set(layer, made);
    }
    if (made.has(name)) return made.get(name);
    const found = findWeight(weights, name, layer);
    const leaf =
      found &&
      tensor('NONE', found.type, shape(found.ne), [], {
        name: layer === undefined ? name : `blk.${layer}.${name}`,
        place: deviceOfWeight({ ...found, name }, layer),
        weight: true,
      });
    made.set(name, leaf);
    return leaf;
  };
}

/** `src/llama-graph.cpp:build_rs_inp_impl`; a full memory has as many rows as sequences. */
function stateIds(sequences: Size): { main: Tensor; extra: Tensor } {
  const ids = input('rs_s_copy', 'I32', [sequences]);
  return { main: view(ids, [sequences]), extra: view(ids, [0]) };
}
