import { type Plan, type Prepared, plan } from './plan.js';
import type { PlannedDevice } from './request.js';
import type { Question } from './resolve.js';
import { withDevices } from './solve/variations.js';

/** A card that setups may use. */
export interface Candidate extends PlannedDevice {
  readonly gpu: string;
  readonly vendor: string;
  readonly segment: string;
  /** Most of them in one machine. */
  readonly cardsPerNode: number;
  /** Launch price of one, USD. */
  readonly priceUsd?: number | undefined;
  readonly powerWatts?: number | undefined;
}

/** Cards of one kind that hold a deployment, as few as do. */
export interface Setup {
  readonly gpu: string;
  readonly vendor: string;
  readonly segment: string;
  readonly count: number;
  /** Least headroom of a card, bytes: there may be a little more. */
  readonly headroomBytes: number;
  /** Usable memory of all cards, bytes. */
  readonly usableBytes: number;
  readonly level: 'fits' | 'tight';
}

/** Counts that machines are built with. */
export const CARD_COUNTS = [1, 2, 3, 4, 6, 8];

/** Part of the weights may lie on the host, so a little less than the least is worth a try. */
const WORTH_TRYING = 0.9;

/**
 * For each card, the fewest that hold the deployment in one machine; least memory first. Cards of which no
 * count holds it are left out.
 *
 * @param answer the plan of the same question: its low bound says what is not worth trying
 * @example setups(prepared, question, answer, cards)[0] // { gpu: 'mi325x-256gb', count: 1, ... }
 */
export function setups(
  prepared: Prepared,
  question: Question,
  answer: Plan,
  candidates: readonly Candidate[],
): Setup[] {
  const found = candidates.flatMap((candidate) => {
    for (const count of CARD_COUNTS) {
      const setup = tried(prepared, question, answer, { candidate, count });
      if (setup) return [setup];
    }
    return [];
  });
  return found.sort(byMemory);
}

/**
 * Of every vendor's segment the setup with the fewest cards, then the least memory; least memory first.
 *
 * @example bestSetups(prepared, question, answer, cards).map(({ gpu, count }) => `${count} × ${gpu}`)
 */
export function bestSetups(
  prepared: Prepared,
  question: Question,
  answer: Plan,
  candidates: readonly Candidate[],
): Setup[] {
  const kinds = new Map<string, Candidate[]>();
  for (const candidate of [...candidates].sort((a, b) => (a.usableBytes ?? 0) - (b.usableBytes ?? 0))) {
    const kind = `${candidate.vendor} ${candidate.segment}`;
    kinds.set(kind, [...(kinds.get(kind) ?? []), candidate]);
  }
  const found = [...kinds.values()].flatMap((ofKind) => fewest(prepared, question, answer, ofKind) ?? []);
  return found.sort(byMemory);
}

const byMemory = (a: Setup, b: Setup): number =>
  a.usableBytes - b.usableBytes || a.count - b.count || (a.gpu < b.gpu ? -1 : 1);

function fewest(
  prepared: Prepared,
  question: Question,
  answer: Plan,
  candidates: readonly Candidate[],
): Setup | undefined {
  for (const count of CARD_COUNTS) {
    for (const candidate of candidates) {
      const setup = tried(prepared, question, answer, { candidate, count });
      if (setup) return setup;
    }
  }
  return undefined;
}

/** Some cards of one kind. */
interface Cards {
  readonly candidate: Candidate;
  readonly count: number;
}

function tried(
  prepared: Prepared,
  question: Question,
  { bounds }: Plan,
  { candidate, count }: Cards,
): Setup | undefined {
  const { gpu, vendor, segment, cardsPerNode } = candidate;
  const usableBytes = count * (candidate.usableBytes ?? 0);
  if (count > cardsPerNode || usableBytes < WORTH_TRYING * bounds.lowBytes) return undefined;
  const { memory, verdict } = plan(prepared, withDevices(question, [{ ...candidate, count }]), 'atMost');
  if (verdict.level !== 'fits' && verdict.level !== 'tight') return undefined;
  const headroomBytes = Math.min(
    ...memory.devices.map((device) => device.headroomBytes ?? Number.POSITIVE_INFINITY),
  );
  return { gpu, vendor, segment, count, headroomBytes, usableBytes, level: verdict.level };
}

/**
 * The fewest cards with which a question holds, of the one kind that it names and more than it asks for; nothing
 * where one machine does not hold that many.
 *
 * @example moreCards(question, cards, (asked) => plan(prepared, asked).verdict.fits === true)?.count // 2
 */
export function moreCards(
  question: Question,
  candidates: readonly Candidate[],
  holds: (question: Question) => boolean,
): { readonly gpu: string; readonly count: number; readonly question: Question } | undefined {
  const [device] = question.devices;
  if (!device?.gpu || question.devices.length !== 1) return undefined;
  const { gpu } = device;
  const most = candidates.find((candidate) => candidate.gpu === gpu)?.cardsPerNode ?? 0;
  for (const count of CARD_COUNTS.filter((cards) => cards > device.count && cards <= most)) {
    const onMore = withDevices(question, [{ ...device, count }]);
    if (holds(onMore)) return { gpu, count, question: onMore };
  }
  return undefined;
}
