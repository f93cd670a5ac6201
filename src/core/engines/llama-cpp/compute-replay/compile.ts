import { type Steps, stackOf } from '../../../tensors/stack.js';
import { RUNS } from '../families.js';
import { compresses } from '../kinds.js';
import { cellsOf, entriesOf } from '../kv-cache.js';
import { isPipeline, PIPELINE_COPIES, type Placement } from '../placement.js';
import type { PreparedModel } from '../prepare.js';
import type { Settings } from '../settings.js';
import { allocations } from './allocator.js';
import { withFusion } from './fusion.js';
import type { Dimensions } from './graph-facts.js';
import { type Cut, cutLayers, uncut } from './layers.js';
import { modelGraph } from './model-graph.js';
import { type Program, programFrom } from './program.js';
import { type Schedule, schedule } from './scheduler.js';
import { evaluated, productValues, type Size, type Variable } from './size.js';
import { borrowsWeights, layerKinds, OFFLOAD_ROWS, openDimensions, structureOf } from './structure.js';
import type { Tensor } from './tensor.js';

/** One graph as the engine plans it, and as CUDA keeps more of it for fused kernels. */
export interface CompiledPrograms {
  readonly planned: Program;
  /** Absent where nothing is fused. */
  readonly fused: Program | undefined;
}

/** What a graph is made of. */
export interface GraphInput {
  readonly model: PreparedModel;
  readonly settings: Settings;
  readonly placement: Placement;
}

/** Only the layers that differ are built; where their events do not repeat as they should, all are. */
export function compile(input: GraphInput): CompiledPrograms {
  const { model, settings, placement } = input;
  const stack = stackOf(model.model.architecture);
  const structure = structureOf(model, settings, placement, openDimensions(model, settings));
  // A borrowed weight starts a split, and what the layer behind needs may come in with it.
  const trailing = borrowsWeights(placement) ? 2 : 1;
  const cut = cutLayers(layerKinds(structure, stack, placement), trailing);
  return compileCut(input, stack, cut) ?? compileCut(input, stack, uncut(stack.length))!;
}

function compileCut(input: GraphInput, stack: readonly Steps[], cut: Cut): CompiledPrograms | undefined {
  const host = input.placement.cards.length;
  const { plan, starts } = scheduled(
    input,
    pick(stack, cut.kept),
    openDimensions(input.model, input.settings),
  );
  const planned = programFrom(allocations(plan, starts), cut.repeats, host);
  const fusedPlan = withFusion(plan, host);
  if (!planned || fusedPlan === plan) return planned && { planned, fused: undefined };
  const fused = programFrom(allocations(fusedPlan, starts), cut.repeats, host);
  return fused && { planned, fused };
}

const pick = (stack: readonly Steps[], layers: readonly number[]) =>
  layers.map((layer) => ({ layer, steps: stack[layer]! }));

/** Layers with their numbers in the file. */
type Layers = ReturnType<typeof pick>;

/** Every layer of a model. */
export const allLayers = (stack: readonly Steps[]): Layers => pick(stack, uncut(stack.length).kept);

/** The graph of some layers on its devices, and the hidden state that each layer begins with. */
export function scheduled(
  { model, settings, placement }: GraphInput,
  layers: Layers,
  dimensions: Dimensions,
): { plan: Schedule; starts: readonly Tensor[] } {
  const graph = modelGraph(structureOf(model, settings, placement, dimensions), layers);
  const values = productValues(dimensionsOf(model, settings));
  const worthOffload = (rows: Size): boolean => settings.opOffload && evaluated(rows, values) >= OFFLOAD_ROWS;
  const copies = isPipeline(placement) ? PIPELINE_COPIES : 1;
  const machine = { host: placement.cards.length, copies, worthOffload };
  return { plan: schedule(graph, machine), starts: graph.starts };
}

/** Positions of an empty cache, as which the one of a reserved graph is taken: `src/llama-kv-cache-msa.cpp:get_n_pos`. */
const POSITIONS = 256;

/**
 * What a request says about the sizes of its graph.
 *
 * @param positions that the cache has seen, where blocks of them are chosen
 */
export function dimensionsOf(
  { caches, blocks }: PreparedModel,
  settings: Settings,
  positions = POSITIONS,
): Record<Variable, number> {
  const { ubatchTokens, sequences, outputRows, contextPerSequence } = settings;
  const indexer = blocks.find((block) => block.kind === 'indexer');
  const { chosenTokens = 0, blockTokens = 1, ratio } = indexer ?? {};
  const isCompressed = compresses(blocks);
  const entries = isCompressed ? entriesOf(RUNS.short, settings) : 0;
  const positionBlocks = Math.ceil((indexer?.blockTokens ? positions : contextPerSequence) / blockTokens);
  let windowCells = 0;
  for (const { cache } of caches) {
    if (cache.grows && cache.window !== undefined) windowCells = cellsOf(cache, settings);
  }
  return {
    sequenceTokens: ubatchTokens / sequences,
    seenTokens: ubatchTokens / sequences,
    sequences,
    rows: outputRows,
    cells: contextPerSequence,
    windowCells,
    entries,
    blocks: isCompressed ? entriesOf(RUNS.long, settings) : positionBlocks,
    chosen: Math.min(ratio ? entries : positionBlocks, chosenTokens / blockTokens),
  };
}
