import type { TokenCache } from '../../cache/index.js';
import type { ResolvedRequest } from '../../request.js';
import type { EngineUse, Explanation } from '../index.js';
import { canReplay, computePeaks } from './compute-replay/index.js';
import { devicesOf } from './devices.js';
import { cellsOf, layerCacheBytes } from './kv-cache.js';
import type { CacheClass } from './load.js';
import type { PreparedModel } from './prepare.js';
import { type Settings, settingsOf } from './settings.js';

const SOURCE = 'llama.cpp v0.5.0';

/** Tensors of a peak that are named. */
const MOST_ALIVE = 8;

/**
 * Every formula behind a plan with its numbers, for `--why`. Bytes are before the padding of buffers,
 * which differs by device and is below 100 kB.
 */
export function explain(
  prepared: PreparedModel,
  request: ResolvedRequest,
  engineUse: EngineUse,
): Explanation[] {
  const settings = settingsOf(request, prepared);
  return [
    weights(prepared, request),
    ...prepared.caches.map((known) => cache(known, prepared, settings)),
    compute(engineUse, prepared, settings),
    ...(canReplay(prepared) ? peaks(prepared, request, engineUse, settings) : []),
    output(prepared, settings),
    ...runtime(engineUse),
  ];
}

function weights({ tensorTypes, fileBytes, quant }: PreparedModel, request: ResolvedRequest): Explanation {
  const types = [...tensorTypes].map(([type, { count, bytes }]) => `${count} × ${type}: ${bytes}`);
  const stock = `${quant.name}: ${types.join(' + ')}`;
  if (request.fileBytes) {
    return {
      part: 'weights',
      formula: 'the size of the file that was given, in the proportions of the stock mix',
      numbers: `${request.fileBytes} ÷ ${fileBytes} of ${stock}`,
      bytes: request.fileBytes,
      source: 'the request',
    };
  }
  return {
    part: 'weights',
    formula:
      'sum over the tensors of the file: rows × blocks of a row × bytes of a block, by the type that the mix gives each',
    numbers: stock,
    bytes: fileBytes,
    source: `${SOURCE} src/llama-quant.cpp:llama_tensor_get_type_impl, ggml/src/ggml-common.h`,
  };
}

function cache(known: CacheClass, { layersAll }: PreparedModel, settings: Settings): Explanation {
  const layers = known.upTo[layersAll]!;
  const bytes = layers * layerCacheBytes(known, settings, 'host');
  const { cache: kept } = known;
  if (!kept.grows) {
    return {
      part: `kvCache.${known.part}`,
      formula: 'layers × sequences × (convolution tail + state) × 4 bytes',
      numbers: `${layers} × ${settings.sequences} × (${kept.convElements} + ${kept.stateElements}) × 4`,
      bytes,
      source: `${SOURCE} src/llama-memory-recurrent.cpp, src/llama-hparams.cpp:n_embd_r, n_embd_s`,
    };
  }
  const cells = cellsOf(kept, settings);
  const why = cellsBecause(kept, settings);
  return {
    part: `kvCache.${known.part}`,
    formula: 'layers × streams × cells × (key elements × K type + value elements × V type)',
    numbers: `${layers} × ${settings.streams} × ${cells}${why} × (${kept.keyElements} × ${settings.kvTypeK.toLowerCase()} + ${kept.valueElements} × ${settings.kvTypeV.toLowerCase()})`,
    bytes,
    source: `${SOURCE} src/llama-kv-cache.cpp, src/llama-kv-cache-iswa.cpp`,
  };
}

/** Why there is not a cell for each token. */
function cellsBecause({ window, tokensPerEntry }: TokenCache, settings: Settings): string {
  if (tokensPerEntry !== undefined) return ` (one for ${tokensPerEntry} tokens, in steps of 256)`;
  return window === undefined || settings.swaFull ? '' : ` (${cellWords(window, settings)})`;
}

function cellWords(window: number, { unified, sequences, ubatch, contextPerSequence }: Settings): string {
  const windows = unified && sequences > 1 ? `${window} × ${sequences}` : `${window}`;
  return `least of ${contextPerSequence} and ${windows} + ubatch ${ubatch}, in steps of 256`;
}

function compute({ devices }: EngineUse, prepared: PreparedModel, settings: Settings): Explanation {
  const buffers = devices.map(({ id, compute }) => `${compute.bytes} on ${id}`);
  const replayed = canReplay(prepared);
  return {
    part: 'compute',
    formula: replayed
      ? "the engine's prompt graph, scheduler and allocator replayed for every device: what llama-fit-params says, to the byte"
      : 'on each device the largest of three phases of the prompt graph (a layer, an attention, the logits) plus its masks; an estimate with a range',
    numbers: `ubatch ${settings.ubatchTokens}, rows of logits ${settings.outputRows}, cells ${settings.contextPerSequence}: ${buffers.join(' + ')}`,
    bytes: devices.reduce((sum, device) => sum + device.compute.bytes, 0),
    source: `${SOURCE} src/llama-context.cpp:sched_reserve, src/llama-graph.cpp${replayed ? ', ggml/src/ggml-backend.cpp, ggml/src/ggml-alloc.c' : '; law in docs/formulas.md'}`,
  };
}

/** What is alive where the buffers are fullest, largest first. */
function peaks(
  prepared: PreparedModel,
  request: ResolvedRequest,
  { devices }: EngineUse,
  settings: Settings,
): Explanation[] {
  const found = computePeaks(prepared, settings, devicesOf(request, prepared).placement);
  return [...found.cards, found.host].flatMap((peak, index) => {
    const device = devices[index];
    if (!device || peak.bytes === 0) return [];
    const alive = peak.alive
      .slice(0, MOST_ALIVE)
      .map(({ name, count, bytes }) => `${count > 1 ? `${count} × ` : ''}${name}: ${bytes}`);
    return [
      {
        part: `compute.${device.id}`,
        formula: 'tensors alive at the peak, the largest first, and holes that packing leaves',
        numbers: [...alive, ...(peak.holes > 0 ? [`holes: ${peak.holes}`] : [])].join(' + '),
        bytes: peak.bytes,
        source: `${SOURCE} ggml/src/ggml-alloc.c:ggml_gallocr_alloc_graph_impl`,
      },
    ];
  });
}

function runtime({ devices }: EngineUse): Explanation[] {
  const cards = devices.filter((device) => device.runtime.bytes > 0);
  if (cards.length === 0) return [];
  return [
    {
      part: 'runtime',
      formula:
        'for each card its context: 3.1 MiB a multiprocessor, or 400 MiB where they are not known; an estimate with a range',
      numbers: cards.map((device) => `${device.runtime.bytes} on ${device.id}`).join(' + '),
      bytes: cards.reduce((sum, device) => sum + device.runtime.bytes, 0),
      source: 'llama.cpp pull request 23604 and four other measurements; docs/formulas.md',
    },
  ];
}

function output({ vocabSize }: PreparedModel, { sequences }: Settings): Explanation {
  return {
    part: 'output',
    formula: 'vocabulary × sequences × 4 bytes, on the host',
    numbers: `${vocabSize} × ${sequences} × 4`,
    bytes: vocabSize * sequences * 4,
    source: `${SOURCE} src/llama-context.cpp:output_reserve`,
  };
}
