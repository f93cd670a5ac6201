import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Outside } from './commands/outside.js';
import { run } from './run.js';

/** Opens a stream when it is first written to: each costs start-up time. A reader that went away (`| head`) is no error. */
function writable(name: 'stdout' | 'stderr'): () => NodeJS.WriteStream {
  let opened: NodeJS.WriteStream | undefined;
  return () => {
    opened ??= process[name].on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit(process.exitCode ?? 0);
    });
    return opened;
  };
}

const stdout = writable('stdout');
const stderr = writable('stderr');

const MOST_GIT_BYTES = 64 * 1024 ** 2;

const outside: Outside = {
  out: (text) => {
    if (text === '' || stdout().write(text)) return;
    return new Promise((resume) => stdout().once('drain', resume));
  },
  err: (text) => {
    stderr().write(text);
  },
  lines: async function* () {
    const { createInterface } = await import('node:readline');
    yield* createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
  },
  writeFile: (path, text) => {
    const part = `${path}.part-${process.pid}`;
    try {
      writeFileSync(part, text);
      renameSync(part, path);
    } catch (error) {
      rmSync(part, { force: true });
      throw error;
    }
  },
  appendFile: (path, text) => appendFileSync(path, text),
  readFile: (path) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined),
  git: async (args, folder) => {
    const { spawnSync } = await import('node:child_process');
    const { status, stdout } = spawnSync('git', ['-C', folder, ...args], {
      encoding: 'utf8',
      maxBuffer: MOST_GIT_BYTES,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return status === 0 ? stdout : undefined;
  },
  folder: process.cwd(),
  env: process.env,
  get columns() {
    return stdout().columns || 0;
  },
  get outIsTerminal() {
    return stdout().isTTY === true;
  },
};

process.exitCode = await run(process.argv.slice(2), outside);
