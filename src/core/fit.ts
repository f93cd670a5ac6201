import { ENGINES } from './engines/index.js';
import { type Plan, plan, type Trial } from './plan.js';
import type { Question } from './resolve.js';
import { type Candidate, moreCards } from './setups.js';
import { largestContext } from './solve/context.js';
import { holds, holdsFor, starts } from './solve/holds.js';
import { largest } from './solve/largest.js';
import { largestSequences } from './solve/sequences.js';
import { withCacheType, withContext, withOption, withSequences } from './solve/variations.js';

/** What an option changes, mildest first where nothing fits as asked. */
export type FitKind =
  | 'as-asked'
  | 'longer-context'
  | 'more-sequences'
  | 'better-quant'
  | 'shorter-context'
  | 'smaller-cache'
  | 'smaller-quant'
  | 'experts-on-host'
  | 'layers-on-host'
  | 'more-cards';

/** One deployment that fits. */
export interface FitOption {
  readonly kind: FitKind;
  /** What the change came to: tokens, sequences, layers, a format, cards. */
  readonly value: number | string;
  readonly plan: Plan;
  readonly flags: readonly string[];
}

export interface Fit {
  readonly asked: Plan;
  /** Every entry fits, and for a solved number the next that the engine starts with does not. */
  readonly options: readonly FitOption[];
}

export interface FitInput {
  readonly trial: Trial;
  /** Whether the user named the weight format; if not, a better one may be proposed. */
  readonly quantAsked: boolean;
  /** The same question in other weight formats, best first. */
  readonly inQuants: readonly { readonly quant: string; readonly trial: () => Trial }[];
  readonly candidates: readonly Candidate[];
}

const SMALLER_CACHES = ['q8_0', 'q4_0'];

/**
 * What given hardware carries: as asked and how much more, or else the smallest changes that make it fit, in
 * order of harm.
 *
 * @example whatFits(input).options.map(({ kind, value }) => [kind, value]) // [['as-asked', 8192], ['longer-context', 64000], ...]
 */
export function whatFits(input: FitInput): Fit {
  const { trial } = input;
  const { flags } = ENGINES[trial.prepared.engineId];
  const asked = plan(trial.prepared, trial.question);
  const proposals = holds(asked) ? growth(input, asked) : changes(input);
  const options = proposals.map(({ kind, value, answer }) => ({
    kind,
    value,
    plan: answer,
    flags: flags(answer.request),
  }));
  return { asked, options };
}

interface Proposal {
  readonly kind: FitKind;
  readonly value: number | string;
  readonly answer: Plan;
}

function growth(input: FitInput, asked: Plan): Proposal[] {
  const { prepared, question } = input.trial;
  const found: Proposal[] = [{ kind: 'as-asked', value: asked.request.contextTokens, answer: asked }];
  const contextTokens = largestContext(prepared, question, holdsFor);
  if (contextTokens && contextTokens > asked.request.contextTokens) {
    found.push({
      kind: 'longer-context',
      value: contextTokens,
      answer: plan(prepared, withContext(question, contextTokens)),
    });
  }
  const sequences = largestSequences(input.trial, asked.request.sequences, (more) =>
    holdsFor(prepared, more),
  );
  if (sequences && sequences > asked.request.sequences) {
    found.push({
      kind: 'more-sequences',
      value: sequences,
      answer: plan(prepared, withSequences(question, sequences)),
    });
  }
  return [...found, ...(input.quantAsked ? [] : betterQuant(input))];
}

/** Better formats come first in the list: the first that holds, if it comes before the one asked. */
function betterQuant({ inQuants, trial }: FitInput): Proposal[] {
  for (const { quant, trial: inQuant } of inQuants) {
    if (quant === trial.question.quant) return [];
    const other = inQuant();
    const answer = plan(other.prepared, other.question);
    if (holds(answer)) return [{ kind: 'better-quant', value: quant, answer }];
  }
  return [];
}

function changes(input: FitInput): Proposal[] {
  const { prepared, question } = input.trial;
  const shorter = largestContext(prepared, question, holdsFor);
  return [
    ...(shorter
      ? [
          {
            kind: 'shorter-context' as const,
            value: shorter,
            answer: plan(prepared, withContext(question, shorter)),
          },
        ]
      : []),
    ...smallerCache(input.trial),
    ...smallerQuant(input),
    ...expertsOnHost(input.trial),
    ...layersOnHost(input.trial),
    ...onMoreCards(input),
  ];
}

function smallerCache({ prepared, question }: Trial): Proposal[] {
  for (const type of SMALLER_CACHES) {
    const smaller = withCacheType(question, type);
    if (question.request.kvTypeK === type || !starts(prepared, smaller)) return [];
    const answer = plan(prepared, smaller);
    if (holds(answer)) return [{ kind: 'smaller-cache', value: type, answer }];
  }
  return [];
}

function smallerQuant({ inQuants, trial }: FitInput): Proposal[] {
  const from = inQuants.findIndex(({ quant }) => quant === trial.question.quant);
  for (const { quant, trial: inQuant } of inQuants.slice(from + 1)) {
    const other = inQuant();
    const answer = plan(other.prepared, other.question);
    if (holds(answer)) return [{ kind: 'smaller-quant', value: quant, answer }];
  }
  return [];
}

/** Whether layers or experts could lie on the host in place of cards: processors alone have no other place. */
const hasOwnMemory = ({ devices }: Question): boolean =>
  devices.length > 0 && !devices.some(({ unified }) => unified);

/** The fewest layers whose routed experts must lie on the host. */
function expertsOnHost({ prepared, question }: Trial): Proposal[] {
  const { layers, blocks } = prepared.forEngine;
  if (!hasOwnMemory(question) || !blocks.some(({ kind }) => kind === 'moe')) return [];
  const onHost = (cards: number): Question => withOption(question, 'n-cpu-moe', layers - cards);
  const onCards = largest(0, layers - 1, (cards) => holdsFor(prepared, onHost(cards)));
  if (onCards === undefined) return [];
  return [{ kind: 'experts-on-host', value: layers - onCards, answer: plan(prepared, onHost(onCards)) }];
}

/** The most layers that the cards hold, the rest on the host. */
function layersOnHost({ prepared, question }: Trial): Proposal[] {
  if (!hasOwnMemory(question)) return [];
  const { layersAll } = prepared.forEngine;
  const layers = largest(1, layersAll, (count) =>
    holdsFor(prepared, withOption(question, 'n-gpu-layers', count)),
  );
  if (layers === undefined) return [];
  return [
    {
      kind: 'layers-on-host',
      value: layers,
      answer: plan(prepared, withOption(question, 'n-gpu-layers', layers)),
    },
  ];
}

function onMoreCards({ trial, candidates }: FitInput): Proposal[] {
  const { prepared, question } = trial;
  const more = moreCards(question, candidates, (asked) => holdsFor(prepared, asked));
  return more ? [{ kind: 'more-cards', value: more.count, answer: plan(prepared, more.question) }] : [];
}
