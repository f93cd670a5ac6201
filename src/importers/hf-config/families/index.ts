import type { Adapter } from '../shared.js';
import { TEXTS } from './texts.js';
import { WRAPPERS } from './wrappers.js';

/** Every family that is read, by `model_type`. */
export const ADAPTERS: Readonly<Record<string, Adapter>> = { ...TEXTS, ...WRAPPERS };
