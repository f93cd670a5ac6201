// llama.cpp itself: what its own planner answers for a model file and a setting.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { GgmlType } from '../../src/core/quant/ggml-types.js';
import { GGML_TYPE_IDS } from './gguf.js';
import {
  type ContextParams,
  type Handle,
  type Library,
  type Log,
  NotHere,
  openLibrary,
} from './llama-abi.js';

/** The parameters of a context that decide its memory, under the engine's names. */
export interface ContextSettings
  extends Pick<
    ContextParams,
    'n_ctx' | 'n_batch' | 'n_ubatch' | 'n_seq_max' | 'n_outputs_max' | 'swa_full' | 'kv_unified'
  > {
  readonly flashAttention: FlashAttention;
  readonly kvTypeK: GgmlType;
  readonly kvTypeV: GgmlType;
}

/** `include/llama.h:llama_flash_attn_type`. */
const FLASH_ATTENTION = { auto: -1, off: 0, on: 1 };
export type FlashAttention = keyof typeof FLASH_ATTENTION;

/** What of a model and its context is not on the card. */
export interface Placement {
  /** Layers on the card, from the last; the output counts as one. */
  readonly gpuLayers: number;
  /** Routed experts of so many layers, from the first, stay in host memory. */
  readonly hostExperts: number;
  readonly kvOnHost: boolean;
  /** The card does not compute with weights that lie on the host. */
  readonly opsOnHost: boolean;
}

/** Bytes of the parts that the engine plans. */
export interface Parts {
  readonly weights: number;
  readonly kvCache: number;
  readonly compute: number;
}

/** Bytes that the engine plans on the card and on the host. */
export interface Memory {
  readonly card: Parts;
  readonly host: Parts;
}

/** The words of who does not plan a setting. */
export interface Refusal {
  readonly refuses: string;
}

export interface EngineModel {
  plan(settings: ContextSettings): Memory | Refusal;
  free(): void;
}

export interface Engine {
  readonly version: string;
  /** @returns what it says where it does not take the file: a tensor is missing, is one too many or misshapen */
  load(path: string, placement: Placement): EngineModel | Refusal;
}

const LEVEL_ERROR = 4;

/**
 * The llama.cpp of a folder, or the one that node-llama-cpp ships for this machine.
 *
 * @throws NotHere where it is not installed or does not load
 * @example (await openEngine()).load('/tmp/llama-3.1-8b.gguf', ON_PROCESSOR)
 */
export async function openEngine(folder = folderOfLibrary()): Promise<Engine> {
  const errors: string[] = [];
  const log: Log = (level, text) => {
    if (level === LEVEL_ERROR) errors.push(text.trim());
  };
  const library = await openLibrary(folder, log);
  const orRefusal = <T>(handle: Handle, use: (handle: Handle) => T): T | Refusal => {
    const said = errors.splice(0).join(' · ');
    return handle ? use(handle) : { refuses: said || 'no reason given' };
  };
  return {
    version: library.version,
    load: (path, placement) =>
      orRefusal(library.loadModel(path, modelParams(library, placement)), (model) => ({
        plan: (settings) =>
          orRefusal(library.newContext(model, contextParams(library, settings, placement)), (context) =>
            memoryOf(library, context),
          ),
        free: () => library.freeModel(model),
      })),
  };
}

function folderOfLibrary(): string {
  try {
    const entry = createRequire(import.meta.url).resolve('@node-llama-cpp/linux-x64');
    return join(dirname(entry), '..', 'bins', 'linux-x64');
  } catch {
    throw new NotHere('@node-llama-cpp/linux-x64 is not installed: npm ci --prefix test/oracle');
  }
}

function modelParams(library: Library, { gpuLayers, hostExperts }: Placement) {
  return {
    ...library.modelDefaults(),
    n_gpu_layers: gpuLayers,
    load_mode: 0,
    // Weights keep the layout of the file (`--no-repack`), and nothing is read or allocated.
    use_extra_bufts: false,
    no_alloc: true,
    ...(hostExperts > 0 && { tensor_buft_overrides: library.onHost(expertsOf(hostExperts)) }),
  };
}

/** `common/common.h:LLM_FFN_EXPS_REGEX` of the first layers, as `--n-cpu-moe` writes it. */
const expertsOf = (layers: number): string[] =>
  Array.from({ length: layers }, (_, layer) => `blk\\.${layer}\\.ffn_(up|down|gate|gate_up)_(ch|)exps`);

/** What a context takes, its model included; the context is gone afterwards. */
function memoryOf(library: Library, context: Handle): Memory {
  const buffers = library.memoryOf(context);
  library.freeContext(context);
  const partsOf = (isHost: boolean): Parts => {
    const sum = (part: 'model' | 'context' | 'compute') =>
      buffers.reduce((bytes, buffer) => bytes + (buffer.isHost === isHost ? buffer[part] : 0), 0);
    return { weights: sum('model'), kvCache: sum('context'), compute: sum('compute') };
  };
  return { card: partsOf(false), host: partsOf(true) };
}

function contextParams(
  library: Library,
  settings: ContextSettings,
  { kvOnHost, opsOnHost }: Placement,
): ContextParams {
  const { flashAttention, kvTypeK, kvTypeV, ...same } = settings;
  return {
    ...library.contextDefaults(),
    ...same,
    flash_attn_type: FLASH_ATTENTION[flashAttention],
    type_k: GGML_TYPE_IDS[kvTypeK],
    type_v: GGML_TYPE_IDS[kvTypeV],
    offload_kqv: !kvOnHost,
    op_offload: !opsOnHost,
  };
}
