import type * as z from 'zod';
import { InputError } from './errors.js';
import { exitCodeOfError } from './exit.js';
import type { Planner } from './planner.js';
import { errorDocument, planDocument } from './render/json.js';
import { type Request, requestSchema } from './schema/request.js';
import type { ErrorDocument, PlanDocument } from './schema/result.js';

/** The answer to one line: a plan, or an error that says what is wrong with it. */
export interface LineAnswer {
  readonly document: PlanDocument | ErrorDocument;
  readonly error?: unknown;
}

/**
 * Answers one line of JSON; never throws, so that a wrong line does not hide the others.
 *
 * @example (await answerLine('{"model":"maverick"}', planner)).document.kind // 'plan'
 */
export async function answerLine(line: string, planner: Planner): Promise<LineAnswer> {
  let id: unknown = null;
  try {
    const value = parseLine(line);
    id = value.id ?? null;
    return { document: planDocument(await planner.plan(readRequest(value)), planner.catalog, id) };
  } catch (thrown) {
    const error = thrown instanceof InputError ? thrown : new InputError('bug', { problem: String(thrown) });
    return { document: errorDocument(error.code, error.args, exitCodeOfError(error.code), id), error };
  }
}

function parseLine(line: string): { id?: unknown } {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch (error) {
    throw new InputError('bad-json', { problem: (error as Error).message });
  }
  throw new InputError('bad-json', { problem: 'it is no object' });
}

function readRequest(value: object): Request {
  const parsed = requestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = innermost(parsed.error.issues[0]!);
  if (issue.code === 'unrecognized_keys')
    throw new InputError('unknown-key', { name: issue.keys.join(', ') });
  const what = issue.path.map(String).join('.') || 'request';
  throw new InputError('bad-number', { what, text: textAt(value, issue.path), expected: expectation(issue) });
}

type Issue = z.core.$ZodIssue;

/** Where a value fits none of several shapes: the key that one of them does not know, else the first problem. */
function innermost(issue: Issue): Issue {
  if (issue.code !== 'invalid_union') return issue;
  const inner = issue.errors.flat();
  const found = inner.find(({ code }) => code === 'unrecognized_keys') ?? inner[0];
  return found ? { ...found, path: [...issue.path, ...found.path] } : issue;
}

function expectation(issue: Issue): string {
  if (issue.code === 'too_small') return 'a number above zero';
  if (issue.code === 'too_big') return 'a smaller number';
  if (issue.code === 'invalid_type')
    return issue.expected === 'int' ? 'a whole number' : `a value of type ${issue.expected}`;
  return 'a value as `llmspec schema request` describes it';
}

/** The value that a path of keys leads to, as text. */
function textAt(value: unknown, path: readonly PropertyKey[]): string {
  const found = path.reduce<unknown>(
    (inner, key) => (inner as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  );
  return found === undefined ? 'nothing' : JSON.stringify(found);
}
