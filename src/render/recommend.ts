import type {
  Alternative,
  Constraints,
  NearMiss,
  Objective,
  Offer,
  Recommendation,
  Recommendations,
} from '../core/recommend.js';
import { formatBytes } from '../units/bytes.js';
import { grouped } from '../units/numbers.js';
import type { Cell, Column, Document, Table } from './document.js';

interface Asked {
  readonly by: Objective;
  readonly constraints: Constraints;
  /** How many there are in all. */
  readonly all: number;
}

const OBJECTIVES: Record<Objective, string> = {
  fewest: 'fewest cards first',
  headroom: 'most room on the fullest card first',
  price: 'cheapest first',
  power: 'least power first',
};

/** Which cards hold a deployment, ranked. */
export function recommendPage(
  { options, nearMisses, alternatives }: Recommendations,
  asked: Asked,
): Document {
  const [best] = options;
  const table = optionsTable(options, asked);
  const what = best
    ? `${best.plan.model.name} · ${best.plan.request.quant} · ${grouped(best.plan.request.contextTokens)} tokens`
    : 'No cards hold it';
  return {
    headline: best
      ? `${what}: ${asked.all} setups hold it, ${OBJECTIVES[asked.by]}`
      : `${what} under these constraints`,
    level: best ? 'fits' : 'no',
    blocks: [
      table,
      {
        title: `What one change to ${best ? `${best.count} × ${best.gpu}` : 'it'} would do`,
        lines: alternatives.map(alternativeLine),
      },
      { title: 'Near misses', lines: nearMisses.map(missLine) },
      { lines: [sourceLine(options, asked.constraints)] },
      { lines: [lastSentence(best, asked)] },
    ],
    csv: table,
  };
}

function optionsTable(options: readonly Recommendation[], { constraints }: Asked): Table {
  const columns = COLUMNS.filter(({ shown = () => true }) => shown(options, constraints));
  return {
    columns: columns.map(({ column }) => column),
    rows: options.map((option) => columns.map(({ cell }) => cell(option))),
  };
}

interface OptionColumn {
  readonly column: Column;
  readonly cell: (option: Recommendation) => Cell;
  readonly shown?: (options: readonly Recommendation[], constraints: Constraints) => boolean;
}

const owned: OptionColumn['shown'] = (_, { cloud }) => !cloud;
const rented: OptionColumn['shown'] = (options) => options.some(({ offer }) => offer);

const instanceWords = ({ provider, instance, kind }: Offer): string =>
  `${provider} ${instance}${kind === 'spot' ? ', spot' : ''}`;

const COLUMNS: readonly OptionColumn[] = [
  { column: { id: 'count', name: 'Cards', kind: 'number' }, cell: ({ count }) => count },
  { column: { id: 'gpu', name: 'GPU', kind: 'text' }, cell: ({ gpu }) => gpu },
  {
    column: { id: 'headroom_bytes', name: 'Free', kind: 'bytes' },
    cell: ({ headroomBytes }) => headroomBytes,
  },
  {
    column: { id: 'level', name: '', kind: 'text' },
    cell: ({ plan }) => (plan.verdict.level === 'tight' ? 'tight' : ''),
  },
  {
    column: { id: 'price_usd', name: 'Launch USD', kind: 'number' },
    cell: ({ priceUsd }) => priceUsd,
    shown: owned,
  },
  {
    column: { id: 'power_watts', name: 'W', kind: 'number' },
    cell: ({ powerWatts }) => powerWatts,
    shown: owned,
  },
  {
    column: { id: 'usd_per_hour', name: 'USD/h', kind: 'text' },
    cell: ({ offer }) => offer?.usdPerHour.toFixed(2),
    shown: rented,
  },
  {
    column: { id: 'instance', name: 'Instance', kind: 'text' },
    cell: ({ offer }) => offer && instanceWords(offer),
    shown: rented,
  },
];

const CHANGES: Record<Alternative['change'], (value: Alternative['value']) => string> = {
  'one-more-card': () => 'one more card',
  'smaller-quant': (value) => `the smaller format ${value}`,
  'smaller-cache': (value) => `the cache type ${value}`,
};

const alternativeLine = ({ change, value, count, headroomBytes }: Alternative): string =>
  `- ${CHANGES[change](value)}: ${count} card${count > 1 ? 's' : ''}, ${formatBytes(headroomBytes)} free on the fullest`;

const REASONS: Record<NearMiss['reason'], (miss: NearMiss) => string> = {
  memory: ({ lackingBytes = 0 }) => `the fullest lacks ${formatBytes(lackingBytes)}`,
  price: ({ priceUsd = 0 }) => `it costs ${grouped(priceUsd)} USD`,
  'no-price': () => 'no price is known',
  'no-power': () => 'no power is known',
};

const missLine = (miss: NearMiss): string => `- ${miss.count} × ${miss.gpu}: ${REASONS[miss.reason](miss)}`;

function sourceLine(options: readonly Recommendation[], { cloud }: Constraints): string {
  const dates = options.flatMap(({ offer }) => offer?.date ?? []).sort();
  const rent =
    dates.length > 0
      ? `Prices for rent are of ${dates[0]}${dates[0] === dates.at(-1) ? '' : ` to ${dates.at(-1)}`}, the cheapest region.`
      : '';
  return cloud ? rent : `Launch prices are list prices of the card, not of today's market. ${rent}`.trim();
}

function lastSentence(best: Recommendation | undefined, { constraints }: Asked): string {
  if (!best)
    return 'Next: loosen a constraint, take a smaller format or a shorter context, or see `llmspec fit`.';
  const gpu = `${best.count > 1 ? `${best.count}x` : ''}${best.gpu}`;
  return `Next: see it device by device with llmspec vram and --gpu ${gpu}${constraints.cloud ? rentWords(best.offer) : ''}.`;
}

const rentWords = (offer: Offer | undefined): string =>
  offer ? ` (${offer.provider} ${offer.instance}, ${offer.usdPerHour.toFixed(2)} USD an hour)` : '';
