import { InputError } from '../errors.js';
import type { Engine } from '../schema/engine.js';
import type { Model } from '../schema/model.js';
import type { Request } from '../schema/request.js';
import { ENGINES, type EngineId } from './engines/index.js';
import { readVersion } from './engines/version.js';
import type { Note, PlannedDevice, ResolvedRequest } from './request.js';

/** Tokens of context where nothing is asked, unless the model holds fewer. */
export const DEFAULT_CONTEXT_TOKENS = 8192;

/** A request with names looked up: what only the caller can know, beside what the user said. */
export interface Question {
  readonly request: Omit<Request, 'contextTokens' | 'id'> & {
    readonly contextTokens?: number | 'max' | undefined;
  };
  readonly model: Model;
  /** The name under which the same model can be asked again: an id, a hub id with a context of its own, a path. */
  readonly modelName: string;
  readonly engineId: EngineId;
  readonly engine: Engine;
  readonly quant: string;
  readonly devices: readonly PlannedDevice[];
}

/**
 * Fills in every default and refuses what contradicts itself.
 *
 * @throws InputError `context-too-long`, `contradiction`, `unknown-option`, `unknown-kv-type`, `unknown-version`,
 *   `bad-number`, `impossible-layout`
 */
export function resolve(question: Question): { request: ResolvedRequest; notes: Note[] } {
  const { request, model, modelName, engineId, engine, quant, devices } = question;
  const given = ENGINES[engineId].readOptions(request.options ?? {});
  const version = readVersion(request.engineVersion, engine);
  refuseLayout(request.parallel);
  const sequences = sequencesOf(request, given.parallel);
  const shared = sharedContext(given, sequences);
  // An engine that fits a model into free memory starts from the model's own context.
  const open = given.fit === 'on' && request.contextTokens === undefined && shared === undefined;
  const context = contextOf(
    open ? { ...request, contextTokens: model.context.native } : request,
    model,
    shared,
  );
  const resolved: Mutable<ResolvedRequest> = {
    model: modelName,
    engine: engineId,
    engineVersion: version.version,
    quant,
    contextTokens: context.tokens,
    sequences,
    kvTypeK: kvType(request.kvTypeK, engine),
    kvTypeV: kvType(request.kvTypeV, engine),
    devices,
    options: { ...STANDARDS[engineId], ...given },
    imatrix: request.imatrix ?? false,
    allowContextOverflow: request.allowContextOverflow ?? false,
  };
  if (open) resolved.openContext = true;
  if (request.hostMemoryBytes !== undefined) resolved.hostMemoryBytes = request.hostMemoryBytes;
  if (request.limits !== undefined) resolved.limits = request.limits;
  if (request.fileBytes !== undefined) resolved.fileBytes = request.fileBytes;
  if (request.workload !== undefined) resolved.workload = request.workload;
  return { request: resolved, notes: [...context.notes, ...version.notes] };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What holds for an engine where nothing is said. */
const STANDARDS = Object.fromEntries(
  Object.entries(ENGINES).map(([id, { options }]) => [id, standardsOf(options)]),
) as Record<EngineId, ResolvedRequest['options']>;

function standardsOf(options: (typeof ENGINES)[EngineId]['options']): ResolvedRequest['options'] {
  return Object.fromEntries(
    Object.entries(options).flatMap(([name, { standard }]) =>
      standard === undefined ? [] : [[name, standard]],
    ),
  );
}

/** llama.cpp splits layers; its own flags say how. Other layouts come with the serving engines. */
function refuseLayout(parallel: Request['parallel']): void {
  const asked = Object.entries(parallel ?? {}).find(([, degree]) => degree !== undefined && degree !== 1);
  if (asked) {
    throw new InputError('impossible-layout', {
      words: `llama.cpp has no ${asked[0]} parallel layout; it splits layers over the cards (split-mode, tensor-split)`,
    });
  }
}

function sequencesOf({ sequences }: Question['request'], slots: unknown): number {
  if (sequences !== undefined) wholeAboveZero(sequences, 'sequences');
  if (typeof slots !== 'number') return sequences ?? 1;
  if (sequences !== undefined && sequences !== slots) {
    throw new InputError('contradiction', {
      one: `${sequences} sequences`,
      other: `option parallel ${slots}`,
    });
  }
  return slots;
}

function wholeAboveZero(value: number, what: string): void {
  if (Number.isSafeInteger(value) && value > 0) return;
  throw new InputError('bad-number', { what, text: String(value), expected: 'a whole number from 1' });
}

/** What one sequence gets of a context that all share; `undefined` where none was given. */
function sharedContext(options: ResolvedRequest['options'], sequences: number): number | undefined {
  const shared = options['ctx-size'];
  if (typeof shared !== 'number') return undefined;
  const together = options['kv-unified'] === true || options.parallel === 'auto';
  return together ? shared : Math.floor(shared / sequences);
}

/** A model's largest context: its own, or the longer one that its maker documents. */
export const largestContextOf = ({ context }: Pick<Model, 'context'>): number =>
  Math.max(context.native, context.extended?.tokens ?? 0);

function contextOf(
  request: Question['request'],
  model: Model,
  shared: number | undefined,
): { tokens: number; notes: Note[] } {
  const { native, extended } = model.context;
  if (typeof request.contextTokens === 'number') wholeAboveZero(request.contextTokens, 'context');
  const most = largestContextOf(model);
  const asked = request.contextTokens === 'max' ? most : request.contextTokens;
  const tokens = asked ?? shared ?? Math.min(most, DEFAULT_CONTEXT_TOKENS);
  if (tokens > most && !request.allowContextOverflow)
    throw new InputError('context-too-long', { tokens, most, model: model.name });
  const notes: Note[] = [];
  if (tokens > most) notes.push({ code: 'context-overflow', args: { tokens, most } });
  else if (tokens > native && extended)
    notes.push({ code: 'context-extended', args: { native, tokens: extended.tokens, how: extended.how } });
  return { tokens, notes };
}

function kvType(asked: string | undefined, engine: Engine): string {
  const name = (asked ?? 'f16').toLowerCase();
  if (!engine.kvTypes.includes(name))
    throw new InputError('unknown-kv-type', { name, known: engine.kvTypes, engine: engine.name });
  return name;
}
