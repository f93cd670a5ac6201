import { type Plan, type Prepared, plan } from './plan.js';
import type { PlannedDevice } from './request.js';
import type { Question } from './resolve.js';

/** A card that setups may use. */
export interface Candidate extends PlannedDevice {
  readonly gpu: string;
  readonly vendor: string;
  readonly segment: string;
  /** Most of them in one machine. */
  readonly cardsPerNode: number;
}

/** Cards of one kind that hold a deployment, as few as do. */
export interface Setup {
  readonly gpu: string;
  readonly vendor: string;
  readonly segment: string;
  readonly count: number;
  /** Least headroom of a card, bytes. */
  readonly headroomBytes: number;
  /** Usable memory of all cards, bytes. */
  readonly usableBytes: number;
  readonly level: 'fits' | 'tight';
}

/** Counts that machines are built with. */
export const CARD_COUNTS = [1, 2, 3, 4, 6, 8];

/**
 * For each card, the fewest that hold the deployment in one machine; least memory first. Cards of which no
 * count holds it are left out.
 *
 * @param answer the plan of the same question without a limit: it says what is not worth trying
 * @example setups(prepared, question, answer, cards)[0] // { gpu: 'mi325x-256gb', count: 1, ... }
 */
export function setups(prepared: Prepared, question: Question, answer: Plan, candidates: readonly Candidate[]): Setup[] {
  return candidates
    .flatMap((candidate) => smallest(prepared, question, answer.bounds.lowBytes, candidate) ?? [])
    .sort((a, b) => a.usableBytes - b.usableBytes || a.count - b.count || (a.gpu < b.gpu ? -1 : 1));
}

/** Part of the weights may lie on the host, so a little less than the least is worth a try. */
const WORTH_TRYING = 0.9;

function smallest(prepared: Prepared, question: Question, lowBytes: number, candidate: Candidate): Setup | undefined {
  const { gpu, vendor, segment, cardsPerNode } = candidate;
  const oneBytes = candidate.usableBytes ?? 0;
  for (const count of CARD_COUNTS) {
    if (count > cardsPerNode || count * oneBytes < WORTH_TRYING * lowBytes) continue;
    const { memory, verdict } = plan(prepared, { ...question, devices: [{ ...candidate, count }] });
    if (verdict.level !== 'fits' && verdict.level !== 'tight') continue;
    const headroomBytes = Math.min(...memory.devices.map((device) => device.headroomBytes ?? Number.POSITIVE_INFINITY));
    return { gpu, vendor, segment, count, headroomBytes, usableBytes: count * oneBytes, level: verdict.level };
  }
  return undefined;
}
