import * as z from 'zod';
import { deviceRequest, optionValue, resolvedRequestSchema } from './request.js';
import { planSchema } from './result.js';

// What the file of checks may say. Sizes and tokens are text, as on the command line.

const positive = z.number().int().positive();
const word = z.string().trim().min(1);

const size = z
  .string({ error: 'expected a size as text, such as 24GiB or 80GB' })
  .regex(/^\d+(_\d+)*(\.\d+)?\s*([KkMmGgTt]([Ii]?[Bb])?|[Bb])$/, {
    error: 'expected a size such as 24GiB or 80GB',
  });

const TOKENS = 'expected tokens such as 8192, 128k or max';

const tokens = z.union([positive, z.string().regex(/^(\d+(_\d+)*(\.\d+)?[KkMm]?|max)$/, { error: TOKENS })], {
  error: TOKENS,
});

/** One value, or a list of which every value makes a row. */
const oneOrMore = <T extends z.ZodType>(value: T, error: string) =>
  z.union([value, z.array(value).min(1)], { error });

const devices = z.union([word, z.number(), z.array(word).min(1), deviceRequest, z.array(deviceRequest)], {
  error: 'expected devices such as 2x4090, 24GiB, cpu, a list of them, or [{ gpu, count }] as in a request',
});

/** Parts of a plan that a limit may name, and the kinds inside them. */
const CHECKED_PARTS = [
  'weights',
  'kvCache',
  'compute',
  'output',
  'runtime',
  'weights.embedding',
  'weights.attention',
  'weights.linearAttention',
  'weights.denseFeedForward',
  'weights.routedExperts',
  'weights.sharedExperts',
  'weights.router',
  'weights.norms',
  'weights.head',
  'kvCache.fullAttention',
  'kvCache.slidingWindow',
  'kvCache.latent',
  'kvCache.recurrentState',
] as const;

const limits = z.strictObject({
  /** Every device must hold its share: the default where a device has a memory. */
  fits: z.boolean().optional(),
  total: size.optional(),
  perDevice: size.optional(),
  parts: z.partialRecord(z.enum(CHECKED_PARTS), size).optional(),
  /** Tokens that one sequence must be able to hold there. */
  minContext: tokens.optional(),
  /** Sequences that must fit at once. */
  minSequences: positive.optional(),
});

const ALLOWANCE = 'expected 0, a share such as 5% or a size such as 1GiB';

const allowance = z.union([z.literal(0), size, z.string().regex(/^\d+(\.\d+)?\s*%$/, { error: ALLOWANCE })], {
  error: ALLOWANCE,
});

const growth = z.union(
  [allowance, z.partialRecord(z.enum(['total', 'device', ...CHECKED_PARTS.slice(0, 5)]), allowance)],
  { error: 'expected 0, 5%, 1GiB, or one of these for total, device or a part' },
);

const settings = {
  engine: word.optional(),
  engineVersion: word.optional(),
  quant: oneOrMore(word, 'expected a weight format or a list of them').optional(),
  context: z
    .union([tokens, z.array(tokens).min(1)], {
      error: 'expected tokens such as 8192, 128k or max, or a list of them',
    })
    .optional(),
  sequences: oneOrMore(positive, 'expected a whole number from 1, or a list of them').optional(),
  kv: oneOrMore(word, 'expected a cache type or a list of them').optional(),
  kvK: word.optional(),
  kvV: word.optional(),
  devices: devices.optional(),
  hostMemory: size.optional(),
  options: z.record(z.string(), optionValue).optional(),
  imatrix: z.boolean().optional(),
  fileSize: size.optional(),
  allowContextOverflow: z.boolean().optional(),
  limits: limits.optional(),
  growth: growth.optional(),
};

/** One entry of `rows`. */
export const checkRowSchema = z.strictObject({
  name: word.optional(),
  model: oneOrMore(word, 'expected a model or a list of them'),
  ...settings,
});

const checkDefaultsSchema = z.strictObject(settings);

/** The whole file but its rows, each of which is read on its own: a wrong one does not hide the others. */
export const checkFrameSchema = z.strictObject({
  $schema: z.string().optional(),
  baseline: word.optional(),
  defaults: checkDefaultsSchema.optional(),
  rows: z
    .array(z.unknown(), { error: 'expected a list of rows' })
    .min(1, { error: 'expected at least one row' }),
});

/** `llmspec.config.json` or `.yaml`, or `llmspec` in a `package.json`. */
export const checkConfigSchema = checkFrameSchema.extend({ rows: z.array(checkRowSchema).min(1) });

export type RowConfig = z.infer<typeof checkRowSchema>;
export type DefaultsConfig = z.infer<typeof checkDefaultsSchema>;
export type GrowthConfig = z.infer<typeof growth>;

// What `check --json` writes, and `--write-baseline` keeps.

const bytes = z.number().int();
const args = z.record(z.string(), z.unknown());
const fact = z.union([z.string(), z.number(), z.boolean()]);

const cause = z.strictObject({
  what: z.string(),
  from: fact.nullable(),
  to: fact.nullable(),
  message: z.string(),
});

const change = z.strictObject({
  id: z.string(),
  fromBytes: bytes,
  toBytes: bytes,
  byBytes: bytes,
  causes: z.array(cause),
  message: z.string(),
});

const row = z.strictObject({
  name: z.string(),
  line: z.number().int().optional(),
  status: z.enum(['passed', 'failed', 'wrong']),
  exitCode: z.number().int(),
  request: resolvedRequestSchema.optional(),
  verdict: planSchema.shape.verdict.optional(),
  memory: planSchema.shape.memory.optional(),
  capacity: z
    .strictObject({
      maxContextTokens: z.number().int().optional(),
      maxSequences: z.number().int().optional(),
    })
    .optional(),
  problems: z.array(z.strictObject({ code: z.string(), args, message: z.string() })),
  wouldFit: z.array(
    z.strictObject({ kind: z.string(), value: z.union([z.string(), z.number()]), message: z.string() }),
  ),
  change: z.strictObject({ status: z.enum(['new', 'same', 'changed']), parts: z.array(change) }).optional(),
  error: z
    .strictObject({ code: z.string(), exitCode: z.number().int(), message: z.string(), hint: z.string() })
    .optional(),
  notes: planSchema.shape.notes,
});

const facts = z.record(z.string(), fact);

/** What `check --json` writes. */
export const checkSchema = z.strictObject({
  schemaVersion: z.literal(1),
  kind: z.literal('check'),
  generator: planSchema.shape.generator,
  file: z.string(),
  exitCode: z.number().int(),
  counts: z.strictObject({
    rows: z.number().int(),
    passed: z.number().int(),
    failed: z.number().int(),
    wrong: z.number().int(),
  }),
  baseline: z
    .strictObject({
      from: z.string(),
      generator: z.strictObject({ version: z.string(), data: z.string() }),
      removed: z.array(z.string()),
    })
    .optional(),
  rows: z.array(row),
  /** The geometry behind the rows, by the model's name in the request. */
  models: z.record(z.string(), facts),
  next: z.string(),
});

/** What a baseline must say: a document of `check`, of this version or another. */
export const baselineSchema = z.object({
  schemaVersion: z.literal(1),
  kind: z.literal('check'),
  generator: z.object({ version: z.string(), data: z.string() }),
  rows: z.array(
    z.object({
      name: z.string(),
      request: z.record(z.string(), z.unknown()).optional(),
      memory: z
        .object({
          totalBytes: bytes,
          parts: z.array(z.object({ id: z.string(), bytes })),
          devices: z.array(z.object({ id: z.string(), totalBytes: bytes })),
        })
        .optional(),
    }),
  ),
  models: z.record(z.string(), facts),
});

export type CheckDocument = z.infer<typeof checkSchema>;
export type CheckRow = CheckDocument['rows'][number];
export type Baseline = z.infer<typeof baselineSchema>;

/** What a row asks of its plan beyond the limits of the request. */
export interface Expectations {
  /** Whether every device must hold its share; left out: where one has a memory. */
  readonly fits?: boolean;
  /** Most bytes of a part, such as `kvCache` or `weights.routedExperts`. */
  readonly parts: Readonly<Record<string, number>>;
  readonly contextTokens?: number | 'max';
  readonly sequences?: number;
}

/** How much may grow since the baseline: a share of what it was, or bytes. */
export type Allowance = { readonly share: number } | { readonly bytes: number };

/** By `total`, `device` or part. */
export type Allowances = Readonly<Record<string, Allowance>>;
