import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Outside } from './commands/outside.js';
import { run } from './run.js';

const { stdin, stdout, stderr, env, argv } = process;

// A reader that went away (`| head`) is no error.
for (const stream of [stdout, stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(process.exitCode ?? 0);
  });
}

const MOST_GIT_BYTES = 64 * 1024 ** 2;

const outside: Outside = {
  out: (text) => {
    if (text === '' || stdout.write(text)) return;
    return new Promise((resume) => stdout.once('drain', resume));
  },
  err: (text) => {
    stderr.write(text);
  },
  lines: async function* () {
    const { createInterface } = await import('node:readline');
    yield* createInterface({ input: stdin, crlfDelay: Number.POSITIVE_INFINITY });
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
  env,
  columns: stdout.columns || 0,
  outIsTerminal: stdout.isTTY === true,
};

process.exitCode = await run(argv.slice(2), outside);
