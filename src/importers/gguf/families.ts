import type { Architecture } from '../../schema/model.js';
import type { Metadata } from './metadata.js';

/** What one layer of attention sees, where it does not see everything. */
export interface Window {
  readonly kind: 'sliding' | 'chunked';
  readonly window: number;
}

/** What the file of an architecture leaves unsaid, because llama.cpp has it in its code. */
export interface GgufFamily {
  readonly activation?: Architecture['activation'];
  /** The window of a layer; without it all layers see everything. */
  readonly window?: (layer: number, metadata: Metadata) => Window | undefined;
  /** Whether a layer sees positions by rotation; without it all do. */
  readonly rotates?: (layer: number, metadata: Metadata) => boolean;
}

/** Chunked layers of Llama 4, whatever the file says: `src/models/llama4.cpp:load_arch_hparams`. */
const LLAMA4_CHUNK = 8192;
/** Every fourth layer of Llama 4 sees everything and no positions. */
const LLAMA4_PATTERN = 4;

/** An explicit window of 0 turns the chunks off, and with them the layers without positions. */
const hasChunks = (metadata: Metadata): boolean =>
  !metadata.has('attention.sliding_window') ||
  metadata.optionalCount('attention.sliding_window') !== undefined;

const isLastOf = (pattern: number, layer: number): boolean => layer % pattern === pattern - 1;

/** All but the last layer of every few see a window of the file's size: `llama-hparams.cpp:set_swa_pattern`. */
const slidingExceptEvery =
  (usual: number) =>
  (layer: number, metadata: Metadata): Window | undefined => {
    const window = metadata.optionalCount('attention.sliding_window');
    if (window === undefined) return undefined;
    const pattern = metadata.optionalCount('attention.sliding_window_pattern') ?? usual;
    return isLastOf(pattern, layer) ? undefined : { kind: 'sliding', window };
  };

/**
 * Every architecture of llama.cpp that is read from a file, under the engine's own name.
 * Source: llama.cpp v0.5.0 `src/models/<name>.cpp:load_arch_hparams`.
 */
export const GGUF_FAMILIES: Readonly<Record<string, GgufFamily>> = {
  llama: {},
  llama4: {
    window: (layer, metadata) =>
      hasChunks(metadata) && !isLastOf(LLAMA4_PATTERN, layer)
        ? { kind: 'chunked', window: LLAMA4_CHUNK }
        : undefined,
    rotates: (layer, metadata) => !hasChunks(metadata) || !isLastOf(LLAMA4_PATTERN, layer),
  },
  qwen2: {},
  qwen3: {},
  qwen3moe: {},
  qwen3next: {},
  'gpt-oss': { activation: 'swigluoai', window: slidingExceptEvery(2) },
  deepseek2: {},
  glm4moe: {},
  gemma3: { activation: 'gelu', window: slidingExceptEvery(6) },
  'minimax-m2': {},
  granitehybrid: {
    // `granite-hybrid.cpp` takes this key as the switch for rotation.
    rotates: (_, metadata) => metadata.optionalSwitch('rope.scaling.finetuned') ?? true,
  },
};
