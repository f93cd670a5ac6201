import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { InputError } from '../../errors.js';
import type { HubProgress } from '../../schema/progress.js';
import { type Environment, type ProxyFor, proxiesOf } from './proxies.js';

/** Where the hub is and how it is asked. */
export interface HubSettings {
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly token?: string;
  /** Folder with `models--org--name` in it. */
  readonly cacheFolder: string;
  /** The network is not to be touched. */
  readonly offline: boolean;
  readonly proxyFor: ProxyFor;
  /** A connection that is silent for so long is given up. */
  readonly silenceMs: number;
  /** One request may take so long in all. */
  readonly requestMs: number;
  readonly pause: (ms: number) => Promise<void>;
  readonly progress: (step: HubProgress) => void;
}

/** What the caller adds to the environment. */
export interface HubOptions {
  readonly home: string;
  /** Set by `--offline`. */
  readonly offline?: boolean;
  readonly silenceMs?: number;
  readonly requestMs?: number;
  /** How a further try waits. */
  readonly pause?: (ms: number) => Promise<void>;
  readonly progress?: (step: HubProgress) => void;
}

const PUBLIC_HUB = 'https://huggingface.co';
/** `huggingface_hub` `constants.py:HF_HUB_DOWNLOAD_TIMEOUT` */
const USUAL_SILENCE_MS = 10_000;
const USUAL_REQUEST_MS = 120_000;

/**
 * Reads the variables that tools of the hub share: `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH`, `HF_HOME`,
 * `HF_HUB_CACHE`, `HF_HUB_OFFLINE`, `HF_HUB_DOWNLOAD_TIMEOUT`, and those of proxies.
 * Source: `huggingface_hub` 1.x `constants.py`, `utils/_auth.py`.
 *
 * @throws InputError `network` for an endpoint, a token or a proxy that cannot be used
 * @example hubSettings(process.env, { home: homedir() }).cacheFolder // '/home/me/.cache/huggingface/hub'
 */
export function hubSettings(env: Environment, options: HubOptions): HubSettings {
  const { home } = options;
  const place = (path: string): string => resolve(path.replace(/^~(?=[\\/]|$)/, home));
  const hubHome = place(env.HF_HOME || join(env.XDG_CACHE_HOME || join(home, '.cache'), 'huggingface'));
  const token = tokenOf(env, place(env.HF_TOKEN_PATH || join(hubHome, 'token')));
  const seconds = Number(env.HF_HUB_DOWNLOAD_TIMEOUT);
  return {
    endpoint: endpointOf(env.HF_ENDPOINT || PUBLIC_HUB),
    ...(token === undefined ? {} : { token }),
    cacheFolder: place(env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(hubHome, 'hub')),
    offline: options.offline === true || isOn(env.HF_HUB_OFFLINE) || isOn(env.TRANSFORMERS_OFFLINE),
    proxyFor: proxiesOf(env),
    silenceMs: options.silenceMs ?? (seconds > 0 ? seconds * 1000 : USUAL_SILENCE_MS),
    requestMs: options.requestMs ?? USUAL_REQUEST_MS,
    pause: options.pause ?? ((ms) => new Promise((done) => setTimeout(done, ms))),
    progress: options.progress ?? (() => undefined),
  };
}

const isOn = (value: string | undefined): boolean => /^(1|on|yes|true)$/i.test(value ?? '');

function endpointOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return text.replace(/\/+$/, '');
  throw new InputError('network', {
    problem: `HF_ENDPOINT is "${text}", which is no address of a hub.`,
    hint: `Set it to an address such as ${PUBLIC_HUB}, or leave it out.`,
  });
}

function tokenOf(env: Environment, path: string): string | undefined {
  const given = env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN;
  if (!given && isOn(env.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  const token = (given || textOf(path) || '').trim();
  if (token === '') return undefined;
  // What else a header cannot carry would end up in an error that shows it.
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new InputError('network', {
    problem: `The token of the hub (${given ? 'HF_TOKEN' : path}) has signs that no token has.`,
    hint: 'Log in again with `hf auth login`, or set HF_TOKEN.',
  });
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // No file means no token; the hub then says whether one is needed.
    return undefined;
  }
}
