import {
  appendFileSync,
  existsSync,
  fstatSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import type { Outside } from './commands/outside.js';
import { run } from './run.js';

const [STDOUT, STDERR] = [1, 2];
const RETRY_MILLISECONDS = 1;

/**
 * Writes to a file descriptor, all of it. Node's own streams would cost a third of the start-up time.
 * A reader that went away (`| head`) ends the program quietly.
 */
function writeAll(descriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(descriptor, bytes, written);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') process.exit(process.exitCode ?? 0);
      if (code !== 'EAGAIN') throw error;
      // The pipe is full: its reader is slower than we are.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MILLISECONDS);
    }
  }
}

const MEMORY_DEVICES = 1;
const MAJOR_DIVISOR = 256;

/** Whether standard output may be a terminal: a character device that is not `/dev/null` and the like. */
function mayBeTerminal(): boolean {
  const stat = fstatSync(STDOUT);
  return stat.isCharacterDevice() && Math.floor(stat.rdev / MAJOR_DIVISOR) !== MEMORY_DEVICES;
}

const MOST_GIT_BYTES = 64 * 1024 ** 2;

/** A line of progress: none yet, one that stays, or one that is to be wiped. */
let progressLine: 'none' | 'stays' | 'shown' = 'none';

/** On a terminal a line that the next one replaces; elsewhere only the first, so that logs stay short. */
function showProgress(text: string): void {
  if (process.stderr.isTTY) writeAll(STDERR, `\r\u001b[K${text}`);
  else if (progressLine === 'none') writeAll(STDERR, `${text}\n`);
  progressLine = process.stderr.isTTY ? 'shown' : 'stays';
}

function wipeProgress(): void {
  if (progressLine !== 'shown') return;
  writeAll(STDERR, '\r\u001b[K');
  progressLine = 'stays';
}

const outside: Outside = {
  out: (text) => {
    wipeProgress();
    writeAll(STDOUT, text);
  },
  err: (text) => {
    wipeProgress();
    writeAll(STDERR, text);
  },
  progress: showProgress,
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
    return mayBeTerminal() ? process.stdout.columns || 0 : 0;
  },
  get outIsTerminal() {
    return mayBeTerminal() && process.stdout.isTTY === true;
  },
};

/** The exit code, once everything is written. */
export const finished = run(process.argv.slice(2), outside).then((exitCode) => {
  process.exitCode = exitCode;
  return exitCode;
});
