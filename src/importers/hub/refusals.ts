import { InputError } from '../../errors.js';
import type { HubSettings } from './settings.js';

/** What an answer says that is no success. */
export interface Refusal {
  readonly status: number;
  /** The header `x-error-code`, such as `GatedRepo`. */
  readonly code: string | undefined;
  /** The header `x-error-message`. */
  readonly message: string | undefined;
  readonly retryAfterSeconds: number | undefined;
}

/** What was asked for. */
export interface Wanted {
  readonly id: string;
  readonly revision: string;
  /** A file, or nothing for what the hub knows of the repository. */
  readonly path?: string;
}

/** Why the hub did not give something; `reason` of the error's values. */
export type Reason = 'gated' | 'missing' | 'token' | 'forbidden' | 'rate-limited' | 'failed' | 'unreachable';

const TRY_AGAIN = 'Try again later, or plan a model of the catalogue.';
const CHECK_NAME =
  'Check the name on the hub. For a private repository set HF_TOKEN, or log in with `hf auth login`.';

/**
 * The error that a refusal of the hub means to a user. The hub tells gated from missing by `x-error-code`, and
 * answers 401 for what is missing, so that nobody learns which private repositories there are.
 *
 * @example refusalOf({ status: 403, code: 'GatedRepo', … }, { id: 'meta-llama/Llama-3.1-8B', … }, settings)
 */
export function refusalOf(refusal: Refusal, wanted: Wanted, settings: HubSettings): InputError {
  const { status, code } = refusal;
  const what = named(wanted);
  if (code === 'GatedRepo') return gated(wanted, settings);
  if (code === 'EntryNotFound')
    return hubError(
      'missing',
      `There is no file ${wanted.path ?? ''} in ${repository(wanted)}.`,
      'See the files of the repository on the hub.',
    );
  if (code === 'RevisionNotFound')
    return hubError(
      'missing',
      `${wanted.id} has no branch, tag or commit "${wanted.revision}".`,
      'Leave @revision out for the main branch.',
    );
  if (code === 'RepoNotFound' || status === 404)
    return hubError('missing', `The hub has no ${what}, or it is private.`, CHECK_NAME);
  if (status === 429) return rateLimited(refusal, settings);
  if (status === 401) return unauthorised(wanted, settings);
  if (status === 403)
    return hubError(
      'forbidden',
      `The hub does not give ${what}: ${refusal.message ?? 'it is forbidden'}.`,
      'See the page of the repository on the hub.',
    );
  return hubError('failed', `The hub failed on ${what}: it answers ${status}.`, TRY_AGAIN);
}

const repository = ({ id, revision }: Wanted): string => (revision === 'main' ? id : `${id}@${revision}`);

const named = (wanted: Wanted): string =>
  wanted.path === undefined
    ? `repository ${repository(wanted)}`
    : `file ${wanted.path} of ${repository(wanted)}`;

/**
 * The error for what the hub or the network did not do.
 *
 * @example hubError('failed', 'The hub answers 500.', 'Try again later.')
 */
export const hubError = (reason: Reason, problem: string, hint: string): InputError =>
  new InputError('network', { reason, problem, hint });

function gated({ id }: Wanted, { endpoint, token }: HubSettings): InputError {
  const page = `${endpoint}/${id}`;
  return token === undefined
    ? hubError(
        'gated',
        `${id} is gated: its maker wants its terms accepted first.`,
        `Accept them at ${page}, then set HF_TOKEN, or log in with \`hf auth login\`.`,
      )
    : hubError(
        'gated',
        `${id} is gated, and this token has no access to it.`,
        `Ask for it at ${page} with the account of the token.`,
      );
}

function unauthorised(wanted: Wanted, { token }: HubSettings): InputError {
  return token === undefined
    ? hubError(
        'missing',
        `The hub has no public ${named(wanted)}: it is private, gated or missing.`,
        CHECK_NAME,
      )
    : hubError(
        'token',
        'The hub does not take this token.',
        'Log in again with `hf auth login`, set another HF_TOKEN, or leave it out for public repositories.',
      );
}

function rateLimited({ retryAfterSeconds }: Refusal, { token }: HubSettings): InputError {
  const when =
    retryAfterSeconds === undefined ? 'Try again in a few minutes' : `Try again in ${retryAfterSeconds} s`;
  return hubError(
    'rate-limited',
    'The hub is asked too often from here.',
    token === undefined ? `${when}; with HF_TOKEN set the hub allows more.` : `${when}.`,
  );
}

/** Failures of a connection in words, by Node's code for them. */
const CONNECTIONS: Record<string, string> = {
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'its name cannot be looked up',
  ECONNREFUSED: 'nobody answers there',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ECONNABORTED: 'the connection was cut',
  ETIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no network',
  ABORT_ERR: 'it took too long',
};

/**
 * The error for a connection that failed.
 *
 * @example unreachable(new URL('https://huggingface.co'), { code: 'ENOTFOUND', message: '' })
 */
export function unreachable(
  { host }: URL,
  error: { readonly code?: string; readonly message: string; readonly proxy?: URL | undefined },
): InputError {
  const isProxy = error.code === 'PROXY';
  const way = error.proxy && !isProxy ? ` through the proxy ${error.proxy.host}` : '';
  const problem = `${host} cannot be reached${way}: ${CONNECTIONS[error.code ?? ''] ?? error.message}.`;
  const hint = isProxy
    ? 'Check HTTPS_PROXY and NO_PROXY.'
    : 'Check the network, HTTPS_PROXY and HF_ENDPOINT; HF_HUB_OFFLINE=1 takes what is in the cache.';
  return hubError('unreachable', problem, hint);
}
