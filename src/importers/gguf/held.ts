import { InputError } from '../../errors.js';
import type { Model } from '../../schema/model.js';
import { ggmlType, type HeldWeights } from '../../schema/quant.js';
import { fileTypeOf } from './file-type.js';
import type { GgufTensorInfo } from './header.js';
import { type GgufOrigin, modelFromGguf } from './model.js';
import type { Gguf } from './split.js';

/** The label of a file that does not say its mix. */
const NO_LABEL = 'GGUF';

/**
 * The model of a GGUF file, with the weights that the file holds.
 *
 * @throws InputError as `modelFromGguf`, `not-understood` for a type that no tensor of a model has
 * @example heldModel(await readGgufFile('a.gguf'), 'a', origin).held.tensors.size // 291
 */
export function heldModel(gguf: Gguf, id: string, origin: GgufOrigin): Model {
  const { architecture, ...spec } = modelFromGguf(gguf, origin);
  if ('sameAs' in architecture) throw new InputError('bug', { problem: 'a file that shares a geometry' });
  const held: HeldWeights = {
    kind: 'gguf-file',
    name: fileTypeOf(gguf) ?? NO_LABEL,
    file: gguf.name,
    tensors: new Map(gguf.tensors.map((tensor) => [tensor.name, heldTensor(tensor, gguf.name)])),
  };
  return { ...spec, id, architecture, held };
}

function heldTensor({ name, type, ne }: GgufTensorInfo, path: string) {
  const known = ggmlType.safeParse(type);
  if (known.success) return { type: known.data, ne };
  throw new InputError('not-understood', {
    path,
    field: `tensor ${name} of type ${type}`,
    engine: 'llama.cpp',
  });
}
