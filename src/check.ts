import { checkPlan, type Problem, remediesOf } from './core/check.js';
import { type Facts, factsOf } from './core/facts.js';
import { type Change, changesOf, overgrown, type Side } from './core/growth.js';
import type { Plan } from './core/plan.js';
import type { Candidate } from './core/setups.js';
import { candidatesOf } from './devices.js';
import { InputError } from './errors.js';
import { EXIT, exitCodeOfError, worstExitCode } from './exit.js';
import type { AskedRow, ModelPath } from './importers/check-rows.js';
import { type Asked, inUsualQuants, type Planner, planOf } from './planner.js';
import {
  causesWords,
  causeWords,
  changeWords,
  nextWords,
  problemWords,
  remedyWords,
} from './render/check-words.js';
import { envelope, type Generator } from './render/json.js';
import { errorWords, noteWords } from './render/messages.js';
import type { Allowances, Baseline, CheckDocument, CheckRow, Expectations } from './schema/check.js';
import type { Engine } from './schema/engine.js';
import type { Architecture } from './schema/model.js';
import type { Request } from './schema/request.js';

/** What is compared with, and what it is called. */
export interface Before {
  readonly from: string;
  readonly baseline: Baseline;
}

interface Checking {
  readonly planner: Planner;
  /** The file, as it is shown. */
  readonly file: string;
  readonly rows: readonly AskedRow[];
  readonly before?: Before | undefined;
  /** Growth that a row may have where it says nothing itself. */
  readonly growth?: Allowances | undefined;
  /** These sizes are kept as a baseline. */
  readonly keepsSizes?: boolean;
}

/**
 * Checks every row; one that is wrong does not hide the others.
 *
 * @example (await checkAll({ planner, file: 'llmspec.config.yaml', rows })).exitCode // 1
 */
export async function checkAll(checking: Checking): Promise<CheckDocument> {
  const { planner, file, rows, before, growth, keepsSizes = false } = checking;
  const models: Record<string, Facts> = {};
  const checked: CheckRow[] = [];
  const situation: Situation = {
    planner,
    before,
    growth,
    facts: remembered(factsOf),
    candidates: remembered((engine) => candidatesOf(planner.catalog, engine)),
  };
  for (const row of rows) {
    const { entry, facts } = await checkRow(row, situation);
    checked.push(entry);
    if (entry.request && facts) models[entry.request.model] = facts;
  }
  const counted = (status: CheckRow['status']): number =>
    checked.filter((row) => row.status === status).length;
  const { version, data } = planner.catalog;
  return envelope(
    'check',
    { version, data },
    {
      file,
      exitCode: worstExitCode(checked.map(({ exitCode }) => exitCode)),
      counts: {
        rows: checked.length,
        passed: counted('passed'),
        failed: counted('failed'),
        wrong: counted('wrong'),
      },
      ...(before ? { baseline: baselineNote(before, checked) } : {}),
      rows: checked,
      models,
      next: nextWords(checked, keepsSizes || before !== undefined),
    },
  );
}

function baselineNote({ from, baseline }: Before, rows: readonly CheckRow[]) {
  const { version, data } = baseline.generator;
  const names = new Set(rows.map(({ name }) => name));
  return {
    from,
    generator: { version, data },
    removed: baseline.rows.map(({ name }) => name).filter((name) => !names.has(name)),
  };
}

interface Entry {
  readonly entry: CheckRow;
  readonly facts?: Facts;
}

/** What all rows share. */
interface Situation extends Pick<Checking, 'planner' | 'before' | 'growth'> {
  readonly facts: (architecture: Architecture) => Facts;
  readonly candidates: (engine: Engine) => Candidate[];
}

/** The same answer for the same thing, worked out once. */
function remembered<K extends object, V>(work: (key: K) => V): (key: K) => V {
  const known = new Map<K, V>();
  return (key) => {
    const value = known.get(key) ?? work(key);
    known.set(key, value);
    return value;
  };
}

async function checkRow(row: AskedRow, situation: Situation): Promise<Entry> {
  const { planner, before, growth } = situation;
  const { name, line } = row;
  const path = pathOf(planner, row);
  try {
    if ('error' in row) throw row.error;
    const { expectations } = row;
    const request = path ? { ...row.request, model: path.read } : row.request;
    const asked = await planner.ask(request);
    const answer = shownAs(planOf(asked), path);
    refuseUnlimited(answer, expectations);
    const { problems, capacity } = checkPlan(asked, answer, expectations);
    const wouldFit = problems.length > 0 ? await remedies({ request, expectations, asked }, situation) : [];
    const facts = situation.facts(asked.model.architecture);
    const change = before && changeOf({ name, answer, facts, generator: planner.catalog }, before);
    const grown = change ? growthProblems(change.parts, row.growth ?? growth) : [];
    const said = [...problems.map(problemOf), ...grown];
    const failed = said.length > 0;
    return {
      facts,
      entry: {
        name,
        line,
        status: failed ? 'failed' : 'passed',
        exitCode: failed ? EXIT.no : EXIT.ok,
        request: answer.request,
        verdict: answer.verdict,
        memory: answer.memory,
        ...(capacity ? { capacity } : {}),
        problems: said,
        wouldFit,
        ...(change ? { change } : {}),
        notes: answer.notes.map(({ code, args }) => ({ code, args, message: noteWords(code, args) })),
      },
    };
  } catch (thrown) {
    return { entry: wrongRow(row, thrown, path) };
  }
}

/** The file that a row means; a name of the catalogue comes before a file of the same name. */
function pathOf({ catalog }: Planner, row: AskedRow): ModelPath | undefined {
  if ('error' in row || !row.path) return undefined;
  return row.path.sure || !catalog.findModel(row.request.model) ? row.path : undefined;
}

const shownAs = (answer: Plan, path: ModelPath | undefined): Plan =>
  path ? { ...answer, request: { ...answer.request, model: path.shown } } : answer;

function wrongRow({ name, line }: AskedRow, thrown: unknown, path: ModelPath | undefined): CheckRow {
  const error = thrown instanceof InputError ? thrown : new InputError('bug', { problem: String(thrown) });
  const { code } = error;
  const file = error.args.path;
  const isModel = path && typeof file === 'string';
  const args = isModel ? { ...error.args, path: file.replace(path.read, path.shown) } : error.args;
  const exitCode = exitCodeOfError(code);
  const said = { code, exitCode, ...errorWords(code, args) };
  return { name, line, status: 'wrong', exitCode, problems: [], wouldFit: [], error: said, notes: [] };
}

/** "It fits" says nothing where nothing has a limit. */
function refuseUnlimited({ memory }: Plan, { fits }: Expectations): void {
  if (fits === true && memory.devices.every(({ usableBytes }) => usableBytes === undefined))
    throw new InputError('contradiction', { one: 'limits.fits: true', other: 'devices without a memory' });
}

const problemOf = (problem: Problem): CheckRow['problems'][number] => ({
  ...problem,
  message: problemWords(problem),
});

interface Failing {
  readonly request: Request;
  readonly expectations: Expectations;
  readonly asked: Asked;
}

async function remedies({ request, expectations, asked }: Failing, { planner, candidates }: Situation) {
  const asker = await planner.asker(request.model);
  const found = remediesOf(asked, expectations, {
    inQuants: inUsualQuants(asker, request, asked),
    candidates: candidates(asked.question.engine),
  });
  return found.map((remedy) => ({ ...remedy, message: remedyWords(remedy) }));
}

interface Now {
  readonly name: string;
  readonly answer: Plan;
  readonly facts: Facts;
  readonly generator: Generator;
}

function changeOf(
  { name, answer, facts, generator }: Now,
  { baseline }: Before,
): NonNullable<CheckRow['change']> {
  const before = baseline.rows.find((row) => row.name === name);
  if (!before?.memory || !before.request) return { status: 'new', parts: [] };
  const side: Side = {
    memory: before.memory,
    request: before.request,
    facts: baseline.models[String(before.request.model)] ?? {},
    generator: baseline.generator,
  };
  const { version, data } = generator;
  const now: Side = { memory: answer.memory, request: answer.request, facts, generator: { version, data } };
  const parts = changesOf(side, now).map((change) => ({
    ...change,
    causes: change.causes.map((cause) => ({ ...cause, message: causeWords(cause) })),
    message: changeWords(change),
  }));
  return { status: parts.length > 0 ? 'changed' : 'same', parts };
}

function growthProblems(parts: readonly Change[], growth: Allowances | undefined): CheckRow['problems'] {
  return overgrown(parts, growth).map(({ id, byBytes, fromBytes, toBytes, allowedBytes, causes }) => {
    const args = { part: id, byBytes, fromBytes, toBytes, allowedBytes, why: causesWords(causes) };
    return { code: 'growth-over', args, message: problemWords({ code: 'growth-over', args }) };
  });
}

/**
 * What a later run is compared with: requests, sizes and geometry, without what is only said about them.
 *
 * @example JSON.stringify(baselineOf(document), null, 2)
 */
export function baselineOf({ schemaVersion, kind, generator, rows, models }: CheckDocument): Baseline {
  const kept = rows.flatMap(({ name, request, memory }) => {
    if (!request || !memory) return [];
    const { totalBytes, parts, devices } = memory;
    const sizes = {
      totalBytes,
      parts: parts.map(({ id, bytes }) => ({ id, bytes })),
      devices: devices.map((device) => ({ id: device.id, totalBytes: device.totalBytes })),
    };
    return [{ name, request, memory: sizes }];
  });
  return { schemaVersion, kind, generator, rows: kept, models };
}
