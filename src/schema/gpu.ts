import * as z from 'zod';
import { sources } from './sources.js';

/** Bytes per second one card sends to another, and how the figure is counted. */
const link = z.strictObject({
  kind: z.enum(['nvlink', 'nvlink-bridge', 'xgmi', 'ethernet', 'ici', 'neuronlink', 'c2c', 'pcie', 'none']),
  bytesPerSecond: z.number().int().positive().optional(),
  direction: z.enum(['unidirectional', 'bidirectional']).optional(),
});

const memory = z.strictObject({
  /** The number on the box, in the vendor's gigabytes. */
  marketedGb: z.number().positive(),
  type: z.string().min(1),
  /** What the driver reports, in bytes. */
  capacityBytes: z.number().int().positive(),
  capacityEstimated: z.literal(true).optional(),
  /** What a program on the card can allocate at most, in bytes. */
  usableBytes: z.number().int().positive(),
  usableEstimated: z.literal(true).optional(),
  /** Capacity with error correction switched the other way, where the card has the switch. */
  ecc: z
    .strictObject({ assumed: z.enum(['on', 'off']), otherwiseBytes: z.number().int().positive() })
    .optional(),
  /** Memory shared with the processor and the operating system. */
  unified: z.literal(true).optional(),
  bandwidthBytesPerSecond: z.number().int().positive().optional(),
});

/** One size that a chip with several memory sizes is sold in; its id is `<file>-<suffix>`. */
const memoryOption = z.strictObject({
  suffix: z.string().regex(/^[0-9]+gb$/),
  capacityBytes: z.number().int().positive(),
  usableBytes: z.number().int().positive(),
  bandwidthBytesPerSecond: z.number().int().positive().optional(),
});

/** A card, an accelerator or a machine with unified memory: one file of `data/gpus`. */
export const gpuSchema = z.strictObject({
  $schema: z.string().optional(),
  name: z.string().min(1),
  vendor: z.enum(['nvidia', 'amd', 'intel', 'apple', 'google', 'aws', 'huawei']),
  segment: z.enum(['consumer', 'workstation', 'datacenter', 'laptop', 'embedded', 'unified']),
  architecture: z.string().min(1),
  releaseYear: z.number().int().optional(),
  aliases: z.array(z.string().min(1)).optional(),
  /** Where one name covers several boards: what the plain name takes, said once in every answer. */
  boards: z.string().optional(),
  memory,
  /** Other memory sizes of the same chip. The size in `memory` is the one a plain name means. */
  memoryOptions: z.array(memoryOption).optional(),
  /** Dense peak rates, operations per second. */
  rates: z
    .strictObject({
      fp32: z.number().positive().optional(),
      tf32: z.number().positive().optional(),
      fp16: z.number().positive().optional(),
      fp16Fp32Accumulate: z.number().positive().optional(),
      bf16: z.number().positive().optional(),
      fp8: z.number().positive().optional(),
      fp8Fp32Accumulate: z.number().positive().optional(),
      int8: z.number().positive().optional(),
      fp4: z.number().positive().optional(),
    })
    .optional(),
  /** Backend that llama.cpp uses on it by default. */
  backend: z.enum(['cuda', 'rocm', 'vulkan', 'metal', 'sycl']).optional(),
  /** CUDA compute capability, or the gfx name of ROCm. */
  target: z.string().optional(),
  /** Streaming multiprocessors: the CUDA context grows with them. */
  multiprocessors: z.number().int().positive().optional(),
  link: link.optional(),
  pcie: z.strictObject({ generation: z.number().int(), lanes: z.number().int().optional() }).optional(),
  cardsPerNode: z.number().int().positive().optional(),
  powerWatts: z.number().positive().optional(),
  price: z
    .strictObject({
      usd: z.number().positive(),
      kind: z.enum(['launch', 'approximate']),
      note: z.string().optional(),
    })
    .optional(),
  notes: z.array(z.string()).optional(),
  /** Fields that were computed or assumed, not read. */
  derived: z.array(z.string()).optional(),
  sources,
});

export type Gpu = z.infer<typeof gpuSchema>;
