import type { Note, ResolvedRequest } from '../../request.js';
import { cacheBytes } from './kv-cache.js';
import type { PreparedModel } from './prepare.js';
import { AUTO_SLOTS, mostSequences, type Settings, settingsOf } from './settings.js';

/**
 * What a reader of this plan should know about the engine: a server's own slots, mixes by others,
 * an importance matrix that is missing, weights held twice.
 */
export function notesOf(prepared: PreparedModel, request: ResolvedRequest, settings: Settings): Note[] {
  return [
    serverSlots(prepared, request, settings),
    mix(prepared, request),
    repacking(prepared, request),
    neverCompared(request),
  ].flat();
}

/** A server started without a number takes four slots in one cache, which windows and states pay for. */
function serverSlots(prepared: PreparedModel, request: ResolvedRequest, settings: Settings): Note[] {
  const alone = request.sequences === 1 && !settings.unified && request.options.parallel === undefined;
  const paysForSlots = prepared.caches.some(({ cache }) => !cache.grows || cache.window !== undefined);
  if (!alone || !paysForSlots || request.options.program !== 'server') return [];
  if (mostSequences(request.options) < AUTO_SLOTS) return [];
  const asStarted = settingsOf({ ...request, options: { ...request.options, parallel: 'auto' } }, prepared);
  const extraBytes = cacheTotal(prepared, asStarted) - cacheTotal(prepared, settings);
  return extraBytes > 0 ? [{ code: 'server-slots', args: { extraBytes } }] : [];
}

function cacheTotal(prepared: PreparedModel, settings: Settings): number {
  const everything = { from: 0, to: prepared.layersAll };
  return [...cacheBytes(prepared.caches, settings, everything, 'host').values()].reduce(
    (sum, bytes) => sum + bytes,
    0,
  );
}

function mix({ quant }: PreparedModel, request: ResolvedRequest): Note[] {
  if (quant.kind === 'gguf-file')
    return [{ code: 'file-weights', args: { file: quant.file, tensors: quant.tensors.size } }];
  if (quant.kind !== 'gguf-mix') return [];
  if (request.fileBytes)
    return [{ code: 'file-size', args: { fileBytes: request.fileBytes, quant: quant.name } }];
  const notes: Note[] = [{ code: 'stock-mix', args: { quant: quant.name } }];
  if (quant.needsImatrix && !request.imatrix)
    notes.push({ code: 'needs-imatrix', args: { quant: quant.name } });
  return notes;
}

/** Settings that follow the engine's source, of which no plan of the engine was at hand. */
const NEVER_COMPARED = [
  'tensor-split',
  'override-tensor',
  'no-kv-offload',
  'no-op-offload',
  'mmproj',
] as const;

function neverCompared({ options }: ResolvedRequest): Note[] {
  const used = NEVER_COMPARED.filter((name) => options[name] !== undefined && options[name] !== false);
  return used.length > 0 ? [{ code: 'never-compared', args: { options: used } }] : [];
}

/** On a processor, weights in a layout of its own may be held beside the mapped file. */
function repacking({ quant, fileBytes }: PreparedModel, request: ResolvedRequest): Note[] {
  const onProcessor = request.devices.length === 0 && request.options['no-repack'] !== true;
  return onProcessor && quant.kind === 'gguf-mix'
    ? [{ code: 'repacking', args: { upToBytes: fileBytes } }]
    : [];
}
