import type { Grid } from '../grid.js';
import type { DeviceRequest } from '../schema/request.js';
import { parseDevices } from '../units/devices.js';
import { parseTokens } from '../units/tokens.js';
import { type PlanningFlags, parseCount, requestFrom } from './flags.js';

/** A list with commas; not given is one entry that says nothing. */
const listOf = <T>(text: string | undefined, read: (entry: string) => T): (T | undefined)[] =>
  text === undefined ? [undefined] : text.split(',').map((entry) => read(entry.trim()));

/**
 * A grid out of flags whose values may be lists: format, context, sequences, cache type and GPU.
 * Every `--gpu` is a machine of its own, and so is every entry of its list.
 *
 * @throws InputError `bad-number`, `contradiction`
 */
export function gridFrom(models: readonly string[], flags: PlanningFlags): Grid {
  const { quant, ctx, seqs, kv, gpu, ...shared } = flags;
  const { model: _, ...base } = requestFrom('', shared);
  return {
    models,
    quants: listOf(quant, String),
    contexts: listOf(ctx, (entry) => parseTokens(entry)),
    sequences: listOf(seqs, (entry) => parseCount(entry, 'seqs')),
    kvTypes: listOf(kv, String),
    machines:
      gpu === undefined
        ? [undefined]
        : gpu.flatMap((entry) => entry.split(',')).map((entry): DeviceRequest[] => [parseDevices(entry)]),
    base,
  };
}
