import { InputError } from '../errors.js';
import { EXIT } from '../exit.js';
import type { CommandDefinition } from './index.js';
import type { Outside } from './outside.js';

const EXAMPLES = `
Examples:
  llmspec schema model > model.schema.json   for an editor, to write a spec of your own
  llmspec schema plan                        what vram --json and batch write
`;

const NAMES = [
  'model',
  'gpu',
  'quant',
  'engine',
  'price',
  'request',
  'plan',
  'check',
  'check-config',
  'error',
];

/** `llmspec schema <name>`: the JSON Schema of a file, a request or a result. */
export const schema: CommandDefinition = (program, outside, done) => {
  program
    .command('schema')
    .summary('the JSON Schema of a file, a request or a result')
    .description('Prints a JSON Schema (draft 2020-12).')
    .argument('<name>', `one of ${NAMES.join(', ')}`)
    .addHelpText('after', EXAMPLES)
    .action(async (name: string) => done(await run(name, outside)));
};

async function run(name: string, outside: Outside): Promise<number> {
  const { SCHEMAS, jsonSchema } = await import('../handed-in.js');
  if (!Object.hasOwn(SCHEMAS, name)) {
    throw new InputError('unknown-command', {
      problem: `There is no schema "${name}".`,
      hint: `Schemas: ${NAMES.join(', ')}.`,
    });
  }
  await outside.out(`${JSON.stringify(jsonSchema(name as keyof typeof SCHEMAS), null, 2)}\n`);
  return EXIT.ok;
}
