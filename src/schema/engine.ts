import * as z from 'zod';
import { sources } from './sources.js';

/** What an engine loads and what names mean in it: one file of `data/engines`. */
export const engineSchema = z.strictObject({
  $schema: z.string().optional(),
  name: z.string().min(1),
  about: z.string().min(1),
  aliases: z.array(z.string().min(1)).optional(),
  /** The release whose rules are planned. */
  version: z.string().min(1),
  vendors: z.array(z.string().min(1)).min(1),
  /** `model_type` of a released config to the engine's own name of the architecture. */
  architectures: z.record(z.string(), z.string().min(1)),
  /** `model_type` of well-known models that it does not load. */
  notLoaded: z.array(z.string().min(1)).optional(),
  quants: z.strictObject({
    default: z.string().min(1),
    /** Short names and the exact format each means here. */
    short: z.record(z.string(), z.string().min(1)),
    /** What people choose among, best first. */
    usual: z.array(z.string().min(1)).min(1),
    /** For models released quantised: the format that the default and 4-bit short names mean. */
    released: z.record(z.string(), z.string().min(1)),
    /** Formats that only other engines read, and the nearest one here. */
    nearest: z.record(z.string(), z.string().min(1)),
  }),
  kvTypes: z.array(z.string().min(1)).min(1),
  /** Memory the engine wants left free on each card, bytes. */
  marginBytes: z.number().int().nonnegative(),
  sources,
});

export type Engine = z.infer<typeof engineSchema>;
