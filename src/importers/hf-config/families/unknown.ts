import type { Fields } from '../fields.js';
import type { Adapter } from '../shared.js';
import { OTHER_TYPES } from './other-types.js';
import { plain } from './plain.js';

/** What a plain decoder such as Llama says of itself. */
const NEEDED = [
  'hidden_size',
  'num_hidden_layers',
  'num_attention_heads',
  'intermediate_size',
  'vocab_size',
  'rms_norm_eps',
] as const;

/** Activations of a feed-forward with a gate; with others there may be none. */
const GATED = new Set(['silu', 'swish']);

/** Switches that add what Llama has not. */
const SWITCHES = ['attention_bias', 'mlp_bias', 'use_sliding_window'] as const;

/**
 * A type that nobody told us of, read as Llama where its config has Llama's fields and none that says more. A type that
 * is known to be something else is refused.
 */
export const plainDecoder =
  (type: string): Adapter =>
  (config) => {
    if (OTHER_TYPES.has(type) || NEEDED.some((name) => !config.has(name))) config.refuse('model_type', type);
    refuseOthers(config);
    const geometry = plain({ context: 2048 })(config);
    const tied = config.has('tie_word_embeddings') ? 'said' : 'assumed';
    return {
      ...geometry,
      notes: [{ code: 'plain-decoder', args: { type, embeddings: tied } }, ...(geometry.notes ?? [])],
    };
  };

/** Refuses what says that the decoder is not Llama's: its feed-forward, its biases, its windows. */
function refuseOthers(config: Fields): void {
  const activation = config.text('hidden_act', 'hidden_activation') ?? 'silu';
  if (!GATED.has(activation)) config.refuse('hidden_act', activation);
  for (const name of SWITCHES) if (config.flag(false, name)) config.refuse(name, true);
  if (config.raw('use_sliding_window') === undefined && config.countOrNone('sliding_window'))
    config.refuse('sliding_window');
  config.ignore('sliding_window');
  if (config.texts('layer_types')?.some((name) => name !== 'full_attention')) config.refuse('layer_types');
}
