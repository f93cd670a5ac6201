import type { Metadata } from './metadata.js';

/** What one layer of attention sees, where it does not see everything. */
interface Window {
  readonly kind: 'sliding' | 'chunked';
  readonly window: number;
}

/** The window of a layer; `undefined`: it sees everything. */
export type WindowOf = (layer: number, metadata: Metadata) => Window | undefined;
export const WINDOW = 'attention.sliding_window';
const PATTERN = 'attention.sliding_window_pattern';

/** Which layers have a window, and how large it is. */
interface Windows {
  /** Of so many layers one sees everything, if the file does not say it. Absent: the file lists the layers. */
  readonly every?: number;
  /** It is the first of them, not the last. */
  readonly first?: true;
  /** Where the file does not say it. */
  readonly size?: number;
  /** Without a size in the file all layers see everything. */
  readonly optional?: true;
}

/** Whether a layer has a window: `llama-model.cpp:load_swa_pattern`, `llama-hparams.cpp:set_swa_pattern`. */
export function hasWindow(layer: number, metadata: Metadata, { every, first }: Windows): boolean {
  const listed = metadata.list(PATTERN);
  if (listed) return (listed[layer] ?? 0) !== 0;
  if (every === undefined) throw metadata.fault(PATTERN, 'is missing');
  const pattern = metadata.optionalWhole(PATTERN) ?? every;
  return pattern === 0 || layer % pattern !== (first ? 0 : pattern - 1);
}

/**
 * Layers with a window of the file's size.
 *
 * @throws InputError `bad-file` where the file has to say it, and does not
 */
export const sliding =
  (windows: Windows): WindowOf =>
  (layer, metadata) => {
    const size = metadata.has(WINDOW) ? metadata.optionalCount(WINDOW) : windows.size;
    if (size === undefined && windows.optional) return undefined;
    return hasWindow(layer, metadata, windows)
      ? { kind: 'sliding', window: size ?? metadata.count(WINDOW) }
      : undefined;
  };
