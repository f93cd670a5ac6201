import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readGgufHeader } from '../../../src/importers/gguf/header.js';
import { fetchFile, openRemote } from '../../../src/importers/hub/files.js';
import { openRepository } from '../../../src/importers/hub/repository.js';
import { hubSettings } from '../../../src/importers/hub/settings.js';
import { readSafetensors } from '../../../src/importers/safetensors/header.js';
import type { HubProgress } from '../../../src/schema/progress.js';
import { writeGguf } from '../gguf/gguf-writer.js';
import { refused } from '../gguf/refused.js';
import { writeTensors } from '../safetensors/safetensors-writer.js';
import { COMMIT, type Fault, type MockHub, mockHub, refuse, sendFile } from './mock-hub.js';

const CONFIG = Buffer.from('{"model_type":"llama"}');
const tokens = Array.from({ length: 60_000 }, (_, index) => `token ${index}`);
const { header, fileBytes } = writeGguf({
  metadata: { 'general.architecture': 'llama', 'tokenizer.ggml.tokens': tokens },
  tensors: [{ name: 'token_embd.weight', ne: [256, 4096], type: 'Q4_K' }],
});
const GGUF = Buffer.concat([header, Buffer.alloc(fileBytes - header.length)]);
const SAFETENSORS = writeTensors({ x: { dtype: 'BF16', shape: [2], bytes: 4 } });

let hub: MockHub;
let cache: string;
let steps: HubProgress[];
let pauses: number[];

beforeAll(async () => {
  hub = await mockHub({
    'config.json': { bytes: CONFIG },
    'sub/größe 1.json': { bytes: Buffer.from('[1]') },
    'm-Q4_K_M.gguf': { bytes: GGUF, large: true },
    'model.safetensors': { bytes: SAFETENSORS, large: true },
    'empty.gguf': { bytes: Buffer.alloc(0), large: true },
  });
});
afterAll(() => hub.close());
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'llmspec-hub-'));
  steps = [];
  pauses = [];
  hub.asked.length = 0;
  hub.faults.length = 0;
});
afterEach(() => rmSync(cache, { recursive: true }));

const settings = (env: Record<string, string> = {}, more: { silenceMs?: number; requestMs?: number } = {}) =>
  hubSettings(
    { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: cache, HF_HOME: '/nowhere', ...env },
    {
      home: '/nowhere',
      progress: (step) => steps.push(step),
      pause: async (ms) => {
        pauses.push(ms);
      },
      ...more,
    },
  );

const repository = { id: 'org/name', revision: 'main', commit: COMMIT };
const everything = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();

describe('a repository', () => {
  test('is pinned to its commit, and its files are listed', async () => {
    const { commit, files } = await openRepository({ id: 'org/name' }, settings());
    expect(commit).toBe(COMMIT);
    expect(files).toContainEqual({ path: 'config.json', bytes: CONFIG.length });
    expect(files).toHaveLength(5);
    expect(readFileSync(join(cache, 'models--org--name/refs/main'), 'utf8')).toBe(COMMIT);
  });

  test('may be asked for by a branch with slashes', async () => {
    await openRepository({ id: 'org/name', revision: 'refs/pr/1' }, settings());
    expect(readFileSync(join(cache, 'models--org--name/refs/refs/pr/1'), 'utf8')).toBe(COMMIT);
  });

  test.each([
    [
      'siblings are left out',
      { sha: COMMIT },
      [
        { type: 'file', path: 'a', size: 3 },
        { type: 'directory', path: 'b' },
      ],
    ],
    [
      'paths leave the folder',
      {
        sha: COMMIT,
        siblings: [{ rfilename: '../../x' }, { rfilename: 'a', size: 3 }, { rfilename: 'a\\..\\b' }, 1],
      },
      [],
    ],
  ])('whose %s has the files that it has', async (_, info, tree) => {
    hub.faults.push(json(info), json(tree));
    const { files } = await openRepository({ id: 'org/name' }, settings());
    expect(files).toEqual([{ path: 'a', bytes: 3 }]);
  });

  test.each([
    ['something else than JSON', text('<html>')],
    ['a list', json([])],
    ['no commit', json({ siblings: [] })],
    ['a commit that is a path', json({ sha: '../../x', siblings: [] })],
    ['files that are none', json({ sha: COMMIT, siblings: 'all' })],
  ])('answered with %s is refused', async (_, fault) => {
    hub.faults.push(fault);
    const error = await refused(openRepository({ id: 'org/name' }, settings()));
    expect([error.code, error.args.problem]).toEqual([
      'network',
      expect.stringMatching(/does not answer as a hub/),
    ]);
  });
});

function json(value: unknown): Fault {
  return text(JSON.stringify(value));
}

function text(body: string): Fault {
  return (_, response) => {
    response.end(body);
    return true;
  };
}

describe('a small file', () => {
  test('comes into the cache as all tools lay it out, and is asked for once', async () => {
    const path = await fetchFile(repository, 'config.json', settings());
    expect(path).toBe(join(cache, 'models--org--name/snapshots', COMMIT, 'config.json'));
    expect(readFileSync(path)).toEqual(CONFIG);
    expect(readlinkSync(path)).toBe(`../../blobs/${'b'.repeat(40)}`);
    expect(everything(cache)).toHaveLength(2);
    await fetchFile(repository, 'config.json', settings({ HF_HUB_OFFLINE: '1' }));
    expect(hub.asked).toHaveLength(1);
  });

  test('may lie in a folder, under any name, and in the store', async () => {
    const path = await fetchFile(repository, 'sub/größe 1.json', settings());
    expect(readFileSync(path, 'utf8')).toBe('[1]');
    expect(readlinkSync(path)).toBe(`../../../blobs/${'b'.repeat(40)}`);
    await fetchFile(repository, 'model.safetensors', settings());
    expect(existsSync(join(cache, 'models--org--name/blobs', 'a'.repeat(64)))).toBe(true);
  });

  test.each(['../../etc/passwd', '/etc/passwd', 'a\\..\\b', ''])(
    '%j is refused before anything is asked',
    async (path) => {
      expect((await refused(fetchFile(repository, path, settings()))).code).toBe('bad-file');
      expect(hub.asked).toEqual([]);
    },
  );

  test('with a hash that is a path is kept under its own', async () => {
    hub.faults.push((_, response) => {
      response.writeHead(200, { etag: '"../../../evil"', 'content-length': CONFIG.length }).end(CONFIG);
      return true;
    });
    await fetchFile(repository, 'config.json', settings());
    expect(everything(cache)).toEqual([
      expect.stringMatching(/^models--org--name\/blobs\/[0-9a-f]{64}$/),
      `models--org--name/snapshots/${COMMIT}/config.json`,
    ]);
  });

  test('that is cut off is tried again, and nothing half written stays', async () => {
    const cut: Fault = (_, response) => {
      response.writeHead(200, { 'content-length': 1000 });
      response.write('half');
      setTimeout(() => response.destroy(), 20);
      return true;
    };
    hub.faults.push(cut, cut);
    expect(readFileSync(await fetchFile(repository, 'config.json', settings()))).toEqual(CONFIG);
    expect(pauses).toEqual([500, 1000]);
    hub.faults.push(cut, cut, cut, cut);
    const error = await refused(fetchFile(repository, 'sub/größe 1.json', settings()));
    expect([error.code, error.args.reason]).toEqual(['network', 'unreachable']);
    expect(everything(cache)).toHaveLength(2);
  });

  test('without end is given up', async () => {
    hub.faults.push((_, response) => {
      const chunk = Buffer.alloc(2 ** 20);
      const write = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', write);
      write();
      return true;
    });
    const error = await refused(fetchFile(repository, 'config.json', settings()));
    expect(error.args.problem).toMatch(/longer than the 33554432 bytes/);
  });

  test('that cannot be kept says so', async () => {
    writeFileSync(join(cache, 'file'), '');
    const error = await refused(
      fetchFile(repository, 'config.json', settings({ HF_HUB_CACHE: join(cache, 'file', 'below') })),
    );
    expect([error.code, error.args.hint]).toEqual(['bad-file', expect.stringMatching(/HF_HUB_CACHE/)]);
  });
});

describe('a large file', () => {
  test('is read by ranges: its header alone, from the store', async () => {
    const source = await openRemote(repository, 'm-Q4_K_M.gguf', settings({ HF_TOKEN: 'hf_secret' }));
    expect(source.size).toBe(GGUF.length);
    const { tensors, metadata } = await readGgufHeader(source);
    expect(tensors).toEqual([
      { name: 'token_embd.weight', ne: [256, 4096], type: 'Q4_K', offset: 0, bytes: 589_824 },
    ]);
    expect(metadata.get('tokenizer.ggml.tokens')).toEqual({ skipped: 'array', length: 60_000 });
    const hosts = hub.asked.map(({ host }) => host);
    expect(hosts).toEqual(['hub', ...hosts.slice(1).map(() => 'store')]);
    expect(steps.at(-1)).toMatchObject({ kind: 'reading', path: 'm-Q4_K_M.gguf', totalBytes: GGUF.length });
    expect(everything(cache)).toEqual([]);
  });

  test('gives the token to the hub and to nobody else', async () => {
    await openRemote(repository, 'm-Q4_K_M.gguf', settings({ HF_TOKEN: 'hf_secret' }));
    expect(hub.asked.map(({ host, headers }) => [host, headers.authorization])).toEqual([
      ['hub', 'Bearer hf_secret'],
      ['store', undefined],
    ]);
  });

  test('asks the hub again where the address of the store is no longer good', async () => {
    const source = await openRemote(repository, 'm-Q4_K_M.gguf', settings());
    hub.faults.push((_, response) => {
      refuse(response, 403);
      return true;
    });
    const bytes = await source.read(GGUF.length - 300_000, 300_000);
    expect(GGUF.subarray(GGUF.length - 300_000).equals(bytes)).toBe(true);
    expect(hub.asked.map(({ host }) => host)).toEqual(['hub', 'store', 'store', 'hub', 'store']);
  });

  test('of safetensors needs one request', async () => {
    const { tensors } = await readSafetensors(await openRemote(repository, 'model.safetensors', settings()));
    expect(tensors).toHaveLength(1);
    expect(hub.asked).toHaveLength(2);
  });

  test('that is empty is refused as such', async () => {
    const error = await refused(readGgufHeader(await openRemote(repository, 'empty.gguf', settings())));
    expect([error.code, error.args.problem]).toEqual(['bad-file', expect.stringMatching(/empty/)]);
  });

  test('is taken from the cache where it is there', async () => {
    await fetchFile(repository, 'model.safetensors', settings());
    hub.asked.length = 0;
    const source = await openRemote(repository, 'model.safetensors', settings({ HF_HUB_OFFLINE: '1' }));
    expect((await readSafetensors(source)).name).toBe('org/name/model.safetensors');
    expect(hub.asked).toEqual([]);
  });

  test.each<[string, Fault, RegExp]>([
    [
      'as a whole',
      (_, response) => {
        response.writeHead(200, { 'content-length': GGUF.length }).end(GGUF);
        return true;
      },
      /only as a whole/,
    ],
    [
      'from another place',
      (_, response) => {
        response
          .writeHead(206, { 'content-range': `bytes 5-9/${GGUF.length}`, 'content-length': 5 })
          .end('12345');
        return true;
      },
      /another part of the file/,
    ],
    [
      'with fewer bytes than it says',
      (_, response) => {
        response.writeHead(206, { 'content-range': `bytes 0-262143/${GGUF.length}` });
        response.end('12345');
        return true;
      },
      /sent 5 bytes of 262144/,
    ],
    [
      'without its length',
      (_, response) => {
        response.writeHead(206, { 'content-length': 5 }).end('12345');
        return true;
      },
      /another part of the file/,
    ],
  ])('given %s is refused', async (_, fault, words) => {
    const pass: Fault = () => false;
    hub.faults.push(...Array.from({ length: 4 }, () => [pass, fault]).flat());
    const error = await refused(openRemote(repository, 'm-Q4_K_M.gguf', settings()));
    expect([error.code, error.args.problem]).toEqual(['network', expect.stringMatching(words)]);
  });
});

const always =
  (status: number, code?: string, more: Record<string, string> = {}): Fault =>
  (_, response) => {
    refuse(response, status, code, more);
    return true;
  };

describe('refusals of the hub', () => {
  const TOKEN = { HF_TOKEN: 'hf_x' };
  test.each<[string, Fault, Record<string, string>, string, RegExp, RegExp]>([
    [
      'gated, without a token',
      always(401, 'GatedRepo'),
      {},
      'gated',
      /org\/name is gated/,
      /Accept them at .+\/org\/name, then set HF_TOKEN/,
    ],
    [
      'gated, with a token',
      always(403, 'GatedRepo'),
      TOKEN,
      'gated',
      /this token has no access/,
      /Ask for it at/,
    ],
    [
      'missing or private, without a token',
      always(401, 'RepoNotFound'),
      {},
      'missing',
      /no file config\.json of org\/name, or it is private/,
      /HF_TOKEN/,
    ],
    [
      'missing, with a token',
      always(404, 'RepoNotFound'),
      TOKEN,
      'missing',
      /or it is private/,
      /Check the name/,
    ],
    [
      'a file that is missing',
      always(404, 'EntryNotFound'),
      {},
      'missing',
      /There is no file config\.json in org\/name/,
      /files of the repository/,
    ],
    [
      'a revision that is missing',
      always(404, 'RevisionNotFound'),
      {},
      'missing',
      /no branch, tag or commit "main"/,
      /@revision/,
    ],
    ['missing, without a code', always(404), {}, 'missing', /has no file/, /Check the name/],
    ['unauthorised, without a code', always(401), {}, 'missing', /private, gated or missing/, /HF_TOKEN/],
    ['a token that is not taken', always(401), TOKEN, 'token', /does not take this token/, /hf auth login/],
    [
      'forbidden',
      always(403, undefined, { 'x-error-message': 'Access is blocked' }),
      {},
      'forbidden',
      /Access is blocked/,
      /page of the repository/,
    ],
    [
      'rate-limited for long',
      always(429, undefined, { 'retry-after': '900' }),
      {},
      'rate-limited',
      /asked too often/,
      /in 900 s; with HF_TOKEN/,
    ],
    ['a teapot', always(418), {}, 'failed', /answers 418/, /Try again/],
  ])('%s', async (_, fault, env, reason, problem, hint) => {
    hub.faults.push(fault);
    const error = await refused(fetchFile(repository, 'config.json', settings(env)));
    expect([error.code, error.args.reason]).toEqual(['network', reason]);
    expect(error.args.problem).toMatch(problem);
    expect(error.args.hint).toMatch(hint);
    expect(pauses).toEqual([]);
  });

  test('of a repository that is missing', async () => {
    const error = await refused(openRepository({ id: 'org/other' }, settings()));
    expect(error.args.problem).toBe('The hub has no repository org/other, or it is private.');
  });

  test('of a revision that is missing', async () => {
    const error = await refused(openRepository({ id: 'org/name', revision: 'v9' }, settings()));
    expect(error.args.problem).toBe('org/name has no branch, tag or commit "v9".');
  });

  test('that pass are waited for, as long as the hub says', async () => {
    hub.faults.push(always(429, undefined, { 'retry-after': '3' }), always(503), always(500));
    expect(readFileSync(await fetchFile(repository, 'config.json', settings()))).toEqual(CONFIG);
    expect(pauses).toEqual([3000, 1000, 2000]);
    expect(steps.filter(({ kind }) => kind === 'waiting').map(({ seconds }) => seconds)).toEqual([3, 1, 2]);
  });

  test('that do not pass end after four tries', async () => {
    hub.faults.push(always(502), always(502), always(502), always(502));
    const error = await refused(fetchFile(repository, 'config.json', settings()));
    expect([error.args.reason, hub.asked.length]).toEqual(['failed', 4]);
  });
});

describe('the network', () => {
  const silent: Fault = () => true;

  test('that is silent is given up', async () => {
    hub.faults.push(silent, silent, silent, silent);
    const error = await refused(fetchFile(repository, 'config.json', settings({}, { silenceMs: 50 })));
    expect(error.args.problem).toMatch(/cannot be reached: no answer for 0\.05 s/);
  });

  test('that goes silent in the middle is given up', async () => {
    const half: Fault = (_, response) => {
      response.writeHead(200, { 'content-length': 1000 });
      response.write('half');
      return true;
    };
    hub.faults.push(half, half, half, half);
    const error = await refused(fetchFile(repository, 'config.json', settings({}, { silenceMs: 50 })));
    expect([error.code, error.args.reason]).toEqual(['network', 'unreachable']);
  });

  test('that drips is given up', async () => {
    const drip: Fault = (_, response) => {
      response.writeHead(200, { 'content-length': 1000 });
      const timer = setInterval(() => response.write('.'), 10);
      response.on('close', () => clearInterval(timer));
      return true;
    };
    hub.faults.push(drip, drip, drip, drip);
    const error = await refused(fetchFile(repository, 'config.json', settings({}, { requestMs: 100 })));
    expect([error.code, error.args.reason]).toEqual(['network', 'unreachable']);
  });

  test('that nobody is on is said at once', async () => {
    const closed = createServer();
    await new Promise<void>((done) => closed.listen(0, '127.0.0.1', done));
    const { port } = closed.address() as AddressInfo;
    await new Promise((done) => closed.close(done));
    const error = await refused(
      openRepository({ id: 'org/name' }, settings({ HF_ENDPOINT: `http://127.0.0.1:${port}` })),
    );
    expect(error.args.problem).toMatch(/nobody answers there/);
    expect(pauses).toEqual([]);
  });

  test('behind a proxy that nobody is on says which proxy', async () => {
    const env = { HF_ENDPOINT: 'http://hub.invalid', HTTP_PROXY: 'http://me:pass@127.0.0.1:1' };
    const error = await refused(openRepository({ id: 'org/name' }, settings(env)));
    expect(error.args.problem).toBe(
      'hub.invalid cannot be reached through the proxy 127.0.0.1:1: nobody answers there.',
    );
  });

  test.each([
    ['in a circle', '/org/name/resolve/x/circle', /redirects without end/],
    ['to a file of this machine', 'file:///etc/passwd', /not safe/],
    ['to nowhere', undefined, /to no address/],
  ])('that redirects %s is refused', async (_, location, words) => {
    const redirect: Fault = (__, response) => {
      response.writeHead(302, location === undefined ? {} : { location }).end();
      return true;
    };
    hub.faults.push(...new Array<Fault>(20).fill(redirect));
    const error = await refused(fetchFile(repository, 'config.json', settings()));
    expect(error.args.problem).toMatch(words);
  });

  test('that is moved to another name keeps the token', async () => {
    hub.faults.push((_, response) => {
      response.writeHead(307, { location: `/org/name/resolve/${COMMIT}/config.json` }).end();
      return true;
    });
    await fetchFile({ ...repository, id: 'old/name' }, 'config.json', settings({ HF_TOKEN: 'hf_x' }));
    expect(hub.asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer hf_x', 'Bearer hf_x']);
  });
});

describe('offline', () => {
  const OFFLINE = { HF_HUB_OFFLINE: '1' };

  test('nothing is asked: what is not in the cache is refused', async () => {
    const one = await refused(openRepository({ id: 'org/name', revision: 'v2' }, settings(OFFLINE)));
    const two = await refused(fetchFile(repository, 'config.json', settings(OFFLINE)));
    const three = await refused(openRemote(repository, 'm-Q4_K_M.gguf', settings(OFFLINE)));
    expect([one.code, two.code, three.code]).toEqual(['offline', 'offline', 'offline']);
    expect(one.args.problem).toMatch(/org\/name@v2 is not in the cache/);
    expect(hub.asked).toEqual([]);
  });

  test('what is in the cache is answered, at the commit that it had', async () => {
    const online = settings();
    await fetchFile(await openRepository({ id: 'org/name' }, online), 'config.json', online);
    hub.asked.length = 0;
    const found = await openRepository({ id: 'org/name' }, settings(OFFLINE));
    expect(found).toEqual({ ...repository, files: [{ path: 'config.json' }] });
    expect(hub.asked).toEqual([]);
  });
});

describe('a proxy', () => {
  test('is asked for the whole address, with its name and password', async () => {
    const seen: (string | undefined)[] = [];
    const proxy = createServer((request, response) => {
      seen.push(request.url, request.headers['proxy-authorization']);
      sendFile(CONFIG, request, response);
    });
    await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
    const { port } = proxy.address() as AddressInfo;
    await fetchFile(
      repository,
      'config.json',
      settings({ HF_ENDPOINT: 'http://hub.invalid', HTTP_PROXY: `http://me:pass@127.0.0.1:${port}` }),
    );
    proxy.closeAllConnections();
    await new Promise((done) => proxy.close(done));
    expect(seen).toEqual([
      `http://hub.invalid/org/name/resolve/${COMMIT}/config.json`,
      `Basic ${Buffer.from('me:pass').toString('base64')}`,
    ]);
  });

  test('opens a way to a safe address, and says so where it does not', async () => {
    const asked: (string | undefined)[] = [];
    const proxy = createServer();
    proxy.on('connect', (request, socket) => {
      asked.push(request.url);
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
    await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
    const { port } = proxy.address() as AddressInfo;
    const env = { HF_ENDPOINT: 'https://hub.invalid', HTTPS_PROXY: `127.0.0.1:${port}` };
    const error = await refused(openRepository({ id: 'org/name' }, settings(env)));
    await new Promise((done) => proxy.close(done));
    expect(asked).toEqual(['hub.invalid:443']);
    expect(error.args.problem).toMatch(/the proxy 127\.0\.0\.1:\d+ answers 403/);
    expect(error.args.hint).toMatch(/NO_PROXY/);
  });

  test('opens a way through which an answer of no TLS is a clear error', async () => {
    const plain = createServer((_, response) => response.end());
    await new Promise<void>((done) => plain.listen(0, '127.0.0.1', done));
    const target = (plain.address() as AddressInfo).port;
    const proxy = createServer();
    proxy.on('connect', (_, socket) => {
      const there = connect(target, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        there.pipe(socket).pipe(there);
      });
      there.on('error', () => undefined);
      socket.on('error', () => undefined);
    });
    await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
    const { port } = proxy.address() as AddressInfo;
    const env = { HF_ENDPOINT: 'https://hub.invalid', HTTPS_PROXY: `127.0.0.1:${port}` };
    const error = await refused(openRepository({ id: 'org/name' }, settings(env)));
    for (const server of [plain, proxy]) {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    }
    expect([error.code, error.args.reason]).toEqual(['network', 'unreachable']);
  });
});
