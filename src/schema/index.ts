import * as z from 'zod';
import { checkConfigSchema, checkSchema } from './check.js';
import { engineSchema } from './engine.js';
import { gpuSchema } from './gpu.js';
import { modelSchema } from './model.js';
import { priceSchema } from './price.js';
import { quantSchema } from './quant.js';
import { requestSchema } from './request.js';
import { errorSchema, planSchema } from './result.js';

/** Everything that has a published shape: one line each. */
export const SCHEMAS = {
  model: modelSchema,
  gpu: gpuSchema,
  quant: quantSchema,
  engine: engineSchema,
  price: priceSchema,
  request: requestSchema,
  plan: planSchema,
  check: checkSchema,
  'check-config': checkConfigSchema,
  error: errorSchema,
} as const;

const VERSION = 1;

/**
 * The JSON Schema of a shape, draft 2020-12.
 *
 * @example jsonSchema('model').$id // 'urn:llmspec:schema:1:model'
 */
export function jsonSchema(name: keyof typeof SCHEMAS): object {
  const { $schema, ...shape } = z.toJSONSchema(SCHEMAS[name], { io: 'input' });
  return { $schema, $id: `urn:llmspec:schema:${VERSION}:${name}`, ...shape };
}
