import { openCatalog } from '../catalog/index.js';
import { ENGINES } from '../core/engines/index.js';
import { InputError } from '../errors.js';
import { EXIT } from '../exit.js';
import { envelope } from '../render/json.js';
import type { CommandDefinition } from './index.js';
import { type OutputFlags, outputFlags, write } from './output.js';
import type { Outside } from './outside.js';

const EXAMPLES = `
Examples:
  llmspec engines                 the engines that are planned
  llmspec engines show llama.cpp  its settings, formats, cache types and models
`;

/** `llmspec engines`, `engines show <engine>`: the engines, and what one takes. */
export const engines: CommandDefinition = (program, outside, done) => {
  const command = program
    .command('engines')
    .summary('the engines; `engines show <engine>` has its settings')
    .description('Lists the engines whose memory is planned.')
    .enablePositionalOptions();
  outputFlags(command)
    .addHelpText('after', EXAMPLES)
    .action(async (flags: OutputFlags) => done(await list(flags, outside)));
  const sheet = command
    .command('show')
    .summary('what one engine takes')
    .description('The settings, weight formats, cache types and architectures of one engine.')
    .argument('<engine>', 'name or alias');
  outputFlags(sheet).action(async (name: string, flags: OutputFlags) =>
    done(await show(name, flags, outside)),
  );
};

async function list(flags: OutputFlags, outside: Outside): Promise<number> {
  const catalog = openCatalog();
  const found = catalog.engines.map((entry) => catalog.engine(entry));
  await write(
    {
      json: () => envelope('list', catalog, { of: 'engines', items: found }),
      document: async () => (await import('../render/pages.js')).enginesPage(found),
    },
    flags,
    outside,
  );
  return EXIT.ok;
}

async function show(name: string, flags: OutputFlags, outside: Outside): Promise<number> {
  const catalog = openCatalog();
  const entry = catalog.findEngine(name);
  if (!entry) throw new InputError('unknown-engine', { name, known: catalog.engines.map(({ id }) => id) });
  const engine = catalog.engine(entry);
  const options = ENGINES[entry.id as keyof typeof ENGINES].options;
  await write(
    {
      json: () => envelope('engine', catalog, { engine: { ...engine, options } }),
      document: async () => (await import('../render/pages.js')).enginePage(engine, options),
    },
    flags,
    outside,
  );
  return EXIT.ok;
}
