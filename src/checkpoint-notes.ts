import type { Note } from './core/request.js';
import { layoutOf, tensorsOf } from './core/tensors/index.js';
import { countParameters, elementsOf } from './core/tensors/parameters.js';
import type { Architecture, Model } from './schema/model.js';

/** Types in which a checkpoint stores one element a parameter. */
const PLAIN = new Set(['F32', 'F16', 'BF16']);

/** Older checkpoints store frequencies of rotation too: a share of all elements, at most. */
const FREQUENCIES = 1e-6;

/**
 * What the checkpoint beside a config holds, and whether it is the model of the config: in plain types it has as many
 * elements as the model has parameters.
 *
 * @example checkpointNotes(model)[0].code // 'checkpoint'
 */
export function checkpointNotes({ checkpoint, architecture }: Model): Note[] {
  if (!checkpoint) return [];
  const { files, tensors, bytes } = checkpoint;
  const types = Object.keys(checkpoint.elements);
  const held: Note = { code: 'checkpoint', args: { files, tensors, bytes, types } };
  if (!types.every((type) => PLAIN.has(type))) return [held];
  const stored = Object.values(checkpoint.elements).reduce((sum, count) => sum + count, 0);
  const counted = storedCounts(architecture);
  if (counted.some((count) => stored >= count && stored <= count * (1 + FREQUENCIES))) return [held];
  return [held, { code: 'checkpoint-differs', args: { stored, counted: counted[0]! } }];
}

/** As many elements as a checkpoint may store: with or without its modules for further tokens, buffers, a copy of the head. */
function storedCounts(architecture: Architecture): number[] {
  const { total, mtp } = countParameters(layoutOf(architecture));
  const buffers = tensorsOf(architecture)
    .filter(({ buffer }) => buffer)
    .reduce((sum, tensor) => sum + elementsOf(tensor), 0);
  const head = architecture.tiedEmbeddings ? architecture.vocabSize * architecture.hiddenSize : 0;
  return sumsOf([mtp, buffers, head]).map((more) => total + more);
}

/** The sum of every selection of some figures, that of none first. */
function sumsOf([first, ...others]: readonly number[]): number[] {
  if (first === undefined) return [0];
  const rest = sumsOf(others);
  return [...rest, ...rest.map((sum) => sum + first)];
}
