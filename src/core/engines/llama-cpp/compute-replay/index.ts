import type { Estimate } from '../../../estimate.js';
import { FAMILIES } from '../families.js';
import { isPipeline, PIPELINE_COPIES, type Placement } from '../placement.js';
import type { PreparedModel } from '../prepare.js';
import type { Settings } from '../settings.js';
import { type CompiledPrograms, compile, dimensionsOf } from './compile.js';
import { GRAPH_FAMILIES } from './families.js';
import { replay } from './replay.js';
import { productValues } from './size.js';
import { programKey } from './structure.js';

export { computePeaks } from './peak.js';

/** The compute buffers of every card in order, and of the host. */
export interface ComputeBuffers {
  readonly cards: readonly Estimate[];
  readonly host: Estimate;
}

/** Programs compiled for a model in any weight format, by what they depend on. The owner of the model holds them. */
export type Programs = Map<string, CompiledPrograms>;

const FLOAT = 4;

/** Whether the graph of a model is known. */
export const canReplay = ({ architectureName }: PreparedModel): boolean =>
  Object.hasOwn(GRAPH_FAMILIES, architectureName);

/**
 * The compute buffers of every device, to the byte: a replay of the engine's graph, scheduler and allocator.
 *
 * `bytes` is what the engine's own planner says (`llama-fit-params`). `low` takes back what the planner counts and a
 * run never allocates: copies of a norm on every card of a pipeline but the first. `high` adds what CUDA keeps for
 * fused kernels (a card may also need less for them), and what graphs take that a run allocates later.
 * Source: `src/llama-context.cpp:sched_reserve` and the functions that the files of this folder name.
 *
 * @returns bytes of each card in order, and of the host
 * @example computeByReplay(llama8b, settings, oneCard).cards[0].bytes // 271056896 for 8192 tokens and logits of a ubatch
 */
export function computeByReplay(
  model: PreparedModel,
  settings: Settings,
  placement: Placement,
): ComputeBuffers {
  const programs = programsFor(model, settings, placement);
  const values = productValues(dimensionsOf(model, settings));
  const planned = replay(programs.planned, values);
  const fused = programs.fused ? replay(programs.fused, values) : planned;
  const later = laterValues(model, settings).map((others) => replay(programs.planned, others));
  const uncounted = isPipeline(placement) ? normCopies(model, settings) : 0;
  const host = placement.cards.length;
  const estimates = planned.map((bytes, device): Estimate => {
    const isLaterCard = device > 0 && device < host && bytes > 0;
    const run = isLaterCard ? bytes - uncounted : bytes;
    return {
      bytes,
      low: Math.min(run, fused[device]!),
      high: Math.max(bytes, fused[device]!, ...later.map((of) => of[device]!)),
    };
  });
  return { cards: estimates.slice(0, host), host: estimates[host]! };
}

/** Graphs that a run allocates after the planned one: of one sequence, and of a full cache whose blocks are chosen. */
function laterValues(model: PreparedModel, settings: Settings): Float64Array[] {
  const { reservesForOne, indexers } = FAMILIES[model.architectureName] ?? {};
  const ofOne = () => ({ ...settings, sequences: 1, streams: 1, ubatchTokens: settings.ubatch });
  return [
    ...(reservesForOne ? [dimensionsOf(model, ofOne())] : []),
    ...(indexers === 'ofBlocks' ? [dimensionsOf(model, settings, settings.contextPerSequence)] : []),
  ].map(productValues);
}

function programsFor(model: PreparedModel, settings: Settings, placement: Placement): CompiledPrograms {
  const key = programKey(model, settings, placement);
  const known = model.programs.get(key);
  if (known) return known;
  const programs = compile({ model, settings, placement });
  model.programs.set(key, programs);
  return programs;
}

/**
 * The planner lets the first norm of a card run on the card before, so that its result is copied over too; a run
 * forces it back: `src/llama-context.cpp:graph_get_cb`, forgotten by `ggml_backend_sched_reserve_size`.
 */
const normCopies = ({ model }: PreparedModel, { ubatchTokens }: Settings): number =>
  PIPELINE_COPIES * FLOAT * ubatchTokens * model.architecture.hiddenSize;
