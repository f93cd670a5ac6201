import { InputError } from '../../../errors.js';
import type { Estimate } from '../../estimate.js';
import type { ResolvedRequest } from '../../request.js';
import type { Role } from '../../tensors/index.js';
import type { Accuracy, DeviceUse, EngineRules, EngineUse } from '../index.js';
import { computeByLaw } from './compute-law.js';
import { type ComputeBuffers, canReplay, computeByReplay } from './compute-replay/index.js';
import { devicesOf } from './devices.js';
import { explain } from './explain.js';
import { llamaCppFlags } from './flags.js';
import { cacheBytes } from './kv-cache.js';
import { notesOf } from './notes.js';
import { OPTIONS, readOptions } from './options.js';
import type { Placement, Run } from './placement.js';
import { type BufferKind, type OutsideTensor, type PreparedModel, prepare } from './prepare.js';
import { type Settings, settingsOf } from './settings.js';

const LOGIT_BYTES = 4;

/** llama.cpp as a rule set: `docs/formulas.md` has every rule with its source. */
export const llamaCpp: EngineRules<PreparedModel> = {
  options: OPTIONS,
  readOptions,
  prepare,
  use,
  explain,
  flags: llamaCppFlags,
};

/** What the engine allocates on every device for a request. */
function use(prepared: PreparedModel, request: ResolvedRequest, accuracy: Accuracy): EngineUse {
  const settings = settingsOf(request, prepared);
  const { cards, backend, runtimes, placement } = devicesOf(request, prepared);
  const compute = computeBuffers(prepared, settings, placement, accuracy);
  const kind: BufferKind = backend === 'cuda' ? 'cuda' : 'host';
  const scale = request.fileBytes ? request.fileBytes / prepared.fileBytes : 1;

  const onCards = cards.map((card, index): DeviceUse => {
    const run = placement.cards[index]!;
    return {
      id: `gpu${index}`,
      gpu: card.gpu,
      device: card,
      weights: scaled(cardWeights(prepared, placement, { index, run, kind }), scale),
      kvCache: cacheBytes(prepared.caches, settings, run, kind),
      compute: compute.cards[index]!,
      output: 0,
      runtime: runtimes[index]!,
    };
  });
  const host: DeviceUse = {
    id: 'host',
    gpu: null,
    weights: scaled(hostWeights(prepared, placement), scale),
    kvCache: cacheBytes(prepared.caches, settings, placement.host, 'host'),
    compute: compute.host,
    output: outputBytes(prepared, settings),
    runtime: { bytes: 0, low: 0, high: 0 },
  };
  return {
    devices: [...onCards, host],
    contextTokens: contextOf(settings, request),
    backend,
    notes: notesOf(prepared, request, settings),
  };
}

/** The engine's own figures where its graph is known, else a law with a range. */
function computeBuffers(
  prepared: PreparedModel,
  settings: Settings,
  placement: Placement,
  accuracy: Accuracy,
): ComputeBuffers {
  if (accuracy === 'exact' && canReplay(prepared)) return computeByReplay(prepared, settings, placement);
  const law = computeByLaw(prepared, settings, placement);
  return accuracy === 'exact' ? law : { cards: law.cards.map(atMost), host: atMost(law.host) };
}

const atMost = ({ low, high }: Estimate): Estimate => ({ bytes: high, low, high });

/**
 * What one sequence may hold: what was asked, or its part of a context given for all together.
 *
 * @throws InputError `contradiction` where both were given and differ
 */
function contextOf(settings: Settings, { options, contextTokens }: ResolvedRequest): number {
  const shared = options['ctx-size'];
  if (shared === undefined) return contextTokens;
  const part = settings.unified ? Number(shared) : Math.floor(Number(shared) / settings.sequences);
  if (contextTokens !== part && contextTokens !== settings.contextPerSequence) {
    throw new InputError('contradiction', {
      one: `a context of ${contextTokens} tokens`,
      other: `option ctx-size ${shared}`,
    });
  }
  return settings.contextPerSequence;
}

function cardWeights(
  prepared: PreparedModel,
  placement: Placement,
  { index, run, kind }: { index: number; run: Run; kind: BufferKind },
) {
  const weights = new Map<Role, number>();
  const experts = { from: Math.max(run.from, Math.min(placement.hostExpertLayers, run.to)), to: run.to };
  for (const { role, routed, upTo } of prepared.roles)
    addRun(weights, role, upTo[kind], routed ? experts : run);
  if (run.to > run.from) addAll(weights, prepared.everyDevice, kind);
  if (placement.outputCard === index) {
    addAll(weights, prepared.output, kind);
    // A tied model has no output matrix: the card gets a second copy of the embedding.
    if (prepared.tied) add(weights, 'head', prepared.embedding.bytes[kind]);
  }
  return weights;
}

function hostWeights(prepared: PreparedModel, placement: Placement) {
  const weights = new Map<Role, number>();
  const { host, hostExpertLayers } = placement;
  const experts = { from: host.from, to: Math.max(host.to, hostExpertLayers) };
  add(weights, 'embedding', prepared.embedding.bytes.host);
  for (const { role, routed, upTo } of prepared.roles)
    addRun(weights, role, upTo.host, routed ? experts : host);
  if (host.to > host.from) addAll(weights, prepared.everyDevice, 'host');
  if (placement.outputCard === undefined) addAll(weights, prepared.output, 'host');
  return weights;
}

function add(weights: Map<Role, number>, role: Role, bytes: number): void {
  if (bytes > 0) weights.set(role, (weights.get(role) ?? 0) + bytes);
}

function addAll(weights: Map<Role, number>, tensors: readonly OutsideTensor[], kind: BufferKind): void {
  for (const { role, bytes } of tensors) add(weights, role, bytes[kind]);
}

function addRun(weights: Map<Role, number>, role: Role, upTo: Float64Array, run: Run): void {
  add(weights, role, upTo[run.to]! - upTo[run.from]!);
}

function scaled(weights: Map<Role, number>, scale: number): Map<Role, number> {
  if (scale !== 1) for (const [role, bytes] of weights) weights.set(role, Math.round(bytes * scale));
  return weights;
}

/** Logits of one row for each sequence, on the host: `src/llama-context.cpp:output_reserve`. */
function outputBytes({ vocabSize }: PreparedModel, { sequences }: Settings): number {
  return LOGIT_BYTES * vocabSize * sequences;
}
