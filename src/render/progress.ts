import type { HubProgress } from '../schema/progress.js';
import { formatBytes } from '../units/bytes.js';

/**
 * A step of reading from the hub, in a few words.
 *
 * @example progressWords({ kind: 'asking', id: 'Qwen/Qwen3-8B' }) // 'Asking the hub for Qwen/Qwen3-8B …'
 */
export function progressWords({ kind, id, path, bytes, totalBytes, seconds }: HubProgress): string {
  if (kind === 'waiting') return `The hub is busy: waiting ${seconds ?? 0} s for ${id} …`;
  if (kind === 'asking') return `Asking the hub for ${id} …`;
  const of = totalBytes === undefined ? '' : ` of ${formatBytes(totalBytes)}`;
  return `Reading ${path ?? id}: ${formatBytes(bytes ?? 0)}${of}`;
}
