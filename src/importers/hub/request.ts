import type { IncomingMessage } from 'node:http';
import { ConnectionError, exchange } from './exchange.js';
import { hubError, type Refusal, refusalOf, unreachable, type Wanted } from './refusals.js';
import type { HubSettings } from './settings.js';

/** An answer that is a success. */
export interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly bytes: Uint8Array;
  /** Where the answer came from, after all redirects. */
  readonly url: URL;
}

/** One thing to be fetched. */
export interface Request {
  readonly url: URL;
  readonly wanted: Wanted;
  /** Part of it, by `offset` and `length`; without it all. */
  readonly range?: { readonly offset: number; readonly length: number };
  /** Longer answers are refused. */
  readonly mostBytes: number;
}

const TRIES = 4;
const FIRST_PAUSE_MS = 500;
/** Who asks for longer is not waited for. */
const LONGEST_PAUSE_SECONDS = 30;
const MOST_REDIRECTS = 8;

/** Failures that may be gone at the next try. */
const PASSING_STATUSES = new Set([408, 429, 500, 502, 503, 504]);
const PASSING_CODES = new Set([
  ...['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ETIMEDOUT', 'EAI_AGAIN', 'ABORT_ERR', 'SILENT', 'CUT'],
  ...['HPE_INVALID_CONSTANT', 'HPE_INVALID_EOF_STATE'],
]);

/** A failure that a further try may mend; `error` is what a user sees if none does. */
class Passing extends Error {
  readonly error: Error;
  readonly afterSeconds: number | undefined;

  constructor(error: Error, afterSeconds?: number) {
    super('passing');
    this.error = error;
    this.afterSeconds = afterSeconds;
  }
}

/**
 * Fetches from the hub: follows redirects, sends the token to the hub itself and to nobody else, tries again
 * after failures that pass, and checks the length of what comes.
 *
 * @throws InputError `network` with what went wrong and what to do about it
 */
export async function fetchBytes(request: Request, settings: HubSettings): Promise<Answer> {
  for (let tries = 1; ; tries++) {
    try {
      return await fetchOnce(request, settings);
    } catch (failure) {
      if (!(failure instanceof Passing)) throw failure;
      const seconds = failure.afterSeconds ?? (FIRST_PAUSE_MS * 2 ** (tries - 1)) / 1000;
      if (tries === TRIES || seconds > LONGEST_PAUSE_SECONDS) throw failure.error;
      settings.progress({ kind: 'waiting', id: request.wanted.id, seconds });
      await settings.pause(seconds * 1000);
    }
  }
}

async function fetchOnce(request: Request, settings: HubSettings): Promise<Answer> {
  const signal = AbortSignal.timeout(settings.requestMs);
  let { url } = request;
  const headers = new Map<string, string>();
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const message = await connected(url, request, { settings, signal });
    // What the hub itself says of a file stands on its own answer, not on the one it leads to.
    for (const [name, value] of Object.entries(message.headers)) {
      if (typeof value === 'string' && !(headers.has(name) && name.startsWith('x-')))
        headers.set(name, value);
    }
    const next = redirectOf(message, url);
    if (!next) return finished(message, { request, settings, url, headers });
    message.destroy();
    url = next;
  }
  throw hubError('failed', `${request.url.host} redirects without end.`, 'Check HF_ENDPOINT.');
}

interface Asking {
  readonly settings: HubSettings;
  readonly signal: AbortSignal;
}

async function connected(
  url: URL,
  { range }: Request,
  { settings, signal }: Asking,
): Promise<IncomingMessage> {
  const { token, endpoint, silenceMs } = settings;
  const isHub = url.origin === new URL(endpoint).origin;
  const headers = {
    'user-agent': 'llmspec',
    accept: '*/*',
    'accept-encoding': 'identity',
    ...(range ? { range: `bytes=${range.offset}-${range.offset + range.length - 1}` } : {}),
    ...(isHub && token !== undefined ? { authorization: `Bearer ${token}` } : {}),
  };
  const proxy = settings.proxyFor(url);
  try {
    return await exchange({ url, headers, proxy, silenceMs, signal });
  } catch (error) {
    throw failureOf(url, error, proxy);
  }
}

/** A failure of a connection as what it means; an error of our own stays what it is. */
function failureOf(url: URL, error: unknown, proxy?: URL): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === undefined || typeof code !== 'string') return error;
  if (!(error instanceof Error) || error.name === 'InputError') return error;
  const meant = unreachable(url, { code, message: error.message, proxy });
  return PASSING_CODES.has(code) ? new Passing(meant) : meant;
}

function redirectOf({ statusCode, headers }: IncomingMessage, from: URL): URL | undefined {
  if (![301, 302, 303, 307, 308].includes(statusCode ?? 0)) return undefined;
  const { location } = headers;
  const to =
    location !== undefined && URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  const isWeb = to?.protocol === 'https:' || to?.protocol === 'http:';
  if (!to || !isWeb || (from.protocol === 'https:' && to.protocol === 'http:'))
    throw hubError(
      'failed',
      `${from.host} redirects to ${to ? 'an address that is not safe' : 'no address'}.`,
      'Check HF_ENDPOINT.',
    );
  return to;
}

interface Arrived {
  readonly request: Request;
  readonly settings: HubSettings;
  readonly url: URL;
  readonly headers: ReadonlyMap<string, string>;
}

async function finished(
  message: IncomingMessage,
  { request, settings, url, headers }: Arrived,
): Promise<Answer> {
  const status = message.statusCode ?? 0;
  const isEmptyRange = status === 416 && request.range !== undefined;
  if ((status < 200 || status >= 300) && !isEmptyRange) {
    message.destroy();
    const refusal = refusalIn(status, headers);
    const error = refusalOf(refusal, request.wanted, settings);
    throw PASSING_STATUSES.has(status) ? new Passing(error, refusal.retryAfterSeconds) : error;
  }
  const bytes = isEmptyRange ? new Uint8Array(0) : await bodyOf(message, { request, url, status });
  message.destroy();
  return { status, headers, bytes, url };
}

function refusalIn(status: number, headers: ReadonlyMap<string, string>): Refusal {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  return {
    status,
    code: headers.get('x-error-code'),
    message: headers.get('x-error-message')?.slice(0, 300),
    retryAfterSeconds: seconds >= 0 ? seconds : undefined,
  };
}

/** Bytes that must come, from the range that was asked for or from what the answer announces. */
async function bodyOf(
  message: IncomingMessage,
  {
    request: { range, mostBytes, wanted },
    url,
    status,
  }: { readonly request: Request; readonly url: URL; readonly status: number },
): Promise<Uint8Array> {
  if (range && status !== 206)
    throw hubError(
      'failed',
      `${url.host} gives files only as a whole, not in parts.`,
      'Download the file and name it here.',
    );
  const announced = message.headers['content-length'];
  const expected = range
    ? rangeLength(message, range, url)
    : announced === undefined
      ? undefined
      : Number(announced);
  const tooLong = (): Error =>
    hubError(
      'failed',
      `${wanted.path ?? 'The answer'} is longer than the ${mostBytes} bytes that it may have.`,
      'Download the file and name it here.',
    );
  if (expected !== undefined && expected > mostBytes) throw tooLong();
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const part of message as AsyncIterable<Uint8Array>) {
      length += part.length;
      if (length > mostBytes) throw tooLong();
      parts.push(part);
    }
  } catch (error) {
    throw failureOf(url, error);
  }
  if (expected !== undefined && length !== expected)
    throw failureOf(url, new ConnectionError('CUT', `it sent ${length} bytes of ${expected}`));
  return Buffer.concat(parts, length);
}

/** The length of a part, which may be cut by the end of the file; another part than asked for is refused. */
function rangeLength(
  { headers }: IncomingMessage,
  { offset, length }: { readonly offset: number; readonly length: number },
  url: URL,
): number {
  const [, start, end, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers['content-range'] ?? '') ?? [];
  const expectedEnd = Math.min(offset + length, Number(total)) - 1;
  if (Number(start) === offset && Number(end) === expectedEnd) return expectedEnd - offset + 1;
  throw failureOf(url, new ConnectionError('CUT', 'it sends another part of the file than was asked for'));
}
