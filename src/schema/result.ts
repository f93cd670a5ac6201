import * as z from 'zod';
import { resolvedRequestSchema } from './request.js';

const bytes = z.number().int();
const range = z.strictObject({ low: bytes, high: bytes });

const part = z.strictObject({
  id: z.string(),
  bytes,
  range: range.optional(),
  children: z.array(z.strictObject({ id: z.string(), bytes })).optional(),
});

const device = z.strictObject({
  id: z.string(),
  node: z.number().int().optional(),
  gpu: z.string().nullable(),
  parts: z.record(z.string(), bytes),
  children: z.record(z.string(), z.record(z.string(), bytes)).optional(),
  totalBytes: bytes,
  capacityBytes: bytes.optional(),
  usableBytes: bytes.optional(),
  headroomBytes: bytes.optional(),
});

const generatorSchema = z.strictObject({
  name: z.literal('llmspec'),
  version: z.string(),
  data: z.string(),
});

const note = z.strictObject({
  code: z.string(),
  args: z.record(z.string(), z.unknown()),
  message: z.string(),
});

const parameters = z.strictObject({
  total: z.number().int(),
  text: z.number().int(),
  active: z.number().int(),
  mtp: z.number().int(),
  storedElements: z.number().int().optional(),
});

/** What `vram --json` and `batch` write for one answered request. */
export const planSchema = z.strictObject({
  schemaVersion: z.literal(1),
  kind: z.literal('plan'),
  generator: generatorSchema,
  id: z.unknown(),
  request: resolvedRequestSchema,
  model: z.strictObject({ id: z.string(), name: z.string(), parameters }),
  memory: z.strictObject({ totalBytes: bytes, parts: z.array(part), devices: z.array(device) }),
  disk: z.strictObject({ fileBytes: bytes }),
  bounds: z.strictObject({ lowBytes: bytes, expectedBytes: bytes, reservedBytes: bytes }),
  verdict: z.strictObject({
    fits: z.boolean().nullable(),
    level: z.enum(['fits', 'tight', 'no']).nullable(),
    reason: z.string().nullable(),
    engineMessage: z.string().nullable(),
  }),
  notes: z.array(note),
  sources: z.array(z.string()),
  why: z
    .array(
      z.strictObject({
        part: z.string(),
        formula: z.string(),
        numbers: z.string(),
        bytes,
        source: z.string(),
      }),
    )
    .optional(),
});

/** What stands on stderr with `--json`, and on a line of `batch`, for a request that was wrong. */
export const errorSchema = z.strictObject({
  schemaVersion: z.literal(1),
  kind: z.literal('error'),
  id: z.unknown(),
  error: z.strictObject({
    code: z.string(),
    exitCode: z.number().int(),
    message: z.string(),
    hint: z.string(),
  }),
});

export type PlanDocument = z.infer<typeof planSchema>;
export type ErrorDocument = z.infer<typeof errorSchema>;
