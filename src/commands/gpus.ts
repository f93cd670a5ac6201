import { openCatalog } from '../catalog/index.js';
import { gpuNamed } from '../catalog/named.js';
import { EXIT } from '../exit.js';
import { envelope } from '../render/json.js';
import type { GpuEntry } from '../schema/catalog.js';
import { parseBytes } from '../units/bytes.js';
import type { CommandDefinition } from './index.js';
import { having, matching } from './matching.js';
import { type OutputFlags, outputFlags, write } from './output.js';
import type { Outside } from './outside.js';

const EXAMPLES = `
Examples:
  llmspec gpus                every card of the catalogue
  llmspec gpus nvidia 80gb    those that match all words
  llmspec gpus --vendor amd --min-memory 48GiB
  llmspec gpus show 4090      one card's sheet
`;

/** `llmspec gpus [query]`, `gpus show <gpu>`: the cards, and one card's sheet. */
export const gpus: CommandDefinition = (program, outside, done) => {
  const command = program
    .command('gpus')
    .summary('the catalogue of cards; `gpus show <gpu>` has one sheet')
    .description('Lists the cards and machines of the catalogue, all or those that match every word.')
    .argument('[query...]', 'words of a name, vendor or segment')
    .enablePositionalOptions();
  outputFlags(command)
    .option('--vendor <name>', 'nvidia, amd, intel, apple, google, aws, huawei')
    .option('--segment <name>', 'consumer, workstation, datacenter, laptop, embedded, unified')
    .option('--min-memory <size>', 'usable memory of one, such as 24GiB')
    .addHelpText('after', EXAMPLES)
    .action(async (query: string[], flags: ListFlags) => done(await list(query, flags, outside)));
  const sheet = command
    .command('show')
    .summary("one card's sheet")
    .description('Everything about one card: memory, rates, links, power, price, each with its source.')
    .argument('<gpu>', 'id or alias of the catalogue');
  outputFlags(sheet).action(async (gpu: string, flags: OutputFlags) => done(await show(gpu, flags, outside)));
};

const wordsOf = ({ id, name, vendor, segment, aliases, releaseYear }: GpuEntry): string[] => [
  id,
  name,
  vendor,
  segment,
  ...aliases,
  String(releaseYear),
];

interface ListFlags extends OutputFlags {
  vendor?: string;
  segment?: string;
  minMemory?: string;
}

async function list(query: readonly string[], flags: ListFlags, outside: Outside): Promise<number> {
  const catalog = openCatalog();
  const leastBytes = flags.minMemory ? parseBytes(flags.minMemory, 'min-memory') : 0;
  const ofVendor = having('vendor', flags.vendor, catalog.gpus, ({ vendor }) => [vendor]);
  const ofSegment = having('segment', flags.segment, catalog.gpus, ({ segment }) => [segment]);
  const found = matching(catalog.gpus, query, wordsOf).filter(
    (gpu) => ofVendor(gpu) && ofSegment(gpu) && gpu.usableBytes >= leastBytes,
  );
  await write(
    {
      json: () => envelope('list', catalog, { of: 'gpus', items: found }),
      document: async () => (await import('../render/pages.js')).gpusPage(found, query),
    },
    flags,
    outside,
  );
  return EXIT.ok;
}

async function show(name: string, flags: OutputFlags, outside: Outside): Promise<number> {
  const catalog = openCatalog();
  const entry = gpuNamed(catalog, name);
  const gpu = { ...catalog.gpu(entry), id: entry.id };
  await write(
    {
      json: () => envelope('gpu', catalog, { gpu }),
      document: async () => (await import('../render/pages.js')).gpuPage(entry, gpu),
    },
    flags,
    outside,
  );
  return EXIT.ok;
}
