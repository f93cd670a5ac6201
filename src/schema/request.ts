import * as z from 'zod';

const positive = z.number().int().positive();

/** More cards than any machine has; a larger count is a slip. */
const cardCount = positive.max(1024);

export const deviceRequest = z.union([
  z.strictObject({
    gpu: z.union([z.string().min(1), z.null()]),
    count: cardCount.default(1),
    memoryBytes: positive.optional(),
    /** One of them also drives a screen. */
    display: z.boolean().optional(),
  }),
  z.strictObject({ memoryBytes: positive, count: cardCount.default(1) }),
]);

export const optionValue = z.union([z.string(), z.number(), z.boolean(), z.null()]);

/** A question as `batch` reads it and every result echoes it. */
export const requestSchema = z.strictObject({
  id: z.unknown().optional(),
  model: z.string().min(1),
  engine: z.string().optional(),
  engineVersion: z.string().optional(),
  quant: z.string().min(1).optional(),
  contextTokens: z.union([positive, z.string().min(1)]).optional(),
  sequences: positive.optional(),
  kvTypeK: z.string().optional(),
  kvTypeV: z.string().optional(),
  devices: z.array(deviceRequest).optional(),
  hostMemoryBytes: positive.optional(),
  limits: z.strictObject({ totalBytes: positive.optional(), perDeviceBytes: positive.optional() }).optional(),
  parallel: z
    .strictObject({
      tensor: positive.optional(),
      pipeline: positive.optional(),
      expert: positive.optional(),
      data: positive.optional(),
    })
    .optional(),
  options: z.record(z.string(), optionValue).optional(),
  imatrix: z.boolean().optional(),
  fileBytes: positive.optional(),
  workload: z
    .strictObject({
      inputTokens: z.number().int().nonnegative().optional(),
      outputTokens: positive.optional(),
      depthTokens: z.number().int().nonnegative().optional(),
      concurrency: z.union([positive, z.literal('max')]).optional(),
    })
    .optional(),
  allowContextOverflow: z.boolean().optional(),
});

export type Request = z.infer<typeof requestSchema>;
export type DeviceRequest = z.infer<typeof deviceRequest>;
export type OptionValue = z.infer<typeof optionValue>;

/** A request with every default filled in, as a result echoes it; `batch` takes it again. */
export const resolvedRequestSchema = requestSchema
  .omit({ id: true })
  .required({ engine: true, engineVersion: true, quant: true, sequences: true, kvTypeK: true, kvTypeV: true })
  .required({ devices: true, options: true, imatrix: true, allowContextOverflow: true })
  .extend({ contextTokens: positive });
