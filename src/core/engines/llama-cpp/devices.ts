import { InputError } from '../../../errors.js';
import type { Estimate } from '../../estimate.js';
import type { PlannedDevice, ResolvedRequest } from '../../request.js';
import { type Placement, placeLayers, sharesOf } from './placement.js';
import type { PreparedModel } from './prepare.js';
import { runtimeOf } from './runtime.js';

/** The cards of a request one by one, what their runtimes take, and which layers they hold. */
export interface Devices {
  readonly cards: readonly PlannedDevice[];
  readonly backend: string;
  readonly runtimes: readonly Estimate[];
  readonly placement: Placement;
}

/**
 * The devices of a request with its layers placed on them.
 *
 * @throws InputError `contradiction` where a backend for cards meets none, or the other way round,
 *   `impossible-layout` where no card has free memory
 */
export function devicesOf(request: ResolvedRequest, prepared: PreparedModel): Devices {
  const cards = request.devices.flatMap((device) => new Array<PlannedDevice>(device.count).fill(device));
  const backend = backendOf(request, cards);
  const runtimes = cards.map((card) => runtimeOf(card, card.backend ?? backend));
  const placement = placeLayers(request, prepared, sharesOf(request, freeBytes(cards, runtimes)));
  return { cards, backend, runtimes, placement };
}

/**
 * The backend that the cards run on; the first card decides.
 *
 * @throws InputError `contradiction` where a backend for cards meets none, or the other way round
 */
function backendOf({ options }: ResolvedRequest, cards: readonly PlannedDevice[]): string {
  const usual = cards.length === 0 ? 'cpu' : (cards[0]?.backend ?? 'cuda');
  const asked = typeof options.backend === 'string' ? options.backend : usual;
  if ((asked === 'cpu') !== (cards.length === 0)) {
    throw new InputError('contradiction', { one: `option backend ${asked}`, other: `${cards.length} cards` });
  }
  return asked;
}

/** Free memory of every card, bytes; nothing where one has no limit. */
export function freeBytesOf({ cards, runtimes }: Devices): number[] | undefined {
  if (cards.some(({ usableBytes }) => usableBytes === undefined)) return undefined;
  return freeBytes(cards, runtimes);
}

/** Free memory decides the split; cards without a limit share evenly. */
function freeBytes(cards: readonly PlannedDevice[], runtimes: readonly Estimate[]): number[] {
  if (cards.some(({ usableBytes }) => usableBytes === undefined)) return cards.map(() => 1);
  const free = cards.map(({ usableBytes }, index) => Math.max(0, usableBytes! - runtimes[index]!.bytes));
  if (free.length > 0 && free.every((bytes) => bytes === 0))
    throw new InputError('impossible-layout', { words: 'no card has free memory' });
  return free;
}
