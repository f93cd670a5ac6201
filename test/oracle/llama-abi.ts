// The C interface of llama.cpp v0.5.0, as far as the oracle calls it: `include/llama.h`, `ggml/include/ggml-backend.h`.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** `include/llama.h:llama_model_params`, field by field. */
const MODEL_PARAMS = {
  devices: 'void *',
  tensor_buft_overrides: 'void *',
  n_gpu_layers: 'int32_t',
  split_mode: 'int',
  load_mode: 'int',
  lazy_mode: 'int',
  main_gpu: 'int32_t',
  tensor_split: 'void *',
  progress_callback: 'void *',
  progress_callback_user_data: 'void *',
  kv_overrides: 'void *',
  vocab_only: 'bool',
  check_tensors: 'bool',
  use_extra_bufts: 'bool',
  no_host: 'bool',
  no_alloc: 'bool',
  load_mtp: 'bool',
} as const;

/** `include/llama.h:llama_context_params`, field by field. */
const CONTEXT_PARAMS = {
  n_ctx: 'uint32_t',
  n_batch: 'uint32_t',
  n_ubatch: 'uint32_t',
  n_seq_max: 'uint32_t',
  n_rs_seq: 'uint32_t',
  n_outputs_max: 'uint32_t',
  n_outputs_max_per_seq: 'uint32_t',
  n_threads: 'int32_t',
  n_threads_batch: 'int32_t',
  ctx_type: 'int',
  rope_scaling_type: 'int',
  pooling_type: 'int',
  attention_type: 'int',
  flash_attn_type: 'int',
  rope_freq_base: 'float',
  rope_freq_scale: 'float',
  yarn_ext_factor: 'float',
  yarn_attn_factor: 'float',
  yarn_beta_fast: 'float',
  yarn_beta_slow: 'float',
  yarn_orig_ctx: 'uint32_t',
  defrag_thold: 'float',
  cb_eval: 'void *',
  cb_eval_user_data: 'void *',
  type_k: 'int',
  type_v: 'int',
  abort_callback: 'void *',
  abort_callback_data: 'void *',
  embeddings: 'bool',
  offload_kqv: 'bool',
  no_perf: 'bool',
  op_offload: 'bool',
  swa_full: 'bool',
  kv_unified: 'bool',
  samplers: 'void *',
  n_samplers: 'size_t',
  ctx_other: 'void *',
} as const;

type ValueOf<T> = T extends 'bool' ? boolean : T extends 'void *' ? unknown : number;
type Struct<Fields> = { -readonly [Name in keyof Fields]: ValueOf<Fields[Name]> };

export type ModelParams = Struct<typeof MODEL_PARAMS>;
export type ContextParams = Struct<typeof CONTEXT_PARAMS>;

/** A thing that only the library looks into; `null`: it was not made. */
export type Handle = { readonly opaque: unique symbol } | null;

/** One line of the engine's log. */
export type Log = (level: number, text: string) => void;

/** The functions that the oracle calls. */
export interface Library {
  readonly version: string;
  modelDefaults(): ModelParams;
  contextDefaults(): ContextParams;
  loadModel(path: string, params: ModelParams): Handle;
  freeModel(model: Handle): void;
  newContext(model: Handle, params: ContextParams): Handle;
  freeContext(context: Handle): void;
  /** Bytes of model, context and compute in every buffer of a context. */
  memoryOf(context: Handle): BufferMemory[];
  /** Tensors that a pattern finds stay in host memory: a value for `tensor_buft_overrides`, good until the process ends. */
  onHost(patterns: readonly string[]): unknown;
}

/** `src/llama-ext.h:llama_memory_breakdown_data`. */
export interface BufferMemory {
  readonly isHost: boolean;
  readonly model: number;
  readonly context: number;
  readonly compute: number;
}

/** There is no llama.cpp on this machine. */
export class NotHere extends Error {}

/** Builds for cards have their name in those of their files: `libllama.cuda.v0.5.0.so`. */
const nameOf = (folder: string, library: string): string =>
  readdirSync(folder).find((name) => name.startsWith(`lib${library}.`) && name.endsWith('.v0.5.0.so')) ??
  `lib${library}.v0.5.0.so`;

async function loadLibraries(folder: string) {
  try {
    const { default: koffi } = await import('koffi');
    const load = (name: string) => koffi.load(join(folder, name));
    return {
      koffi,
      base: load('libggml-base.so'),
      ggml: load(nameOf(folder, 'ggml')),
      llama: load(nameOf(folder, 'llama')),
    };
  } catch (error) {
    throw new NotHere(`llama.cpp does not load on this machine: ${(error as Error).message}`);
  }
}

/**
 * The library in a folder, with the backends beside it loaded.
 *
 * @throws NotHere where this machine cannot load it
 */
export async function openLibrary(folder: string, log: Log): Promise<Library> {
  const { koffi, base, ggml, llama } = await loadLibraries(folder);
  const modelParams = koffi.struct('llama_model_params', MODEL_PARAMS);
  const contextParams = koffi.struct('llama_context_params', CONTEXT_PARAMS);
  const logCallback = koffi.proto('void llama_log(int level, const char *text, void *data)');

  const override = koffi.struct('llama_model_tensor_buft_override', { pattern: 'str', buft: 'void *' });

  const setLog = llama.func('llama_log_set', 'void', [koffi.pointer(logCallback), 'void *']);
  setLog(
    koffi.register((level: number, text: string) => log(level, text), koffi.pointer(logCallback)),
    null,
  );
  ggml.func('ggml_backend_load_all_from_path', 'void', ['str'])(folder);
  llama.func('llama_backend_init', 'void', [])();

  const breakdown = llama.func('_Z26llama_get_memory_breakdownPK13llama_context', 'void *', [
    'void *',
    'void *',
  ]);
  const isHost = base.func('ggml_backend_buft_is_host', 'bool', ['void *']);
  const cpuBuffers = base.func('ggml_backend_cpu_buffer_type', 'void *', [])();
  return {
    version: llama.func('llama_version', 'str', [])(),
    modelDefaults: llama.func('llama_model_default_params', modelParams, []),
    contextDefaults: llama.func('llama_context_default_params', contextParams, []),
    loadModel: llama.func('llama_model_load_from_file', 'void *', ['str', modelParams]),
    freeModel: llama.func('llama_model_free', 'void', ['void *']),
    newContext: llama.func('llama_init_from_model', 'void *', ['void *', contextParams]),
    freeContext: llama.func('llama_free', 'void', ['void *']),
    memoryOf: (context) => {
      const map = Buffer.alloc(MAP_BYTES);
      breakdown(map, context);
      const entries = entriesOf(map, (address, bytes) => Buffer.from(koffi.view(address, bytes)));
      return entries.map(({ bufferType, ...bytes }) => ({ ...bytes, isHost: isHost(bufferType) }));
    },
    onHost: (patterns) => {
      const entries = [
        ...patterns.map((pattern) => ({ pattern, buft: cpuBuffers })),
        { pattern: null, buft: null },
      ];
      const list = koffi.alloc(override, entries.length);
      koffi.encode(list, koffi.array(override, entries.length), entries);
      return list;
    },
  };
}

/** A `std::map` as libstdc++ lays it out: the comparison, the header node, the count. */
const MAP_BYTES = 48;
const ROOT = 16;

/** A node of its tree: colour, parent, left, right, then the key and the three sizes. */
const NODE = { left: 16, right: 24, key: 32, model: 40, context: 48, compute: 56, bytes: 64 };

type Entry = Omit<BufferMemory, 'isHost'> & { readonly bufferType: bigint };

/** The entries of the map that `llama_get_memory_breakdown` returns: buffer type to sizes. */
function entriesOf(map: Buffer, read: (address: bigint, bytes: number) => Buffer): Entry[] {
  const visit = (address: bigint): Entry[] => {
    if (address === 0n) return [];
    const node = read(address, NODE.bytes);
    const size = (offset: number) => Number(node.readBigUInt64LE(offset));
    return [
      ...visit(node.readBigUInt64LE(NODE.left)),
      {
        bufferType: node.readBigUInt64LE(NODE.key),
        model: size(NODE.model),
        context: size(NODE.context),
        compute: size(NODE.compute),
      },
      ...visit(node.readBigUInt64LE(NODE.right)),
    ];
  };
  return visit(map.readBigUInt64LE(ROOT));
}
