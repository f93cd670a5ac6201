import type { ResolvedRequest } from '../../request.js';
import type { Explanation } from '../index.js';
import { computeBuffers } from './compute.js';
import { cellsOf, layerCacheBytes } from './kv-cache.js';
import { placeLayers, sharesOf } from './placement.js';
import type { CacheClass, PreparedModel } from './prepare.js';
import { type Settings, settingsOf } from './settings.js';

const SOURCE = 'llama.cpp v0.5.0';

/**
 * Every formula behind a plan with its numbers, for `--why`. Bytes are before the padding of buffers,
 * which differs by device and is below 100 kB.
 */
export function explain(prepared: PreparedModel, request: ResolvedRequest): Explanation[] {
  const settings = settingsOf(request, prepared);
  return [
    ...weights(prepared),
    ...prepared.caches.map((known) => cache(known, prepared, settings)),
    compute(prepared, request, settings),
    output(prepared, settings),
  ];
}

function weights({ tensorTypes, fileBytes, quant }: PreparedModel): Explanation[] {
  const types = [...tensorTypes].map(([type, { count, bytes }]) => `${count} × ${type}: ${bytes}`);
  return [
    {
      part: 'weights',
      formula:
        'sum over the tensors of the file: rows × blocks of a row × bytes of a block, by the type that the mix gives each',
      numbers: `${quant.name}: ${types.join(' + ')}`,
      bytes: fileBytes,
      source: `${SOURCE} src/llama-quant.cpp:llama_tensor_get_type_impl, ggml/src/ggml-common.h`,
    },
  ];
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
  const window =
    kept.window === undefined || settings.swaFull ? '' : ` (${cellWords(kept.window, settings)})`;
  return {
    part: `kvCache.${known.part}`,
    formula: 'layers × streams × cells × (key elements × K type + value elements × V type)',
    numbers: `${layers} × ${settings.streams} × ${cells}${window} × (${kept.keyElements} × ${settings.kvTypeK.toLowerCase()} + ${kept.valueElements} × ${settings.kvTypeV.toLowerCase()})`,
    bytes,
    source: `${SOURCE} src/llama-kv-cache.cpp, src/llama-kv-cache-iswa.cpp`,
  };
}

function cellWords(
  window: number,
  { unified, sequences, ubatchTokens, contextPerSequence }: Settings,
): string {
  const windows = unified && sequences > 1 ? `${window} × ${sequences}` : `${window}`;
  return `least of ${contextPerSequence} and ${windows} + ubatch ${ubatchTokens}, in steps of 256`;
}

function compute(prepared: PreparedModel, request: ResolvedRequest, settings: Settings): Explanation {
  const cards = request.devices.reduce((sum, { count }) => sum + count, 0);
  const placement = placeLayers(request, prepared, sharesOf(request, new Array<number>(cards).fill(1)));
  const { cards: buffers, host } = computeBuffers(prepared, settings, placement);
  return {
    part: 'compute',
    formula:
      'on each device the largest of three phases of the prompt graph (a layer, an attention, the logits) plus its masks; an estimate with a range',
    numbers: `ubatch ${settings.ubatchTokens}, rows of logits ${settings.outputRows}, cells ${settings.contextPerSequence}: ${buffers.map(({ bytes }) => bytes).join(' + ')}${buffers.length ? ' + ' : ''}${host.bytes} on the host`,
    bytes: buffers.reduce((sum, { bytes }) => sum + bytes, host.bytes),
    source: `${SOURCE} src/llama-context.cpp:sched_reserve, src/llama-graph.cpp; law in docs/formulas.md`,
  };
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
