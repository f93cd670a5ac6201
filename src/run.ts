import { Command, CommanderError } from 'commander';
import { COMMANDS } from './commands/index.js';
import type { Outside } from './commands/outside.js';
import { type ErrorArgs, type ErrorCode, InputError } from './errors.js';
import { EXIT, exitCodeOfError } from './exit.js';

const FIRST_WORDS = `llmspec plans the memory of large language models.

  llmspec vram maverick --quant q4 --ctx 488k     what a deployment needs, part by part
  llmspec vram qwen3-30b -q q4 -c 32k --gpu 4090  whether a card carries it
  llmspec models show maverick                    everything about a model
`;

/**
 * Runs one command line: the only place of the program that catches.
 *
 * @param argv the words after the program's name
 * @returns the exit code
 */
export async function run(argv: readonly string[], outside: Outside): Promise<number> {
  let exitCode: number = EXIT.ok;
  try {
    const program = programOf(outside, (code) => {
      exitCode = code;
    });
    if (argv.length === 0) return await greet(program, outside);
    refuseBareModel(argv, program, await knownModel(argv, program));
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    return report(error, argv, outside);
  }
}

function programOf(outside: Outside, done: (exitCode: number) => void): Command {
  const program = new Command('llmspec')
    .description('Plans the memory of large language models: weights, KV cache and buffers, exact where the engine is.')
    .option('-V, --version', 'print the version')
    .enablePositionalOptions()
    .action(async () => outside.out(`${await version()}\n`));
  for (const define of COMMANDS) define(program, outside, done);
  for (const command of everyCommand(program)) {
    command
      .exitOverride()
      .configureOutput({ writeOut: (text) => void outside.out(text), writeErr: () => {} })
      .configureHelp({ helpWidth: Math.min(outside.columns || 80, 100) });
  }
  return program;
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

async function version(): Promise<string> {
  const { openCatalog } = await import('./catalog/index.js');
  return openCatalog().version;
}

async function greet(program: Command, outside: Outside): Promise<number> {
  const width = Math.max(...program.commands.map((command) => command.name().length));
  const lines = program.commands.map((command) => `  ${command.name().padEnd(width)}  ${command.summary() || command.description()}`);
  await outside.out(`${FIRST_WORDS}\nCommands:\n${lines.join('\n')}\n\nllmspec <command> --help has the options and more examples.\n`);
  return EXIT.ok;
}

/** `llmspec maverick`: the first word is a model where a command belongs. */
async function knownModel([first = '']: readonly string[], program: Command): Promise<boolean> {
  if (first.startsWith('-') || program.commands.some((command) => command.name() === first) || first === 'help') return false;
  const { openCatalog } = await import('./catalog/index.js');
  return openCatalog().findModel(first) !== undefined;
}

function refuseBareModel(argv: readonly string[], program: Command, isModel: boolean): void {
  if (!isModel) return;
  const command = ['llmspec vram', ...argv].join(' ');
  throw new InputError('unknown-command', {
    problem: `"${argv[0]}" is a model, not a command.`,
    hint: `Did you mean \`${command}\`?`,
    known: program.commands.map((known) => known.name()),
  });
}

async function report(error: unknown, argv: readonly string[], outside: Outside): Promise<number> {
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
  const { code, args } = errorOf(error);
  const exitCode = exitCodeOfError(code);
  const { errorDocument } = await import('./render/json.js');
  const document = errorDocument(code, args, exitCode);
  const wantsJson = argv.includes('--json') || argv.join(' ').includes('--format json') || argv.includes('--format=json');
  outside.err(wantsJson ? `${JSON.stringify(document)}\n` : `error: ${document.error.message}\n${document.error.hint}\n`);
  if (outside.env.LLMSPEC_DEBUG === '1' && error instanceof Error) outside.err(`${error.stack}\n`);
  return exitCode;
}

function errorOf(error: unknown): { code: ErrorCode; args: ErrorArgs } {
  if (error instanceof InputError) return error;
  if (error instanceof CommanderError) return { code: 'unknown-command', args: commanderWords(error) };
  return { code: 'bug', args: { problem: error instanceof Error ? error.message : String(error) } };
}

/** What commander says, with its guess as the hint. */
function commanderWords({ message }: CommanderError): ErrorArgs {
  const [problem = '', guess] = message.replace(/^error: /, '').split('\n');
  const sentence = `${problem.charAt(0).toUpperCase()}${problem.slice(1)}.`;
  return guess ? { problem: sentence, hint: guess.replace(/[()]/g, '') } : { problem: sentence };
}
