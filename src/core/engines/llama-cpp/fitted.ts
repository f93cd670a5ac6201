import type { Note, ResolvedRequest } from '../../request.js';
import type { EngineUse } from '../index.js';
import { devicesOf, freeBytesOf } from './devices.js';
import { type FitAnswer, fitParams, type Measured, type Settled } from './fit-params.js';
import type { PreparedModel } from './prepare.js';
import { settingsOf } from './settings.js';

/**
 * A request as llama.cpp changes it for the free memory, with what is to be said of it.
 *
 * @param use plans a request as it stands
 */
export function fitted(
  prepared: PreparedModel,
  request: ResolvedRequest,
  use: (request: ResolvedRequest) => EngineUse,
): { request: ResolvedRequest; notes: Note[] } {
  const asked: ResolvedRequest = { ...request, options: { ...request.options, fit: 'off' } };
  const free = freeBytesOf(devicesOf(asked, prepared));
  if (!free) return { request: asked, notes: [] };
  const { sequences, streams, contextTotal } = settingsOf(asked, prepared);
  const answer = fitParams({
    measure: (settings) => measured(use(withSettings(asked, settings, streams))),
    freeBytes: free,
    hostBytes: request.hostMemoryBytes,
    layers: prepared.layers,
    hasExperts: prepared.blocks.some(({ kind }) => kind === 'moe'),
    ownContext: prepared.model.context.native,
    sequences,
    streams,
    asked: request.openContext ? undefined : contextTotal,
    fixed: FIXING.find((name) => request.options[name] !== undefined && request.options[name] !== 'all'),
  });
  return {
    request: withSettings(asked, answer.settings, streams),
    notes: notesOf(answer),
  };
}

/** Settings after which the engine moves nothing itself. */
const FIXING = ['n-gpu-layers', 'tensor-split', 'override-tensor', 'n-cpu-moe'];

function withSettings(request: ResolvedRequest, settings: Settled, streams: number): ResolvedRequest {
  const contextTokens = Math.floor(Number(settings['ctx-size']) / streams);
  return { ...request, contextTokens, options: { ...request.options, ...settings } };
}

function measured({ devices }: EngineUse): Measured {
  const weights = devices.map((device) => total(device.weights.values()));
  const used = devices.map(
    ({ kvCache, compute }, index) => weights[index]! + total(kvCache.values()) + compute.bytes,
  );
  return { cards: used.slice(0, -1), host: used.at(-1)!, weights: total(weights.slice(0, -1)) };
}

function total(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

function notesOf({ settings, failure }: FitAnswer): Note[] {
  if (failure) return [{ code: 'engine-fit-failed', args: { words: failure } }];
  const patterns = String(settings['override-tensor'] ?? '');
  const moved = patterns === '' ? 0 : patterns.split(',').length;
  const parts = [
    `takes a context of ${settings['ctx-size']} tokens`,
    settings['n-gpu-layers'] === undefined
      ? 'and all layers on the cards'
      : `${settings['n-gpu-layers']} layers on the cards`,
    moved > 0 ? `experts of ${moved} layers on the host` : '',
  ];
  return [{ code: 'engine-fit', args: { words: parts.filter((part) => part !== '').join(', ') } }];
}
