import type { Expectations } from '../schema/check.js';
import { type Plan, type Prepared, plan, type Trial } from './plan.js';
import { largestContextOf, type Question } from './resolve.js';
import { type Candidate, moreCards } from './setups.js';
import { largestContext } from './solve/context.js';
import { largest } from './solve/largest.js';
import { largestSequences } from './solve/sequences.js';
import { SMALLER_CACHE, withContext, withSmallerCache } from './solve/variations.js';

/** Something that a row asks for and does not get; the words are in `render/check-words.ts`. */
export interface Problem {
  readonly code:
    | 'device-over'
    | 'total-over'
    | 'per-device-over'
    | 'part-over'
    | 'context-under'
    | 'sequences-under';
  readonly args: Readonly<Record<string, string | number | readonly string[]>>;
}

/** One change with which the row would hold. */
export interface Remedy {
  readonly kind: 'cache-type' | 'context' | 'quant' | 'cards';
  readonly value: string | number;
}

export interface Checked {
  readonly problems: readonly Problem[];
  readonly capacity?: { readonly maxContextTokens?: number; readonly maxSequences?: number };
}

/**
 * Everything that a row asks for and does not get, each with by how much.
 *
 * @example checkPlan(trial, answer, { parts: { kvCache: 2 ** 30 } }).problems // [{ code: 'part-over', args: { part: 'kvCache', ... } }]
 */
export function checkPlan(trial: Trial, answer: Plan, expected: Expectations): Checked {
  const context = contextProblem(trial, expected);
  const sequences = sequencesProblem(trial, expected);
  const capacity = {
    ...(context ? { maxContextTokens: context.most } : {}),
    ...(sequences ? { maxSequences: sequences.most } : {}),
  };
  return {
    problems: [
      ...memoryProblems(answer, trial.question, expected),
      ...(context?.problems ?? []),
      ...(sequences?.problems ?? []),
    ],
    ...(context || sequences ? { capacity } : {}),
  };
}

/** What of the memory is over: devices, limits and parts. */
function memoryProblems(answer: Plan, { request }: Question, expected: Expectations): Problem[] {
  const { memory } = answer;
  const { totalBytes, perDeviceBytes } = request.limits ?? {};
  return [
    ...(expected.fits === false ? [] : devicesOver(memory.devices)),
    ...over('total-over', {}, memory.totalBytes, totalBytes),
    ...perDeviceOver(memory.devices, perDeviceBytes),
    ...Object.entries(expected.parts).flatMap(([part, most]) =>
      over('part-over', { part }, partBytes(answer, part), most),
    ),
  ];
}

type Device = Plan['memory']['devices'][number];

/** Devices that lack memory are one problem; the one that lacks most stands for them. */
function devicesOver(devices: readonly Device[]): Problem[] {
  const lacking = devices.filter(({ headroomBytes }) => headroomBytes !== undefined && headroomBytes < 0);
  const [first, ...others] = lacking;
  if (!first) return [];
  const worst = others.reduce((most, one) => (one.headroomBytes! < most.headroomBytes! ? one : most), first);
  const args = {
    device: worst.id,
    devices: lacking.map(({ id }) => id),
    byBytes: -worst.headroomBytes!,
    bytes: worst.totalBytes,
    mostBytes: worst.usableBytes!,
  };
  return [{ code: 'device-over', args: worst.gpu ? { ...args, gpu: worst.gpu } : args }];
}

function over(
  code: Problem['code'],
  args: Problem['args'],
  bytes: number,
  mostBytes: number | undefined,
): Problem[] {
  if (mostBytes === undefined || bytes <= mostBytes) return [];
  return [{ code, args: { ...args, byBytes: bytes - mostBytes, bytes, mostBytes } }];
}

function perDeviceOver(devices: readonly Device[], most: number | undefined): Problem[] {
  const cards = devices.filter(({ id }) => id !== 'host');
  const limited = cards.length > 0 ? cards : devices;
  const bytes = Math.max(...limited.map(({ totalBytes }) => totalBytes));
  const fullest = limited.find(({ totalBytes }) => totalBytes === bytes);
  return over('per-device-over', { device: fullest?.id ?? 'host' }, bytes, most);
}

/** `weights`, or `weights.routedExperts`: a kind that a model does not have needs nothing. */
function partBytes({ memory }: Plan, id: string): number {
  const [name, child] = id.split('.');
  const part = memory.parts.find((one) => one.id === name);
  if (child === undefined) return part?.bytes ?? 0;
  return part?.children?.find((one) => one.id === child)?.bytes ?? 0;
}

interface Capacity {
  readonly most: number;
  readonly problems: Problem[];
}

function contextProblem({ prepared, question }: Trial, expected: Expectations): Capacity | undefined {
  if (expected.contextTokens === undefined) return undefined;
  const longest = largestContextOf(question.model);
  const least = expected.contextTokens === 'max' ? longest : expected.contextTokens;
  const holds = (trial: Prepared, asked: Question): boolean =>
    holdsAt({ prepared: trial, question: asked }, expected);
  const most = largestContext(prepared, question, holds) ?? 0;
  const problem: Problem = { code: 'context-under', args: { most, least, by: least - most, longest } };
  return { most, problems: most < least ? [problem] : [] };
}

function sequencesProblem({ prepared, question }: Trial, expected: Expectations): Capacity | undefined {
  const least = expected.sequences;
  if (least === undefined) return undefined;
  const holds = (asked: Question): boolean => holdsAt({ prepared, question: asked }, expected);
  const most = largestSequences({ prepared, question }, 1, holds) ?? 0;
  return {
    most,
    problems: most < least ? [{ code: 'sequences-under', args: { most, least, by: least - most } }] : [],
  };
}

function holdsAt({ prepared, question }: Trial, expected: Expectations): boolean {
  return memoryProblems(plan(prepared, question), question, expected).length === 0;
}

/** Whether a row would hold: as asked, and at the least context and number of sequences it must carry. */
function holds(trial: Trial, expected: Expectations): boolean {
  const { prepared, question } = trial;
  if (!holdsAt(trial, expected)) return false;
  const longest = largestContextOf(question.model);
  const tokens = expected.contextTokens === 'max' ? longest : expected.contextTokens;
  if (tokens !== undefined && tokens > longest) return false;
  if (tokens !== undefined && !holdsAt({ prepared, question: withContext(question, tokens) }, expected))
    return false;
  return (sequencesProblem(trial, expected)?.problems ?? []).length === 0;
}

/** What a row that does not hold could be instead. */
export interface Alternatives {
  /** The same question in other weight formats, best first. */
  readonly inQuants: readonly { readonly quant: string; readonly trial: () => Trial }[];
  readonly candidates: readonly Candidate[];
}

/**
 * Single changes with which the row would hold, mildest first; none where no single change is enough.
 *
 * @example remediesOf(trial, expected, alternatives) // [{ kind: 'context', value: 64000 }, { kind: 'quant', value: 'Q3_K_M' }]
 */
export function remediesOf(trial: Trial, expected: Expectations, alternatives: Alternatives): Remedy[] {
  return [
    ...smallerCache(trial, expected),
    ...shorterContext(trial, expected),
    ...smallerQuant(trial, expected, alternatives),
    ...onMoreCards(trial, expected, alternatives),
  ];
}

function smallerCache({ prepared, question }: Trial, expected: Expectations): Remedy[] {
  const smaller = withSmallerCache({ prepared, question });
  const fits = smaller && holds({ prepared, question: smaller }, expected);
  return fits ? [{ kind: 'cache-type', value: SMALLER_CACHE }] : [];
}

function shorterContext({ prepared, question }: Trial, expected: Expectations): Remedy[] {
  const tokens = largestContext(prepared, question, (same, asked) =>
    holds({ prepared: same, question: asked }, expected),
  );
  return tokens === undefined ? [] : [{ kind: 'context', value: tokens }];
}

function smallerQuant(
  { prepared, question }: Trial,
  expected: Expectations,
  { inQuants }: Alternatives,
): Remedy[] {
  if (question.request.fileBytes !== undefined) return [];
  const asked = inQuants.findIndex(({ quant }) => quant === question.quant);
  // Smallest first: what holds in one holds in every smaller one, so halving the list finds the best.
  const smaller = inQuants.slice(asked + 1).toReversed();
  const fits = (index: number): boolean => {
    const other = smaller[index]!.trial();
    return other.prepared.forEngine.fileBytes < prepared.forEngine.fileBytes && holds(other, expected);
  };
  const best = largest(0, smaller.length - 1, fits);
  return best === undefined ? [] : [{ kind: 'quant', value: smaller[best]!.quant }];
}

function onMoreCards(
  { prepared, question }: Trial,
  expected: Expectations,
  { candidates }: Alternatives,
): Remedy[] {
  const more = moreCards(question, candidates, (asked) => holds({ prepared, question: asked }, expected));
  return more ? [{ kind: 'cards', value: `${more.count}x${more.gpu}` }] : [];
}
