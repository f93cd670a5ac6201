import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const COMMIT = '0123456789abcdef0123456789abcdef01234567';

export interface MockFile {
  readonly bytes: Buffer;
  /** Lies in the store of large files, to which the hub redirects. */
  readonly large?: true;
}

export interface Asked {
  readonly host: 'hub' | 'store';
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
}

/** Answers instead of the usual; `false` leaves the usual. */
export type Fault = (request: IncomingMessage, response: ServerResponse, host: Asked['host']) => boolean;

export interface MockHub {
  readonly endpoint: string;
  readonly asked: Asked[];
  /** One fault a request, first come first served. */
  readonly faults: Fault[];
  readonly close: () => Promise<void>;
}

/** A hub for one repository `org/name`, with a second server as its store of large files. */
export async function mockHub(files: Readonly<Record<string, MockFile>>): Promise<MockHub> {
  const asked: Asked[] = [];
  const faults: Fault[] = [];
  const serve = (host: Asked['host'], usual: (request: IncomingMessage, response: ServerResponse) => void) =>
    createServer((request, response) => {
      asked.push({ host, url: request.url!, headers: request.headers });
      const fault = faults.shift();
      if (!fault?.(request, response, host)) usual(request, response);
    });
  const store = serve('store', (request, response) => {
    sendFile(files[decodeURIComponent(request.url!.slice(1).replace(/\?.*/, ''))]!.bytes, request, response);
  });
  const storeAddress = await listen(store);
  const hub = serve('hub', (request, response) => {
    answer(request, response, { files, storeAddress });
  });
  const endpoint = await listen(hub);
  const close = async (): Promise<void> => {
    for (const server of [hub, store]) {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    }
  };
  return { endpoint, asked, faults, close };
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    });
  });
}

interface Holding {
  readonly files: Readonly<Record<string, MockFile>>;
  readonly storeAddress: string;
}

function answer(request: IncomingMessage, response: ServerResponse, { files, storeAddress }: Holding): void {
  const path = request.url!.replace(/\?.*/, '');
  if (path.startsWith('/api/models/')) {
    const siblings = Object.entries(files).map(([rfilename, { bytes }]) => ({
      rfilename,
      size: bytes.length,
    }));
    if (/^\/api\/models\/org\/name\/revision\/(main|v2|refs%2Fpr%2F1|0123456789abcdef.*)$/.test(path))
      sendJson(response, { id: 'org/name', sha: COMMIT, siblings });
    else if (path.startsWith('/api/models/org/name/')) refuse(response, 404, 'RevisionNotFound');
    else refuse(response, request.headers.authorization ? 404 : 401, 'RepoNotFound');
    return;
  }
  const name = /^\/org\/name\/resolve\/[^/]+\/(.+)$/.exec(path)?.[1];
  const file = name === undefined ? undefined : files[decodeURIComponent(name)];
  response.setHeader('x-repo-commit', COMMIT);
  if (!file) refuse(response, 404, 'EntryNotFound');
  else if (file.large) {
    response.setHeader('x-linked-etag', `"${'a'.repeat(64)}"`);
    response.writeHead(302, { location: `${storeAddress}/${name}?signature=1` }).end();
  } else {
    response.setHeader('etag', `"${'b'.repeat(40)}"`);
    sendFile(file.bytes, request, response);
  }
}

const sendJson = (response: ServerResponse, value: unknown): void => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
};

/** A refusal as the hub words it. */
export function refuse(
  response: ServerResponse,
  status: number,
  code?: string,
  more: Record<string, string> = {},
): void {
  response.writeHead(status, { ...(code ? { 'x-error-code': code } : {}), ...more });
  response.end(JSON.stringify({ error: code ?? 'no' }));
}

export function sendFile(bytes: Buffer, { headers }: IncomingMessage, response: ServerResponse): void {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
  if (first === undefined) {
    response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
    return;
  }
  if (Number(first) >= bytes.length) {
    response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
    return;
  }
  const end = Math.min(Number(last) + 1, bytes.length);
  const part = bytes.subarray(Number(first), end);
  response.writeHead(206, {
    'content-range': `bytes ${first}-${end - 1}/${bytes.length}`,
    'content-length': part.length,
  });
  response.end(part);
}
