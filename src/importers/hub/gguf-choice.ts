import { InputError } from '../../errors.js';
import type { HubFile } from './repository.js';

/** Taken where none is named: the help of llama.cpp's `-hf` says so, then the first file. */
const USUAL = 'Q4_K_M';

const LATER_PART = /-(?!00001)\d{5}-of-\d{5}\.gguf$/i;
const FIRST_PART = /-00001-of-\d{5}(?=\.gguf$)/i;
/** Files beside the model: vision projectors, importance matrices. */
const BESIDE = /(^|\/)(mmproj|imatrix)[^/]*$/i;

/**
 * The GGUF file of a repository that `org/name:quant` means, the first part of a split one.
 *
 * @returns `undefined` where the repository has no GGUF file
 * @throws InputError `unknown-quant` where it has some, but not this one; `known` lists what it has
 * @example chooseGguf(files, 'q4_k_m') // { path: 'Qwen3-8B-Q4_K_M.gguf' }
 */
export function chooseGguf(files: readonly HubFile[], quant?: string): HubFile | undefined {
  const models = files.filter(
    ({ path }) => /\.gguf$/i.test(path) && !LATER_PART.test(path) && !BESIDE.test(path),
  );
  if (models.length === 0) return undefined;
  if (quant === undefined || quant.toLowerCase() === 'latest') return best(models, USUAL) ?? models[0];
  const found = best(models, quant);
  if (found) return found;
  const known = [...new Set(models.map(({ path }) => quantIn(path)))];
  throw new InputError('unknown-quant', {
    name: quant,
    engine: 'This repository',
    near: known.filter((name) => name !== '').slice(0, 12),
  });
}

/** The shortest name with the quant as a word of its own: `UD-Q4_K_M` only where there is no plain `Q4_K_M`. */
function best(files: readonly HubFile[], quant: string): HubFile | undefined {
  const words = quant.replaceAll('.', '\\.');
  const word = new RegExp(`(^|[-./_])${words}(?=[-./]|$)`, 'i');
  const matching = files.filter(({ path }) =>
    word.test(path.replace(FIRST_PART, '').replace(/\.gguf$/i, '')),
  );
  return matching.toSorted(
    (one, other) => one.path.length - other.path.length || (one.path < other.path ? -1 : 1),
  )[0];
}

const QUANT = /(?:UD-)?(?:I?Q\d\w*|TQ\d_\d|MXFP4\w*|NVFP4|BF16|F16|F32|FP16)$/i;

const quantIn = (path: string): string =>
  QUANT.exec(path.replace(FIRST_PART, '').replace(/\.gguf$/i, ''))?.[0] ?? '';
