import { InputError } from '../../../errors.js';
import type { Block } from '../../../schema/model.js';
import { blockElements, type GgmlType, isQuantised } from '../../quant/ggml-types.js';
import type { ResolvedRequest } from '../../request.js';
import { FAMILIES, type Family } from './families.js';
import { overflowsGraph } from './graph-room.js';
import { OPTIONS, type OptionValues, readOptions } from './options.js';
import type { PreparedModel } from './prepare.js';

/** How the engine will run, with its own rounding done. Token counts and cells are exact. */
export interface Settings {
  /** Cells of one stream of the cache (`n_ctx_seq`). */
  readonly contextPerSequence: number;
  /** The whole context (`n_ctx`). */
  readonly contextTotal: number;
  /** Most sequences at once (`n_seq_max`). */
  readonly sequences: number;
  readonly unified: boolean;
  /** Separate caches: 1 where unified. */
  readonly streams: number;
  /** Tokens computed at once (`n_ubatch`). */
  readonly ubatch: number;
  /** Tokens of the graph that buffers are reserved for: the ubatch, the same for each sequence. */
  readonly ubatchTokens: number;
  /** Rows of logits that graph holds. */
  readonly outputRows: number;
  readonly flashAttention: boolean;
  readonly kvTypeK: GgmlType;
  readonly kvTypeV: GgmlType;
  readonly swaFull: boolean;
  /** Cards take large operations over from the host, weights included (`op_offload`). */
  readonly opOffload: boolean;
}

const CONTEXT_STEP = 256;

/** Slots of a server started without a number: `tools/server/server.cpp`, together with one unified cache. */
export const AUTO_SLOTS = 4;

const padded = (tokens: number, step: number): number => Math.ceil(tokens / step) * step;

/**
 * The engine's own view of a request: `src/llama-context.cpp:llama_context()`.
 *
 * @throws InputError `engine-refuses` where the engine does not start for another reason than memory
 * @example settingsOf(request, prepared).contextTotal // 499712 for one sequence of 488k
 */
export function settingsOf(request: ResolvedRequest, prepared: PreparedModel): Settings {
  const { options } = request;
  const autoSlots = options.parallel === 'auto';
  if (autoSlots && request.sequences > AUTO_SLOTS) {
    throw new InputError('contradiction', {
      one: `${request.sequences} sequences`,
      other: `option parallel auto (${AUTO_SLOTS} slots)`,
    });
  }
  const sequences = autoSlots ? AUTO_SLOTS : request.sequences;
  const asksUnified = autoSlots || options['kv-unified'] === true;
  const asked = Number(options['ctx-size'] ?? request.contextTokens * request.sequences);
  const total = padded(asked, CONTEXT_STEP);
  const contextPerSequence = asksUnified ? total : padded(Math.floor(total / sequences), CONTEXT_STEP);
  const contextTotal = asksUnified ? total : contextPerSequence * sequences;
  // `src/llama-kv-cache-dsv4.cpp`: caches are apart, whatever was asked.
  const unified = asksUnified && !familyOf(prepared)?.compresses;
  // The engine caps the batch by the context before it pads it.
  const batch = Math.min(asked, Number(options['batch-size']));
  const ubatch = Math.min(batch, Number(options['ubatch-size']));
  const outputs = options.program === 'cli' ? batch : Math.min(Number(options['batch-size']), sequences);
  refuseSequences(sequences, outputs);
  const settings: Settings = {
    contextPerSequence,
    contextTotal,
    sequences,
    unified,
    streams: unified ? 1 : sequences,
    ubatch,
    ubatchTokens: padded(ubatch, sequences),
    outputRows: Math.min(ubatch, outputs),
    flashAttention: options['flash-attn'] !== 'off' && !familyOf(prepared)?.neverFlash,
    kvTypeK: kvType(request.kvTypeK),
    kvTypeV: kvType(request.kvTypeV),
    swaFull: options['swa-full'] === true,
    opOffload: options['no-op-offload'] !== true,
  };
  refuse(settings, prepared);
  return settings;
}

const familyOf = ({ architectureName }: PreparedModel): Family | undefined => FAMILIES[architectureName];

const kvType = (name: string): GgmlType => name.toUpperCase() as GgmlType;

/** `src/llama-cparams.h:LLAMA_MAX_SEQ` */
const MOST_SEQUENCES = 256;

/** As many sequences as the engine takes at once: `LLAMA_MAX_SEQ`, and no more than the batch has rows. */
export const mostSequences = (given: OptionValues): number =>
  Math.min(MOST_SEQUENCES, Number(readOptions(given)['batch-size'] ?? OPTIONS['batch-size']!.standard));

/** `src/llama-context.cpp:llama_context()` and `output_reserve`: every sequence needs a row of the outputs. */
function refuseSequences(sequences: number, outputs: number): void {
  if (sequences > MOST_SEQUENCES) throw words(`n_seq_max must be <= ${MOST_SEQUENCES}`);
  if (outputs < sequences)
    throw words(
      'GGML_ASSERT(n_outputs_max <= cparams.n_outputs_max) failed',
      'Take fewer sequences, or a larger batch-size: each of them needs a row of logits.',
    );
}

/** `src/llama-context.cpp:llama_init_from_model`, in the engine's words. */
function refuse(settings: Settings, prepared: PreparedModel): void {
  const { caches, blocks } = prepared;
  const { kvTypeK, kvTypeV, flashAttention } = settings;
  const latent = caches.some(({ part }) => part === 'latent');
  if (latent && kvTypeK !== kvTypeV) {
    throw words(
      `model does not support different K (${lower(kvTypeK)}) and V (${lower(kvTypeV)}) cache types`,
    );
  }
  if (isQuantised(kvTypeV) && !flashAttention)
    throw words('quantized V cache requires flash_attn to be enabled');
  refuseOneSequence(settings, prepared);
  if (overflowsGraph(settings, prepared))
    throw words(
      'GGML_ASSERT(obj_new) failed',
      'Take fewer sequences: this graph has a part for each of them.',
    );
  if (!flashAttention) return;
  for (const block of blocks) {
    const head = headOf(block, prepared);
    refuseBlocks('K', kvTypeK, head?.key);
    refuseBlocks('V', kvTypeV, head?.value);
  }
}

const lower = (type: GgmlType): string => type.toLowerCase();

/** @param instead what to do, where the words of the engine do not say it */
const words = (text: string, instead?: string): InputError =>
  new InputError('engine-refuses', { engine: 'llama.cpp', words: text, ...(instead ? { instead } : {}) });

/** `src/llama-graph.cpp:build_attn_mha`: the tokens of the one sequence are divided by the separate caches. */
function refuseOneSequence({ ubatch, streams }: Settings, prepared: PreparedModel): void {
  if (familyOf(prepared)?.reservesForOne && ubatch % streams > 0)
    throw words(
      'GGML_ASSERT(ggml_can_repeat(b, a)) failed',
      `Take a number of sequences that divides an ubatch of ${ubatch} tokens, or --set kv-unified=true.`,
    );
}

/** Elements of one head in the cache. */
function headOf(block: Block, prepared: PreparedModel): { key: number; value: number } | undefined {
  if (block.kind === 'latent') {
    const { hiddenSize } = prepared.model.architecture;
    const value = familyOf(prepared)?.leavesOutValueDim ? Math.floor(hiddenSize / block.heads) : block.kvRank;
    return { key: block.kvRank + block.ropeDim, value };
  }
  return 'kvHeads' in block ? { key: block.headDim, value: block.headDim } : undefined;
}

function refuseBlocks(side: 'K' | 'V', type: GgmlType, elements: number | undefined): void {
  const block = blockElements(type);
  if (elements === undefined || elements % block === 0) return;
  throw words(
    `${side} cache type ${lower(type)} with block size ${block} does not divide n_embd_head_${side.toLowerCase()}=${elements}`,
  );
}
