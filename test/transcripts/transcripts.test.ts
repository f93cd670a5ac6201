import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { prepareFolder } from './folder.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HERE = join(ROOT, 'test/transcripts');
const UPDATE = process.env.UPDATE_TRANSCRIPTS === '1';

/** One command of a transcript, with what it printed and its exit code. */
interface Step {
  readonly command: string;
  readonly printed: string;
}

const BLOCK = /```console\n([\s\S]*?)```/g;

/** Steps of every `console` block that runs llmspec; a step reaches to the next `$`. */
function stepsOf(markdown: string): Step[] {
  const blocks = [...markdown.matchAll(BLOCK)]
    .map(([, body = '']) => body)
    .filter((body) => body.includes('$ llmspec') || body.includes('| llmspec'));
  return blocks.flatMap((body) =>
    body
      .split(/^\$ /m)
      .slice(1)
      .map((step) => ({
        command: step.slice(0, step.indexOf('\n')),
        printed: step.slice(step.indexOf('\n') + 1),
      })),
  );
}

const folder = prepareFolder(mkdtempSync(join(tmpdir(), 'llmspec-transcripts-')));

/** Runs a line in a shell where `llmspec` is the built program; standard output first, then errors, then the exit code. */
function run(command: string): string {
  const { NO_COLOR: _, FORCE_COLOR: __, ...env } = process.env;
  const script = `llmspec() { "${process.execPath}" "${join(ROOT, 'bin/llmspec.js')}" "$@"; }; set -o pipefail; ${command}`;
  const { stdout, stderr, status } = spawnSync('bash', ['-c', script], {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
  return `${stdout}${stderr}${status === 0 ? '' : `exit ${status}\n`}`;
}

function check(file: string): void {
  const markdown = readFileSync(file, 'utf8');
  if (UPDATE) {
    const rewritten = markdown.replace(BLOCK, (block: string) => {
      const steps = stepsOf(block);
      if (steps.length === 0) return block;
      return `\`\`\`console\n${steps.map(({ command }) => `$ ${command}\n${run(command)}`).join('')}\`\`\``;
    });
    writeFileSync(file, rewritten);
  }
  for (const { command, printed } of stepsOf(readFileSync(file, 'utf8'))) {
    test(command, { timeout: 20_000 }, () => expect(run(command)).toBe(printed));
  }
}

const files = readdirSync(HERE).filter((name) => name.endsWith('.md'));

describe.each(files)('%s', (name) => check(join(HERE, name)));

describe('README.md', () => check(join(ROOT, 'README.md')));
