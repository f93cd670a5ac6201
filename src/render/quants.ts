import type { QuantEntry } from '../schema/catalog.js';
import type { Condition, GgufMix, Quant } from '../schema/quant.js';
import type { Document, Table } from './document.js';

/** The weight formats in a list. */
export function quantsPage(quants: readonly QuantEntry[]): Document {
  const table: Table = {
    columns: [
      { id: 'format', name: 'Format', kind: 'text' },
      { id: 'about', name: 'What it is', kind: 'text' },
    ],
    rows: quants.map(({ id, about }) => [id, about]),
  };
  const lines = [
    'Short names such as q4 mean the usual format of the engine: llmspec engines show llama.cpp',
  ];
  return { headline: `${quants.length} weight formats`, blocks: [table, { lines }], csv: table };
}

const TENSORS: readonly (readonly [keyof GgufMix, string])[] = [
  ['attnV', 'attention values'],
  ['attnK', 'attention keys'],
  ['attnQ', 'attention queries'],
  ['attnOutput', 'attention output'],
  ['ffnDown', 'feed-forward down'],
  ['ffnGateUp', 'feed-forward gate and up'],
];

const CONDITIONS: Record<Condition, string> = {
  moreBits: 'in the first and last eighth of the layers, and in every third between',
  firstEighth: 'in the first eighth of the layers',
  firstSixteenth: 'in the first sixteenth of the layers',
  middleThreeQuarters: 'in the middle three quarters of the layers',
  firstEighthOfSeen: 'in the first of them, as many as an eighth of the layers',
  firstTwo: 'in the first two layers',
  firstFour: 'in the first four layers',
  gqaAtLeast4: 'where 4 or more queries share a key',
  gqaOrExpertsAtLeast4: 'where 4 or more queries share a key, or there are 4 or more experts',
  eightExperts: 'with exactly 8 experts',
  imatrix: 'with an importance matrix',
  noImatrix: 'without an importance matrix',
};

/** Which tensors get which type. */
export function quantPage(quant: Quant): Document {
  const rows = quant.kind === 'gguf-mix' ? mixRows(quant) : plainRows(quant);
  const table: Table = {
    columns: [
      { id: 'tensors', name: 'Tensors', kind: 'text' },
      { id: 'type', name: 'Type', kind: 'text' },
      { id: 'when', name: 'When', kind: 'text' },
    ],
    rows,
  };
  const rules = [
    'Vectors, norms, routers and small convolutions stay in F32.',
    'A row that is no whole number of blocks falls back to a type with smaller blocks.',
  ];
  const sources = quant.sources.map(({ from, date }) => `- ${from}, ${date}`);
  return {
    headline: `${quant.name}: ${quant.about}`,
    blocks: [table, { lines: rules }, { title: 'Sources', lines: sources }],
    csv: table,
  };
}

function mixRows(mix: GgufMix): string[][] {
  const rows = [
    ['every matrix', mix.base, 'unless said below'],
    ['output, or a tied embedding', mix.output, ''],
  ];
  if (mix.tokenEmbedding) rows.push(['token embedding', mix.tokenEmbedding, '']);
  if (mix.stacked) rows.push(['stacked matrices (experts)', mix.stacked, '']);
  for (const [key, name] of TENSORS) {
    for (const { type, when = [] } of (mix[key] as GgufMix['attnV']) ?? []) {
      rows.push([name, type, when.map((condition) => CONDITIONS[condition]).join(', ')]);
    }
  }
  return rows;
}

function plainRows({ base, experts }: Extract<Quant, { kind: 'gguf-plain' }>): string[][] {
  const rows = [['every matrix', base, '']];
  return experts ? [...rows, ['stacked matrices (experts)', experts, '']] : rows;
}
