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

/** Bytes that the engine plans, over all its buffers. */
export interface Memory {
  readonly weights: number;
  readonly kvCache: number;
  readonly compute: number;
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
  load(path: string): EngineModel | Refusal;
}

const LEVEL_ERROR = 4;

/**
 * The llama.cpp that node-llama-cpp ships for this machine.
 *
 * @throws NotHere where it is not installed or does not load
 * @example (await openEngine()).load('/tmp/llama-3.1-8b.gguf')
 */
export async function openEngine(): Promise<Engine> {
  const folder = folderOfLibrary();
  const errors: string[] = [];
  const log: Log = (level, text) => {
    if (level === LEVEL_ERROR) errors.push(text.trim());
  };
  const library = await openLibrary(folder, log);
  const orRefusal = <T>(handle: Handle, use: (handle: Handle) => T): T | Refusal => {
    const said = errors.splice(0).join(' · ');
    return handle ? use(handle) : { refuses: said || 'no reason given' };
  };
  const plan = (model: Handle, settings: ContextSettings): Memory | Refusal =>
    orRefusal(library.newContext(model, contextParams(library, settings)), (context) =>
      memoryOf(library, context),
    );
  return {
    version: library.version,
    load: (path) =>
      orRefusal(library.loadModel(path, modelParams(library)), (model) => ({
        plan: (settings) => plan(model, settings),
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

function modelParams(library: Library) {
  return {
    ...library.modelDefaults(),
    n_gpu_layers: 0,
    load_mode: 0,
    // Weights keep the layout of the file (`--no-repack`), and nothing is read or allocated.
    use_extra_bufts: false,
    no_alloc: true,
  };
}

/** What a context takes, its model included; the context is gone afterwards. */
function memoryOf(library: Library, context: Handle): Memory {
  const buffers = library.memoryOf(context);
  library.freeContext(context);
  const sum = (part: keyof (typeof buffers)[number]) =>
    buffers.reduce((bytes, buffer) => bytes + buffer[part], 0);
  return { weights: sum('model'), kvCache: sum('context'), compute: sum('compute') };
}

function contextParams(library: Library, settings: ContextSettings): ContextParams {
  const { flashAttention, kvTypeK, kvTypeV, ...same } = settings;
  return {
    ...library.contextDefaults(),
    ...same,
    flash_attn_type: FLASH_ATTENTION[flashAttention],
    type_k: GGML_TYPE_IDS[kvTypeK],
    type_v: GGML_TYPE_IDS[kvTypeV],
  };
}
