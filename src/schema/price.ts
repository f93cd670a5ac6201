import * as z from 'zod';
import { sources } from './sources.js';

/** What one rented machine costs. The same machine has a row a kind: the cheapest region of it. */
const instance = z.strictObject({
  /** The provider's name of the machine. */
  id: z.string().min(1),
  /** Id of a file of `data/gpus`. */
  gpu: z.string().min(1),
  /** Devices as software sees them. */
  count: z.number().int().positive(),
  /** For the whole machine. */
  usdPerHour: z.number().positive(),
  kind: z.enum(['on-demand', 'spot']),
  /** `all` where one price holds everywhere. */
  region: z.string().min(1),
  hostMemoryBytes: z.number().int().positive().optional(),
  /** The day of the price, `YYYY-MM-DD`. */
  date: z.iso.date(),
});

/** The prices of one cloud: one file of `data/prices`. */
export const priceSchema = z.strictObject({
  $schema: z.string().optional(),
  provider: z.string().min(1),
  /** The licence of what the prices were read from. */
  license: z.string().min(1),
  currency: z.literal('USD'),
  instances: z.array(instance).min(1),
  sources,
});

export type PriceList = z.infer<typeof priceSchema>;
