import type { Memory, Parts, Refusal } from './engine.js';

/** One setting with both answers. */
export interface Case {
  readonly architecture: string;
  readonly command: string;
  readonly ours: Memory | Refusal;
  readonly theirs: Memory | Refusal;
}

/** Whether there are figures to compare: not where both refuse in the same words. */
export const isCompared = ({ ours, theirs }: Case): boolean =>
  !('refuses' in ours && 'refuses' in theirs && theirs.refuses.includes(ours.refuses));

const PARTS = ['weights', 'kvCache', 'compute'] as const;

/** What the project promises: this share to the byte, and no part of any setting further off. */
const LEAST_EXACT = 0.99;
const MOST_ERROR = 0.01;

/** The largest error of a part as a share of the engine's figure; infinite where one side alone refuses. */
function errorOf({ ours, theirs }: Case): number {
  if ('refuses' in ours || 'refuses' in theirs) return Number.POSITIVE_INFINITY;
  return Math.max(errorOfParts(ours.card, theirs.card), errorOfParts(ours.host, theirs.host));
}

const errorOfParts = (ours: Parts, theirs: Parts): number =>
  Math.max(...PARTS.map((part) => Math.abs(ours[part] - theirs[part]) / (theirs[part] || 1)));

/** Prints every difference as a command with both answers, then a line for each architecture. */
export function report(title: string, cases: readonly Case[]): void {
  for (const one of cases.filter((one) => isCompared(one) && errorOf(one) > 0)) printDifference(one);
  console.log(`\n${title.padEnd(42)}settings     exact     worst   refused by both`);
  for (const name of new Set(cases.map(({ architecture }) => architecture)))
    printLine(
      name,
      cases.filter(({ architecture }) => architecture === name),
    );
  printLine('all', cases);
}

function printDifference({ command, ours, theirs }: Case): void {
  console.log(`\n${command}\n  llmspec    ${figures(ours)}\n  llama.cpp  ${figures(theirs)}`);
}

const figures = (answer: Memory | Refusal): string =>
  'refuses' in answer
    ? `refuses: ${answer.refuses}`
    : `card ${figuresOf(answer.card)}; host ${figuresOf(answer.host)}`;

const figuresOf = (parts: Parts): string => PARTS.map((part) => `${part} ${parts[part]}`).join(', ');

function printLine(name: string, cases: readonly Case[]): void {
  const { settings, exact, worst } = summary(cases);
  console.log(
    name.padEnd(40),
    String(settings).padStart(9),
    percent(exact).padStart(9),
    percent(worst).padStart(9),
    String(cases.length - settings).padStart(17),
  );
}

function summary(cases: readonly Case[]): { settings: number; exact: number; worst: number } {
  const errors = cases.filter(isCompared).map(errorOf);
  const exact = errors.filter((error) => error === 0).length;
  return { settings: errors.length, exact: exact / errors.length, worst: Math.max(0, ...errors) };
}

const percent = (share: number): string =>
  Number.isFinite(share) ? `${(100 * share).toFixed(2)} %` : 'refused';

/** What does not hold, in words. */
export function failuresOf(title: string, cases: readonly Case[]): string[] {
  const { exact, worst } = summary(cases);
  return [
    ...(exact < LEAST_EXACT ? [`${title}: ${percent(exact)} to the byte, not ${percent(LEAST_EXACT)}`] : []),
    ...(worst > MOST_ERROR ? [`${title}: worst ${percent(worst)}, more than ${percent(MOST_ERROR)}`] : []),
  ];
}
