import type { GpuEntry } from '../schema/catalog.js';
import type { Gpu } from '../schema/gpu.js';
import { formatBytes } from '../units/bytes.js';
import { grouped } from '../units/numbers.js';
import type { Document, Table } from './document.js';

/** The cards, or what a query left of them. */
export function gpusPage(gpus: readonly GpuEntry[], query: readonly string[]): Document {
  const table: Table = {
    columns: [
      { id: 'id', name: 'GPU', kind: 'text' },
      { id: 'vendor', name: 'Vendor', kind: 'text' },
      { id: 'segment', name: 'Segment', kind: 'text' },
      { id: 'capacity_bytes', name: 'Capacity', kind: 'bytes' },
      { id: 'usable_bytes', name: 'Usable', kind: 'bytes' },
      { id: 'gb_per_second', name: 'GB/s', kind: 'number' },
    ],
    rows: gpus.map((gpu) => [
      gpu.id,
      gpu.vendor,
      gpu.segment,
      gpu.capacityBytes,
      gpu.usableBytes,
      gpu.bandwidthBytesPerSecond === undefined ? undefined : gpu.bandwidthBytesPerSecond / 1e9,
    ]),
  };
  const asked = query.length > 0 ? ` for "${query.join(' ')}"` : '';
  const last = gpus[0] ? `One sheet: llmspec gpus show ${gpus[0].id}` : 'List them all: llmspec gpus';
  return {
    headline: `${gpus.length} GPU${gpus.length === 1 ? '' : 's'}${asked}`,
    blocks: [table, { lines: [last] }],
    csv: table,
  };
}

const TERA = 1e12;
const GIGA = 1e9;

/** One card's sheet. The entry has the memory size that was named, the file everything else. */
export function gpuPage(entry: GpuEntry, gpu: Gpu): Document {
  const facts = factsTable(entry, gpu);
  return {
    headline: `${entry.name} (${entry.id})`,
    blocks: [
      facts,
      ratesTable(gpu),
      { title: 'Notes', lines: (gpu.notes ?? []).map((note) => `- ${note}`) },
      {
        title: 'Sources',
        lines: gpu.sources.map(
          ({ facts: read, from, date, note }) =>
            `- ${read.join(', ')}: ${from}, ${date}${note ? `. ${note}` : ''}`,
        ),
      },
    ],
    csv: facts,
  };
}

const estimated = (flag: true | undefined): string => (flag ? ' (estimated)' : '');

function factsTable(entry: GpuEntry, gpu: Gpu): Table {
  const { memory, link, price } = gpu;
  const bandwidth = entry.bandwidthBytesPerSecond;
  const facts: [string, string | number | undefined][] = [
    [
      'Vendor, architecture',
      `${gpu.vendor}, ${gpu.architecture}${gpu.releaseYear ? `, ${gpu.releaseYear}` : ''}`,
    ],
    ['Segment', gpu.segment],
    ['Plain name means', gpu.boards],
    [
      'Memory as sold',
      `${memory.marketedGb} GB ${memory.type}${memory.unified ? ', shared with the processor' : ''}`,
    ],
    ['Driver reports', `${formatBytes(entry.capacityBytes)}${estimated(memory.capacityEstimated)}`],
    ['Programs see', `${formatBytes(entry.usableBytes)}${estimated(memory.usableEstimated)}`],
    [
      'Error correction',
      memory.ecc && `${memory.ecc.assumed} assumed; otherwise ${formatBytes(memory.ecc.otherwiseBytes)}`,
    ],
    ['Bandwidth', bandwidth && `${grouped(bandwidth / GIGA, bandwidth % GIGA ? 1 : 0)} GB/s`],
    ['llama.cpp backend', gpu.backend],
    ['Compute target', gpu.target],
    ['Multiprocessors', gpu.multiprocessors],
    [
      'Link',
      link?.bytesPerSecond &&
        `${link.kind}, ${grouped(link.bytesPerSecond / GIGA)} GB/s ${link.direction ?? ''}`,
    ],
    [
      'PCIe',
      gpu.pcie && `generation ${gpu.pcie.generation}${gpu.pcie.lanes ? `, ${gpu.pcie.lanes} lanes` : ''}`,
    ],
    ['Cards in a machine', gpu.cardsPerNode],
    ['Power', gpu.powerWatts && `${grouped(gpu.powerWatts)} W`],
    ['Price', price && `${grouped(price.usd)} USD (${price.kind}${price.note ? `; ${price.note}` : ''})`],
    ['Aliases', (entry.aliases ?? []).join(', ')],
  ];
  return {
    columns: [
      { id: 'fact', name: 'Fact', kind: 'text' },
      { id: 'value', name: 'Value', kind: 'text' },
    ],
    rows: facts.filter(([, value]) => value).map(([fact, value]) => [fact, String(value)]),
  };
}

function ratesTable({ rates = {} }: Gpu): Table {
  return {
    title: 'Dense peak rates',
    columns: [
      { id: 'type', name: 'Type', kind: 'text' },
      { id: 'tera_operations_per_second', name: 'TFLOPS', kind: 'number' },
    ],
    rows: Object.entries(rates).flatMap(([type, rate]) => (rate === undefined ? [] : [[type, rate / TERA]])),
  };
}
