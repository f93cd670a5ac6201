import { openCatalog } from '../catalog/index.js';
import { quantNamed } from '../catalog/named.js';
import { EXIT } from '../exit.js';
import { envelope } from '../render/json.js';
import type { CommandDefinition } from './index.js';
import { matching } from './matching.js';
import { type OutputFlags, outputFlags, write } from './output.js';
import type { Outside } from './outside.js';

const EXAMPLES = `
Examples:
  llmspec quants              every weight format, with its bits for one model
  llmspec quants show Q4_K_M  which tensors get which type
`;

/** `llmspec quants`, `quants show <format>`: the weight formats, and the rules of one. */
export const quants: CommandDefinition = (program, outside, done) => {
  const command = program
    .command('quants')
    .summary('the weight formats; `quants show <format>` has its rules')
    .description('Lists the weight formats that are planned, all or those that match every word.')
    .argument('[query...]', 'words of a name')
    .enablePositionalOptions();
  outputFlags(command)
    .addHelpText('after', EXAMPLES)
    .action(async (query: string[], flags: OutputFlags) => done(await list(query, flags, outside)));
  const sheet = command
    .command('show')
    .summary('the rules of one format')
    .description('Which tensors get which type in one weight format.')
    .argument('<format>', 'exact name, such as Q4_K_M');
  outputFlags(sheet).action(async (name: string, flags: OutputFlags) =>
    done(await show(name, flags, outside)),
  );
};

async function list(query: readonly string[], flags: OutputFlags, outside: Outside): Promise<number> {
  const catalog = openCatalog();
  const found = matching(catalog.quants, query, ({ id, about }) => [id, about]);
  await write(
    {
      json: () => envelope('list', catalog, { of: 'quants', items: found }),
      document: async () => (await import('../render/pages.js')).quantsPage(found),
    },
    flags,
    outside,
  );
  return EXIT.ok;
}

async function show(name: string, flags: OutputFlags, outside: Outside): Promise<number> {
  const catalog = openCatalog();
  const quant = catalog.quant(quantNamed(catalog, name, 'llama.cpp'));
  await write(
    {
      json: () => envelope('quant', catalog, { quant }),
      document: async () => (await import('../render/pages.js')).quantPage(quant),
    },
    flags,
    outside,
  );
  return EXIT.ok;
}
