import type { Command } from 'commander';
import { InputError } from '../errors.js';
import { EXIT } from '../exit.js';
import { modelSheet } from '../model-sheet.js';
import { envelope } from '../render/json.js';
import type { ModelEntry } from '../schema/catalog.js';
import { parseParameters } from '../units/parameters.js';
import type { CommandDefinition } from './index.js';
import { having, matching } from './matching.js';
import { type OutputFlags, outputFlags, write } from './output.js';
import type { Outside } from './outside.js';
import { catalogOf, MODEL_ARGUMENT, plannerOf, type SourceFlags, sourceFlags } from './planner.js';

const EXAMPLES = `
Examples:
  llmspec models                       every model of the catalogue
  llmspec models qwen moe              those that match all words
  llmspec models --max-params 10B --modality image --sort released
  llmspec models show maverick         one model's full sheet
  llmspec models show ./my-model.json  a spec, a config.json or a GGUF file of your own
  llmspec models show Qwen/Qwen3-8B    a repository of the hub
`;

interface ListFlags extends OutputFlags, SourceFlags {
  family?: string;
  maker?: string;
  moe?: boolean;
  dense?: true;
  maxParams?: string;
  minParams?: string;
  modality?: string;
  sort?: string;
}

interface ShowFlags extends OutputFlags, SourceFlags {
  quant?: string;
  ctx?: string;
}

/** `llmspec models [query]`, `models show <model>`: the catalogue, and one model's full sheet. */
export const models: CommandDefinition = (program, outside, done) => {
  const command = program
    .command('models')
    .summary('the catalogue of models; `models show <model>` has one sheet')
    .description('Lists the models of the catalogue, all or those that match every word.')
    .argument('[query...]', 'words of a name, maker, family or hub id')
    .enablePositionalOptions();
  outputFlags(sourceFlags(command))
    .option('--family <name>', 'of one family, such as Qwen3')
    .option('--maker <name>', 'of one maker, such as Meta')
    .option('--moe', 'with routed experts')
    .option('--dense', 'without routed experts')
    .option('--max-params <count>', 'at most so many parameters, such as 70B')
    .option('--min-params <count>', 'at least so many')
    .option('--modality <name>', 'reads it: text, image, audio')
    .option('--sort <by>', `${Object.keys(ORDERS).join(', ')} (default: by maker and name)`)
    .addHelpText('after', EXAMPLES)
    .action(async (query: string[], flags: ListFlags) => done(await list(query, flags, outside)));
  showCommand(command, outside, done);
};

function showCommand(parent: Command, outside: Outside, done: (exitCode: number) => void): void {
  const command = parent
    .command('show')
    .summary("one model's full sheet")
    .description(
      'Everything about one model: facts, parameters, memory, hardware, benchmarks, disputed claims, sources.',
    )
    .argument('<model>', MODEL_ARGUMENT)
    .option('-q, --quant <format>', 'weight format for the hardware that would hold it')
    .option('-c, --ctx <tokens>', 'context for the hardware that would hold it');
  outputFlags(sourceFlags(command)).action(async (model: string, flags: ShowFlags) =>
    done(await show(model, flags, outside)),
  );
}

/** Largest or newest first; names from A to Z. */
const ORDERS: Readonly<Record<string, (one: ModelEntry, other: ModelEntry) => number>> = {
  total: (one, other) => other.totalParameters - one.totalParameters,
  active: (one, other) => other.activeParameters - one.activeParameters,
  context: (one, other) => other.contextTokens - one.contextTokens,
  released: (one, other) => ((one.released ?? '') < (other.released ?? '') ? 1 : -1),
  name: (one, other) => (one.id < other.id ? -1 : 1),
};

async function list(query: readonly string[], flags: ListFlags, outside: Outside): Promise<number> {
  const catalog = await catalogOf(flags, outside);
  const found = matching(catalog.models, query, wordsOf).filter(filterOf(flags, catalog.models));
  const order = orderOf(flags.sort);
  const items = order ? found.toSorted(order) : found;
  await write(
    {
      json: () => envelope('list', catalog, { of: 'models', items }),
      document: async () => (await import('../render/pages.js')).modelsPage(items, query),
    },
    flags,
    outside,
  );
  return EXIT.ok;
}

function filterOf(flags: ListFlags, entries: readonly ModelEntry[]): (entry: ModelEntry) => boolean {
  const tests = [
    having('family', flags.family, entries, ({ family }) => [family]),
    having('maker', flags.maker, entries, ({ maker }) => [maker]),
    having('modality', flags.modality, entries, ({ input = ['text'] }) => input),
  ];
  const most = flags.maxParams ? parseParameters(flags.maxParams, 'max-params') : Number.POSITIVE_INFINITY;
  const least = flags.minParams ? parseParameters(flags.minParams, 'min-params') : 0;
  return (entry) =>
    tests.every((test) => test(entry)) &&
    !(flags.moe && !entry.experts) &&
    !(flags.dense && entry.experts) &&
    entry.totalParameters <= most &&
    entry.totalParameters >= least;
}

function orderOf(asked: string | undefined): (typeof ORDERS)[string] | undefined {
  if (asked === undefined) return undefined;
  if (Object.hasOwn(ORDERS, asked)) return ORDERS[asked];
  const expected = `one of ${Object.keys(ORDERS).join(', ')}`;
  throw new InputError('bad-number', { what: 'sort', text: asked, expected });
}

const wordsOf = ({ id, name, maker, family, aliases, hubIds, type, experts }: ModelEntry): string[] => [
  id,
  name,
  maker ?? '',
  family ?? '',
  type,
  ...aliases,
  ...hubIds,
  experts ? 'moe' : 'dense',
];

async function show(name: string, flags: ShowFlags, outside: Outside): Promise<number> {
  const planner = await plannerOf(flags, outside);
  const sheet = await modelSheet(planner, {
    model: name,
    ...(flags.quant ? { quant: flags.quant } : {}),
    ...(flags.ctx ? { contextTokens: flags.ctx } : {}),
  });
  await write(
    {
      json: () => envelope('model', planner.catalog, { model: sheet }),
      document: async () => (await import('../render/pages.js')).modelPage(sheet),
    },
    flags,
    outside,
  );
  return EXIT.ok;
}
