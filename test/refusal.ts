import { expect } from 'vitest';
import type { ErrorCode } from '../src/errors.js';

/** What `toThrow` compares an `InputError` with: its code, and those of its values that matter. */
export const refusal = (code: ErrorCode, args: Record<string, unknown> = {}) =>
  expect.objectContaining({ name: 'InputError', code, args: expect.objectContaining(args) });
