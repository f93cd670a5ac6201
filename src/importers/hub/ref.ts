/** A repository of the hub, as a user names it. */
export interface HubRef {
  /** `org/name` */
  readonly id: string;
  /** A branch, a tag or a commit. Absent: the main branch. */
  readonly revision?: string;
  /** Which of the GGUF files of the repository, such as `Q4_K_M`. */
  readonly quant?: string;
}

/** The branch that a repository has if nothing else is named. */
export const MAIN = 'main';

/** `huggingface_hub` 1.x `utils/_validators.py:validate_repo_id`: at most 96 signs, no `--` and no `..` */
const PART = /^(?![.-])[\w.-]{1,96}(?<![.-])$/;
const REVISION = /^[\w.+-][\w.+/-]{0,199}$/;
const MOST_PATH = 1000;
const QUANT = /^\w[\w.-]{0,63}$/;
/** How browsers and Ollama write it. */
const ADDRESS = /^(https?:\/\/)?(hf\.co|huggingface\.co)\//;

/**
 * Reads `org/name[@revision][:quant]`.
 *
 * @returns `undefined` for what cannot be a repository of the hub
 * @example parseHubRef('unsloth/Qwen3-8B-GGUF:Q4_K_M') // { id: 'unsloth/Qwen3-8B-GGUF', quant: 'Q4_K_M' }
 */
export function parseHubRef(text: string): HubRef | undefined {
  const found = /^([^/@:]+\/[^/@:]+)(?:@([^:]+))?(?::(.+))?$/.exec(text.replace(ADDRESS, ''));
  if (!found) return undefined;
  const [, id, revision, quant] = found;
  const isId =
    id!.length <= 96 && id!.split('/').every((part) => PART.test(part)) && !/--|\.\.|\.git$/.test(id!);
  const isRevision = revision === undefined || (REVISION.test(revision) && isPlainPath(revision));
  if (!isId || !isRevision || (quant !== undefined && !QUANT.test(quant))) return undefined;
  return {
    id: id!,
    ...(revision === undefined ? {} : { revision }),
    ...(quant === undefined ? {} : { quant }),
  };
}

/**
 * Whether a path stays below where it starts, on every system: no empty parts, dots alone or backslashes.
 *
 * @example isPlainPath('../token') // false
 */
export const isPlainPath = (path: string): boolean =>
  path.length <= MOST_PATH &&
  !/[\\:\p{Cc}]/u.test(path) &&
  path.split('/').every((part) => !/^\.{0,2}$/.test(part));

/**
 * The same as text.
 *
 * @example formatHubRef({ id: 'org/name', revision: 'v2' }) // 'org/name@v2'
 */
export const formatHubRef = ({ id, revision, quant }: HubRef): string =>
  `${id}${revision === undefined ? '' : `@${revision}`}${quant === undefined ? '' : `:${quant}`}`;
