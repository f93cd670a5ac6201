import type { Outside } from '../../src/commands/outside.js';
import { run } from '../../src/run.js';

/** What one command line did. */
export interface Ran {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
  readonly files: ReadonlyMap<string, string>;
}

/** Runs a command line against an outside that collects. */
export async function ran(
  argv: readonly string[],
  given: Partial<Outside> & { readonly input?: readonly string[] } = {},
): Promise<Ran> {
  const { input = [], ...outside } = given;
  const files = new Map<string, string>();
  let [out, err] = ['', ''];
  const exitCode = await run(argv, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    progress: () => undefined,
    lines: async function* () {
      yield* input;
    },
    writeFile: (path, text) => void files.set(path, text),
    appendFile: (path, text) => void files.set(path, (files.get(path) ?? '') + text),
    readFile: (path) => files.get(path),
    git: async () => undefined,
    folder: '/',
    env: {},
    columns: 80,
    outIsTerminal: false,
    ...outside,
  });
  return { exitCode, out, err, files };
}
