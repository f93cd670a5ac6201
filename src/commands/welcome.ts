import type { Command } from 'commander';
import { openCatalog } from '../catalog/index.js';
import { nearMisses } from '../catalog/names.js';
import { InputError } from '../errors.js';
import { EXIT } from '../exit.js';
import { COMMANDS } from './index.js';
import type { Outside } from './outside.js';

const FIRST_WORDS = `llmspec plans the memory of large language models.

  llmspec vram maverick --quant q4 --ctx 488k     what a deployment needs, part by part
  llmspec vram qwen3-30b -q q4 -c 32k --gpu 4090  whether a card carries it
  llmspec models show maverick                    everything about a model
`;

/** What a bare `llmspec` says: three real examples and the list of commands. */
export async function greet(program: Command, outside: Outside): Promise<number> {
  const width = Math.max(...program.commands.map((command) => command.name().length));
  const lines = program.commands.map((command) => `  ${command.name().padEnd(width)}  ${command.summary()}`);
  const last = 'llmspec <command> --help has the options and more examples.';
  await outside.out(`${FIRST_WORDS}\nCommands:\n${lines.join('\n')}\n\n${last}\n`);
  return EXIT.ok;
}

/** The version of the program. */
export const versionOf = (): string => openCatalog().version;

/**
 * A first word that is no command: a model where a command belongs, or a slip.
 *
 * @throws InputError `unknown-command` with the command that was probably meant
 */
export function refuseUnknownCommand(argv: readonly string[]): void {
  const [first = ''] = argv;
  if (first === '' || first.startsWith('-') || Object.hasOwn(COMMANDS, first)) return;
  const isModel = openCatalog().findModel(first) !== undefined;
  const near = isModel ? [`vram ${first}`] : nearMisses(first, Object.keys(COMMANDS));
  throw new InputError('unknown-command', {
    problem: isModel ? `"${first}" is a model, not a command.` : `There is no command "${first}".`,
    ...(near[0] ? { hint: `Did you mean \`${['llmspec', near[0], ...argv.slice(1)].join(' ')}\`?` } : {}),
  });
}
