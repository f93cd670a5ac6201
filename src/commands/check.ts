import { join, relative, resolve } from 'node:path';
import { InputError } from '../errors.js';
import { EXIT } from '../exit.js';
import type { CheckFile } from '../importers/check-config.js';
import type { Planner } from '../planner.js';
import { jsonText } from '../render/json.js';
import type { CheckDocument } from '../schema/check.js';
import type { CommandDefinition } from './index.js';
import { type Answer, formatOf, type OutputFlags, outputFlags, write, writeFile } from './output.js';
import type { Outside } from './outside.js';
import { plannerOf, type SourceFlags, sourceFlags } from './planner.js';

interface Flags extends OutputFlags, SourceFlags {
  baseline?: string;
  writeBaseline?: string | true;
  maxGrowth?: string;
  report?: string[];
  exitZero?: true;
}

const EXAMPLES = `
Examples:
  llmspec check                                  the file of this repository
  llmspec check sizing.yaml --format markdown    for a pull-request comment
  llmspec check --report junit=junit.xml --report sarif=llmspec.sarif
  llmspec check --write-baseline                 keep the sizes of today
  llmspec check --baseline main --max-growth 5%  what changed since main, and why

The file is llmspec.config.yaml or .json, or "llmspec" in package.json, here or in a folder above; write a
first one with llmspec init. With --format github the page also goes to the job summary.

Exit codes: 0 every row holds; 1 a row does not; 2 a row or the file is wrong; 3 an architecture is not
understood; 4 our own bug. Of many the worst counts, in the order 4, 5, 2, 3, 1, 0.
`;

const OWN_FORMATS = ['junit', 'sarif', 'github'] as const;
const BASELINE_FILE = 'llmspec.baseline.json';

/** `llmspec check [file]`: the sizing checks of a repository. */
export const check: CommandDefinition = (program, outside, done) => {
  const command = program
    .command('check')
    .summary('the sizing checks of a repository, for CI')
    .description('Checks every row of a file: does it fit, is it within its limits, what grew and why.')
    .argument('[file]', 'the file of checks (default: the nearest)');
  outputFlags(sourceFlags(command), OWN_FORMATS)
    .option('--baseline <file | git ref>', 'compare with these sizes, part by part')
    .option('--write-baseline [file]', `keep the sizes (default: ${BASELINE_FILE} beside the file)`)
    .option('--max-growth <amount>', 'growth of a total that may be: 0, 5% or 1GiB (default: 0)')
    .option(
      '--report <format=file>',
      'write another format too; repeatable',
      (value, before: string[] = []) => [...before, value],
    )
    .option('--exit-zero', 'exit 0 also where a row does not hold')
    .addHelpText('after', EXAMPLES)
    .action(async (file: string | undefined, flags: Flags) => done(await run(file, flags, outside)));
};

async function run(path: string | undefined, flags: Flags, outside: Outside): Promise<number> {
  formatOf(flags, OWN_FORMATS);
  const reports = (flags.report ?? []).map(reportOf);
  const { allowancesOf, baselineOf, checkAll, findCheckConfig, readCheckConfig, rowsOf } = await import(
    '../checking.js'
  );
  const file = readCheckConfig(
    path === undefined ? findCheckConfig(outside.folder) : resolve(outside.folder, path),
    outside.folder,
  );
  const planner = await plannerOf(flags, outside);
  const document = await checkAll({
    planner,
    file: file.path,
    rows: rowsOf(file, outside.folder),
    keepsSizes: flags.writeBaseline !== undefined,
    before: await beforeOf(planner, file, flags, outside),
    ...(flags.maxGrowth === undefined ? {} : { growth: allowancesOf(flags.maxGrowth) }),
  });
  const answer = answerOf(document);
  await write(answer, flags, outside);
  for (const report of reports) await write(answer, report, outside);
  await writeSummary(answer, flags, outside);
  if (flags.writeBaseline) {
    const target = baselinePath(file, flags.writeBaseline, outside);
    writeFile(target, jsonText(baselineOf(document)), outside);
  }
  return document.exitCode === EXIT.no && flags.exitZero ? EXIT.ok : document.exitCode;
}

function answerOf(document: CheckDocument): Answer {
  return {
    json: () => document,
    document: async () => (await import('../render/pages.js')).checkPage(document),
    notes: () => [document.next],
    more: {
      junit: async () => (await import('../render/pages.js')).renderJunit(document),
      sarif: async () => (await import('../render/pages.js')).renderSarif(document),
      github: async () => (await import('../render/pages.js')).renderGithub(document),
    },
  };
}

/** `junit=junit.xml`. */
function reportOf(text: string): OutputFlags {
  const [, format = '', output] = /^([^=]*)=(.+)$/s.exec(text) ?? [];
  if (output === undefined)
    throw new InputError('bad-number', {
      what: 'report',
      text,
      expected: 'a format and a file, such as junit=junit.xml',
    });
  formatOf({ format }, OWN_FORMATS);
  return { format, output };
}

/** GitHub shows what a step adds to this file on the page of the job. */
async function writeSummary(answer: Answer, flags: Flags, { env, appendFile }: Outside): Promise<void> {
  const path = env.GITHUB_STEP_SUMMARY;
  if (flags.format?.toLowerCase() !== 'github' || !path) return;
  const { renderMarkdown } = await import('../render/pages.js');
  appendFile(path, `${renderMarkdown(await answer.document())}\n`);
}

/** What to compare with: a file, a git ref, or the file that the checks name; nothing while a new one is written. */
async function beforeOf(planner: Planner, file: CheckFile, flags: Flags, outside: Outside) {
  const named = flags.baseline ?? (flags.writeBaseline ? undefined : file.baseline);
  if (named === undefined) return undefined;
  const path = flags.baseline === undefined ? join(file.folder, named) : resolve(outside.folder, named);
  const text = readText(path, named, outside);
  if (text !== undefined) {
    const { parseBaseline } = await import('../checking.js');
    return { from: named, baseline: parseBaseline(text, named) };
  }
  if (flags.baseline === undefined)
    throw new InputError('no-baseline', {
      name: named,
      problem: `the file that ${file.path} names is not there`,
    });
  return { from: named, baseline: await baselineAt(planner, file, named, outside) };
}

function readText(path: string, name: string, outside: Outside): string | undefined {
  try {
    return outside.readFile(path);
  } catch (error) {
    throw new InputError('no-baseline', { name, problem: (error as Error).message });
  }
}

/** The sizes of another commit: its own file of checks, planned by this program. */
async function baselineAt(planner: Planner, file: CheckFile, ref: string, outside: Outside) {
  const { baselineOf, checkAll, checkFileAt, rowsOf } = await import('../checking.js');
  const then = await checkFileAt(ref, file, outside.git);
  try {
    const rows = rowsOf({ ...then.file, folder: file.folder }, outside.folder, then.file.folder);
    return baselineOf(await checkAll({ planner, file: file.path, rows }));
  } finally {
    then.remove();
  }
}

/** From where the program runs, as it is said when it cannot be written. */
function baselinePath(file: CheckFile, given: string | true, { folder }: Outside): string {
  return given === true ? relative(folder, join(file.folder, file.baseline ?? BASELINE_FILE)) : given;
}
