import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { type CheckDocument, checkSchema } from '../../../src/schema/check.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const REPO = fileURLToPath(new URL('./repo', import.meta.url));
const BIN = join(ROOT, 'bin/llmspec.js');

// Every test starts the built program, some of them several times.
vi.setConfig({ testTimeout: 30_000 });

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'llmspec-repo-'));
  cpSync(REPO, folder, { recursive: true });
  // No file of the sample: a linter would refuse it.
  writeFileSync(join(folder, 'models/broken.json'), '{ "name": "House", "context": ');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The environment without what another git or a terminal left in it. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([key]) => !/^(GIT_|NO_COLOR|FORCE_COLOR|GITHUB_|NODE_EXTRA)/.test(key)),
);

function llmspec(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
  return { exitCode: status, out: stdout, err: stderr };
}

function git(...args: string[]): void {
  const who = ['-c', 'user.name=a', '-c', 'user.email=a@example.org'];
  const { status, stderr } = spawnSync('git', [...who, ...args], { cwd: folder, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

const answered = (...args: string[]): CheckDocument =>
  checkSchema.parse(JSON.parse(llmspec('check', ...args, '--json').out));

const rowNamed = ({ rows }: CheckDocument, name: string) => rows.find((row) => row.name === name);

describe.skipIf(!existsSync(join(ROOT, 'dist/cli.cjs')))(
  'a repository (skipped where nothing is built)',
  () => {
    test.each([
      ['green', 0],
      ['over', 1],
      ['unknown', 3],
      ['bad', 2],
    ])('that is %s ends with %i', (name, exitCode) => {
      const { exitCode: ended, out } = llmspec('check', `${name}.yaml`);
      expect(ended).toBe(exitCode);
      expect(out.trimEnd().split('\n\n').at(-1)).toMatch(/^(Next: |Nothing to do: )/);
      expect(answered(`${name}.yaml`).exitCode).toBe(exitCode);
    });

    test('that grew against its baseline ends with 1, and says why', () => {
      const before = readFileSync(join(folder, 'grown.yaml'), 'utf8').replace('house-grown', 'house');
      writeFileSync(join(folder, 'before.yaml'), before.replace(/ {2}- name: new one[\s\S]*$/, ''));
      expect(llmspec('check', 'before.yaml', '--write-baseline').exitCode).toBe(0);
      const document = answered('grown.yaml');
      expect(document.exitCode).toBe(1);
      expect(rowNamed(document, 'new one')).toMatchObject({ status: 'passed', change: { status: 'new' } });
      const cache = rowNamed(document, 'house')?.change?.parts.find(({ id }) => id === 'kvCache');
      // 16 layers × 32,768 tokens × 8 heads × 64 more × 2 (K, V) × 2 bytes = 1 GiB.
      expect(cache?.byBytes).toBe(1024 ** 3);
      expect(cache?.causes.map(({ message }) => message)).toContain('head dimension 64 -> 128');
      expect(llmspec('check', 'grown.yaml', '--write-baseline').exitCode).toBe(0);
      expect(llmspec('check', 'grown.yaml').exitCode).toBe(0);
    });

    test('shows every row whatever another one is', () => {
      const document = answered('bad.yaml');
      expect(document.rows.map(({ name, status, error }) => [name, status, error?.code])).toEqual([
        ['broken', 'wrong', 'bad-file'],
        ['future', 'wrong', 'not-understood'],
        ['faults', 'wrong', 'bad-row'],
        ['house', 'passed', undefined],
      ]);
      expect(answered('unknown.yaml').counts).toEqual({ rows: 3, passed: 1, failed: 1, wrong: 1 });
    });

    test('is compared with a commit of its own', () => {
      cpSync(join(folder, 'grown.yaml'), join(folder, 'llmspec.config.yaml'));
      git('init', '--quiet');
      git('add', '.');
      git('commit', '--quiet', '--message', 'first');
      expect(llmspec('check', '--baseline', 'HEAD').exitCode).toBe(0);
      const grown = readFileSync(join(folder, 'llmspec.config.yaml'), 'utf8').replace('32k', '16k');
      writeFileSync(join(folder, 'llmspec.config.yaml'), grown);
      cpSync(join(folder, 'models/house-grown.json'), join(folder, 'models/house.json'));
      const document = answered('--baseline', 'HEAD');
      const parts = (name: string) => rowNamed(document, name)?.change?.parts ?? [];
      expect(parts('house').map(({ id, byBytes }) => [id, Math.sign(byBytes)])).toContainEqual([
        'kvCache',
        -1,
      ]);
      const causes = parts('new one').flatMap((part) => part.causes.map(({ message }) => message));
      expect([...new Set(causes)]).toEqual(['head dimension 64 -> 128']);
      expect(llmspec('check', '--baseline', 'HEAD', '--max-growth', '50%').exitCode).toBe(0);
    });

    test.each([
      ['no-such-ref', 'neither a file nor a git ref'],
      ['--output=x', 'neither a file nor a git ref'],
      ['green.yaml', 'it is no JSON'],
      ['models/house.json', 'it is no document of check'],
    ])('has no baseline %s', (name, words) => {
      const { exitCode, err } = llmspec('check', 'green.yaml', `--baseline=${name}`);
      expect(exitCode).toBe(2);
      expect(err).toContain(words);
    });

    test('has a first file, which holds', () => {
      expect(llmspec('init').exitCode).toBe(0);
      expect(llmspec('check').exitCode).toBe(0);
      expect(llmspec('init')).toMatchObject({ exitCode: 2, err: expect.stringContaining('--force') });
      expect(llmspec('init', '--force', '--model', 'nobody').exitCode).toBe(2);
      expect(llmspec('init', 'sizing.json', '--gpu', '2x4090').exitCode).toBe(0);
      expect(llmspec('check', 'sizing.json').exitCode).toBe(0);
    });
  },
);

/** Runs a script of an example in the sample repository, where `llmspec` is the built program. */
function runScript(script: string, more: Record<string, string> = {}) {
  const program = `llmspec() { "${process.execPath}" "${BIN}" "$@"; }; npx() { while [[ $1 == -* ]]; do shift; done; shift; llmspec "$@"; };`;
  return spawnSync('bash', ['-eo', 'pipefail', '-c', `${program}\n${script}`], {
    cwd: folder,
    env: { ...env, ...more },
    encoding: 'utf8',
  });
}

interface Step {
  readonly run?: string;
  readonly env?: Record<string, string>;
}

const readYaml = (path: string): unknown => parse(readFileSync(join(ROOT, path), 'utf8'));

describe.skipIf(!existsSync(join(ROOT, 'dist/cli.cjs')))('in CI (skipped where nothing is built)', () => {
  const action = readYaml('action.yml') as {
    inputs: Record<string, { description: string; default?: string }>;
    outputs: Record<string, { value: string }>;
    runs: { using: string; steps: Step[] };
  };
  const step = action.runs.steps.find(({ run }) => run?.includes('check'))!;

  /** The environment of a step, inputs filled in as GitHub does it. */
  const filled = (inputs: Record<string, string>): Record<string, string> =>
    Object.fromEntries(
      Object.entries(step.env ?? {}).map(([key, value]) => [
        key,
        value.replace(
          /\$\{\{ inputs\.([\w-]+) \}\}/,
          (_, name: string) => inputs[name] ?? action.inputs[name]?.default ?? '',
        ),
      ]),
    );

  const onGithub = (inputs: Record<string, string>) =>
    runScript(step.run ?? '', {
      ...filled(inputs),
      GITHUB_STEP_SUMMARY: join(folder, 'summary.md'),
      GITHUB_OUTPUT: join(folder, 'output.txt'),
      RUNNER_TEMP: folder,
    });

  test('the action is a composite one, and every input is used', () => {
    expect(action.runs.using).toBe('composite');
    const text = readFileSync(join(ROOT, 'action.yml'), 'utf8');
    for (const name of Object.keys(action.inputs)) expect(text).toContain(`inputs.${name} }}`);
  });

  test.each([
    ['green.yaml', 0],
    ['over.yaml', 1],
    ['bad.yaml', 2],
  ])('the action on %s ends with %i, with annotations, summary and reports', (file, exitCode) => {
    const { status, stdout } = onGithub({ file });
    expect(status).toBe(exitCode);
    expect(stdout.includes('::error file=')).toBe(exitCode !== 0);
    expect(readFileSync(join(folder, 'summary.md'), 'utf8')).toContain(`### ${file}`);
    const outputs = readFileSync(join(folder, 'output.txt'), 'utf8');
    expect(outputs).toContain(`exit-code=${exitCode}`);
    for (const [, path] of outputs.matchAll(/^(?:junit|sarif|comment)=(.*)$/gm))
      expect(existsSync(path!)).toBe(true);
  });

  test('the action passes a baseline and a growth on', () => {
    expect(onGithub({ file: 'green.yaml', baseline: 'no-such-ref' }).stderr).toContain('no-such-ref');
    expect(onGithub({ file: 'green.yaml', 'max-growth': 'much' }).status).toBe(2);
  });

  test('the GitLab job runs', () => {
    cpSync(join(folder, 'over.yaml'), join(folder, 'llmspec.config.yaml'));
    const { llmspec: job } = readYaml('examples/gitlab-ci.yml') as {
      llmspec: { script: string[]; artifacts: { reports: { junit: string } } };
    };
    expect(runScript(job.script.join('\n')).status).toBe(1);
    expect(existsSync(join(folder, job.artifacts.reports.junit))).toBe(true);
  });

  test('the pre-commit hook runs', () => {
    cpSync(join(folder, 'bad.yaml'), join(folder, 'llmspec.config.yaml'));
    const { repos } = readYaml('examples/pre-commit-config.yaml') as {
      repos: { hooks: { entry: string; files: string }[] }[];
    };
    const hook = repos[0]!.hooks[0]!;
    expect(runScript(hook.entry).status).toBe(2);
    const files = new RegExp(hook.files);
    expect(
      ['llmspec.config.yaml', 'a/package.json', 'models/house.json'].every((name) => files.test(name)),
    ).toBe(true);
    expect(files.test('src/a.ts')).toBe(false);
  });

  test('the workflow names inputs that the action has', () => {
    const { jobs } = readYaml('examples/github-workflow.yml') as {
      jobs: Record<string, { steps: { uses?: string; with?: Record<string, unknown> }[] }>;
    };
    const used = Object.values(jobs).flatMap(({ steps }) =>
      steps.filter(({ uses }) => uses?.includes('llmspec')),
    );
    expect(used.length).toBeGreaterThan(0);
    for (const { with: given = {} } of used)
      for (const name of Object.keys(given)) expect(Object.keys(action.inputs)).toContain(name);
  });
});
