import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';

/** One request of one address. */
export interface Asked {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly proxy: URL | undefined;
  /** A connection that is silent for so long is given up. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
}

/** A failure of the connection, as Node names them, with two of our own. */
export class ConnectionError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'ConnectionError';
    this.code = code;
  }
}

/**
 * Sends one GET and gives the answer once its headers are there. Redirects and statuses are the caller's.
 *
 * @throws ConnectionError or an error of Node with a `code`
 */
export async function exchange(asked: Asked): Promise<IncomingMessage> {
  const { url, proxy } = asked;
  if (url.protocol === 'https:') {
    const socket = proxy ? await tunnel(asked, proxy) : undefined;
    return answerTo(asked, (options) =>
      httpsRequest(
        url,
        socket
          ? {
              ...options,
              agent: false,
              createConnection: () => tlsConnect({ socket, servername: nameFor(url) }),
            }
          : options,
      ),
    );
  }
  if (!proxy) return answerTo(asked, (options) => httpRequest(url, options));
  return answerTo(asked, (options) =>
    requestTo(proxy, {
      ...options,
      path: url.href,
      headers: { ...options.headers, host: url.host, ...credentials(proxy) },
    }),
  );
}

/** An address that is a number is no name for a certificate. */
const nameFor = ({ hostname }: URL): string => (/^[\d.]+$|:/.test(hostname) ? '' : hostname);

type Options = { headers: Record<string, string>; signal: AbortSignal } & Record<string, unknown>;
type Sent = ReturnType<typeof httpRequest>;

const requestTo = (url: URL, options: Options): Sent =>
  (url.protocol === 'https:' ? httpsRequest : httpRequest)({
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port || (url.protocol === 'https:' ? 443 : 80),
    ...options,
  });

function answerTo(
  { headers, signal, silenceMs }: Asked,
  send: (options: Options) => Sent,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = send({ headers: { ...headers }, signal });
    giveUpWhenSilent(sent, silenceMs);
    sent.on('error', reject);
    sent.on('response', resolve);
    sent.end();
  });
}

function giveUpWhenSilent(sent: Sent, silenceMs: number): void {
  sent.setTimeout(silenceMs, () => {
    sent.destroy(new ConnectionError('SILENT', `no answer for ${silenceMs / 1000} s`));
  });
}

/** A way through a proxy to the host behind it (RFC 9110, CONNECT). */
function tunnel({ url, signal, silenceMs }: Asked, proxy: URL): Promise<Socket> {
  const target = `${url.hostname}:${url.port || 443}`;
  return new Promise((resolve, reject) => {
    const sent = requestTo(proxy, {
      method: 'CONNECT',
      path: target,
      headers: { host: target, ...credentials(proxy) },
      signal,
      agent: false,
    });
    giveUpWhenSilent(sent, silenceMs);
    sent.on('error', reject);
    sent.on('response', (answer) => {
      answer.destroy();
      reject(refusedBy(proxy, answer.statusCode));
    });
    sent.on('connect', (answer, socket) => {
      if (answer.statusCode === 200) resolve(socket);
      else {
        socket.destroy();
        reject(refusedBy(proxy, answer.statusCode));
      }
    });
    sent.end();
  });
}

const refusedBy = (proxy: URL, status: number | undefined): ConnectionError =>
  new ConnectionError('PROXY', `the proxy ${proxy.host} answers ${status}`);

function credentials({ username, password }: URL): Record<string, string> {
  if (username === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}
