import { Command, CommanderError } from 'commander';
import { COMMANDS } from './commands/index.js';
import type { Outside } from './commands/outside.js';
import { greet, refuseUnknownCommand, versionOf } from './commands/welcome.js';
import { type ErrorArgs, type ErrorCode, InputError } from './errors.js';
import { EXIT, exitCodeOfError } from './exit.js';
import { errorDocument } from './render/json.js';

const EXIT_CODES = `Exit codes: 0 answered, 1 it does not fit, 2 the question was wrong, 3 the architecture is
not understood, 4 our own bug, 5 the network failed, 130 interrupted.`;

/**
 * Runs one command line: the only place of the program that catches.
 *
 * @param words those after the program's name; `help vram` is `vram --help`
 * @returns the exit code
 */
export async function run(words: readonly string[], outside: Outside): Promise<number> {
  const argv = words[0] === 'help' ? [...words.slice(1, 2), '--help'] : words;
  let exitCode: number = EXIT.ok;
  try {
    const program = programOf(argv, outside, (code) => {
      exitCode = code;
    });
    if (argv.length === 0) return await greet(program, outside);
    refuseUnknownCommand(argv);
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    return report(error, argv, outside);
  }
}

/** The program with the command that is asked for, or with all of them where help or a guess may need them. */
function programOf(
  [asked = '']: readonly string[],
  outside: Outside,
  done: (exitCode: number) => void,
): Command {
  const program = new Command('llmspec')
    .description(
      'Plans the memory of large language models: weights, KV cache and buffers, exact where the engine is.',
    )
    .option('-V, --version', 'print the version')
    .addHelpText('after', `\n${EXIT_CODES}`)
    .enablePositionalOptions()
    .action(async () => outside.out(`${versionOf()}\n`));
  const wanted = Object.hasOwn(COMMANDS, asked) ? [COMMANDS[asked]!] : Object.values(COMMANDS);
  for (const define of wanted) define(program, outside, done);
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

async function report(error: unknown, argv: readonly string[], outside: Outside): Promise<number> {
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
  const { code, args } = errorOf(error);
  const exitCode = exitCodeOfError(code);
  const document = errorDocument(code, args, exitCode);
  const wantsJson =
    argv.includes('--json') || argv.join(' ').includes('--format json') || argv.includes('--format=json');
  outside.err(
    wantsJson
      ? `${JSON.stringify(document)}\n`
      : `error: ${document.error.message}\n${document.error.hint}\n`,
  );
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
