import type { Command } from 'commander';
import { openCatalog } from '../catalog/index.js';
import { EXIT } from '../exit.js';
import { modelSheet } from '../model-sheet.js';
import { createPlanner } from '../planner.js';
import { envelope } from '../render/json.js';
import type { ModelEntry } from '../schema/catalog.js';
import type { CommandDefinition } from './index.js';
import { matching } from './matching.js';
import { type OutputFlags, outputFlags, write } from './output.js';
import type { Outside } from './outside.js';

const EXAMPLES = `
Examples:
  llmspec models                       every model of the catalogue
  llmspec models qwen moe              those that match all words
  llmspec models show maverick         one model's full sheet
  llmspec models show ./my-model.json  a spec of your own
`;

interface ShowFlags extends OutputFlags {
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
  outputFlags(command)
    .addHelpText('after', EXAMPLES)
    .action(async (query: string[], flags: OutputFlags) => done(await list(query, flags, outside)));
  showCommand(command, outside, done);
};

function showCommand(parent: Command, outside: Outside, done: (exitCode: number) => void): void {
  const command = parent
    .command('show')
    .summary("one model's full sheet")
    .description(
      'Everything about one model: facts, parameters, memory, hardware, benchmarks, disputed claims, sources.',
    )
    .argument('<model>', 'name, alias or hub id of the catalogue, or the path of a model spec')
    .option('-q, --quant <format>', 'weight format for the hardware that would hold it')
    .option('-c, --ctx <tokens>', 'context for the hardware that would hold it');
  outputFlags(command).action(async (model: string, flags: ShowFlags) =>
    done(await show(model, flags, outside)),
  );
}

async function list(query: readonly string[], flags: OutputFlags, outside: Outside): Promise<number> {
  const catalog = openCatalog();
  const found = matching(catalog.models, query, wordsOf);
  await write(
    {
      json: () => envelope('list', catalog, { of: 'models', items: found }),
      document: async () => (await import('../render/pages.js')).modelsPage(found, query),
    },
    flags,
    outside,
  );
  return EXIT.ok;
}

const wordsOf = ({
  id,
  name,
  maker,
  family,
  aliases,
  hubIds,
  type,
  activeParameters,
  totalParameters,
}: ModelEntry): string[] => [
  id,
  name,
  maker ?? '',
  family ?? '',
  type,
  ...aliases,
  ...hubIds,
  activeParameters < totalParameters / 2 ? 'moe' : 'dense',
];

async function show(name: string, flags: ShowFlags, outside: Outside): Promise<number> {
  const planner = createPlanner();
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
