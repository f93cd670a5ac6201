import { InputError } from '../../../errors.js';
import type { Estimate } from '../../estimate.js';
import type { ResolvedRequest } from '../../request.js';
import type { Role } from '../../tensors/index.js';
import type { Accuracy, DeviceUse, EngineRules, EngineUse } from '../index.js';
import { computeByLaw } from './compute-law.js';
import { type ComputeBuffers, canReplay, computeByReplay } from './compute-replay/index.js';
import { devicesOf } from './devices.js';
import { explain } from './explain.js';
import { fitted } from './fitted.js';
import { llamaCppFlags } from './flags.js';
import { cacheBytes } from './kv-cache.js';
import { type LoadedModel, load } from './load.js';
import { notesOf } from './notes.js';
import { OPTIONS, readOptions } from './options.js';
import type { Placement, Run } from './placement.js';
import { type BufferKind, type PreparedModel, prepare } from './prepare.js';
import { projectorOf } from './projector.js';
import { mostSequences, type Settings, settingsOf } from './settings.js';
import { placedWeights } from './weights.js';

const LOGIT_BYTES = 4;

/** llama.cpp as a rule set: `docs/formulas.md` has every rule with its source. */
export const llamaCpp: EngineRules<LoadedModel, PreparedModel> = {
  options: OPTIONS,
  readOptions,
  mostSequences,
  load,
  prepare,
  use,
  explain,
  flags: llamaCppFlags,
};

/** What the engine allocates on every device for a request, once it has changed what it changes by itself. */
function use(prepared: PreparedModel, request: ResolvedRequest, accuracy: Accuracy): EngineUse {
  if (request.options.fit !== 'on') return usedAsAsked(prepared, request, accuracy);
  const { request: changed, notes } = fitted(prepared, request, (asked) =>
    usedAsAsked(prepared, asked, accuracy),
  );
  const used = usedAsAsked(prepared, changed, accuracy);
  return { ...used, request: changed, notes: [...notes, ...used.notes] };
}

function usedAsAsked(prepared: PreparedModel, request: ResolvedRequest, accuracy: Accuracy): EngineUse {
  const settings = settingsOf(request, prepared);
  const { cards, backend, runtimes, placement } = devicesOf(request, prepared);
  const compute = computeBuffers(prepared, settings, placement, accuracy);
  const kind: BufferKind = backend === 'cuda' ? 'cuda' : 'host';
  const scale = request.fileBytes ? request.fileBytes / prepared.fileBytes : 1;

  const weights = placedWeights(prepared, placement, kind);
  const projector = request.options.mmproj === true ? { projector: projectorOf(prepared.model) } : {};
  const caches = placedCaches(prepared, settings, placement, kind);

  const onCards = cards.map((card, index): DeviceUse => {
    return {
      id: `gpu${index}`,
      gpu: card.gpu,
      device: card,
      weights: scaled(weights[index]!, scale),
      kvCache: caches[index]!,
      compute: compute.cards[index]!,
      output: 0,
      runtime: runtimes[index]!,
      ...(index === 0 ? projector : {}),
    };
  });
  const host: DeviceUse = {
    id: 'host',
    gpu: null,
    weights: scaled(weights.at(-1)!, scale),
    kvCache: caches.at(-1)!,
    compute: compute.host,
    output: outputBytes(prepared, settings),
    runtime: { bytes: 0, low: 0, high: 0 },
    ...(cards.length === 0 ? projector : {}),
  };
  return {
    devices: [...onCards, host],
    contextTokens: contextOf(settings, request),
    backend,
    notes: notesOf(prepared, request, settings),
  };
}

/** Caches of every device, the host last. */
function placedCaches(
  { caches, layersAll }: PreparedModel,
  settings: Settings,
  placement: Placement,
  kind: BufferKind,
) {
  const { cards, host, cacheOnHost } = placement;
  const onCards = cards.map((run) => cacheBytes(caches, settings, cacheOnHost ? NO_LAYERS : run, kind));
  return [...onCards, cacheBytes(caches, settings, cacheOnHost ? { from: 0, to: layersAll } : host, 'host')];
}

const NO_LAYERS: Run = { from: 0, to: 0 };

/** The engine's own figures where its graph is known, else a law with a range; none where the least is asked for. */
function computeBuffers(
  prepared: PreparedModel,
  settings: Settings,
  placement: Placement,
  accuracy: Accuracy,
): ComputeBuffers {
  if (accuracy === 'atLeast') return { cards: placement.cards.map(() => NOTHING), host: NOTHING };
  if (accuracy === 'exact' && canReplay(prepared)) return computeByReplay(prepared, settings, placement);
  const law = computeByLaw(prepared, settings, placement);
  return accuracy === 'exact' ? law : { cards: law.cards.map(atMost), host: atMost(law.host) };
}

const NOTHING: Estimate = { bytes: 0, low: 0, high: 0 };

const atMost = ({ low, high }: Estimate): Estimate => ({ bytes: high, low, high });

/**
 * What one sequence may hold: what was asked, or its part of a context given for all together.
 *
 * @throws InputError `contradiction` where both were given and differ
 */
function contextOf(settings: Settings, { options, contextTokens }: ResolvedRequest): number {
  const shared = options['ctx-size'];
  if (shared === undefined) return contextTokens;
  const isDivided = settings.contextPerSequence < settings.contextTotal;
  const part = isDivided ? Math.floor(Number(shared) / settings.sequences) : Number(shared);
  if (contextTokens !== part && contextTokens !== settings.contextPerSequence) {
    throw new InputError('contradiction', {
      one: `a context of ${contextTokens} tokens`,
      other: `option ctx-size ${shared}`,
    });
  }
  return settings.contextPerSequence;
}

function scaled(weights: Map<Role, number>, scale: number): Map<Role, number> {
  if (scale !== 1) for (const [role, bytes] of weights) weights.set(role, Math.round(bytes * scale));
  return weights;
}

/** Logits of one row for each sequence, on the host: `src/llama-context.cpp:output_reserve`. */
function outputBytes({ vocabSize }: PreparedModel, { sequences }: Settings): number {
  return LOGIT_BYTES * vocabSize * sequences;
}
