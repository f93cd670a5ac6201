import type { Adapter } from '../shared.js';
import { GEMMA } from './gemma.js';
import { HYBRIDS } from './hybrids.js';
import { LATENT } from './latent.js';
import { LLAMA_LIKE } from './llama-like.js';
import { MIXTURES } from './mixtures.js';
import { OWN_NAMES } from './own-names.js';
import { SLIDING_MIXTURES } from './sliding-mixtures.js';

const READ: Readonly<Record<string, Adapter>> = {
  ...LLAMA_LIKE,
  ...MIXTURES,
  ...SLIDING_MIXTURES,
  ...LATENT,
  ...HYBRIDS,
  ...GEMMA,
  ...OWN_NAMES,
};

/** The same text under the name that it has inside a model with towers. */
const SAME: Readonly<Record<string, string>> = {
  qwen2_vl_text: 'qwen2',
  qwen2_5_vl_text: 'qwen2',
  qwen3_vl_text: 'qwen3',
  qwen3_vl_moe_text: 'qwen3_moe',
  minimax_m3_vl: 'minimax_m3_vl_text',
};

/** Every language model that is read, by `model_type`. */
export const TEXTS: Readonly<Record<string, Adapter>> = {
  ...READ,
  ...Object.fromEntries(Object.entries(SAME).map(([name, same]) => [name, READ[same]!])),
};
