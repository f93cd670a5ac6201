import { InputError } from '../errors.js';
import { exitCodeOfError, worstExitCode } from '../exit.js';
import type { CommandDefinition } from './index.js';
import type { Outside } from './outside.js';
import { plannerOf, type SourceFlags, sourceFlags } from './planner.js';

const EXAMPLES = `
Examples:
  echo '{"model":"maverick","quant":"q4","contextTokens":"488k"}' | llmspec batch
  llmspec batch < requests.jsonl > plans.jsonl

One JSON object a line in, one a line out, in the same order. A line that is wrong is answered by an
error object; the others are answered all the same. The exit code is that of the worst line; "does not
fit" counts as an answer. The shape of a request: llmspec schema request.
`;

/** `llmspec batch`: JSON Lines requests on stdin, JSON Lines results on stdout. */
export const batch: CommandDefinition = (program, outside, done) => {
  const command = program
    .command('batch')
    .summary('JSON Lines requests on stdin, results on stdout')
    .description('Answers JSON Lines requests from standard input, in order, on standard output.');
  sourceFlags(command)
    .addHelpText('after', EXAMPLES)
    .action(async (flags: SourceFlags) => done(await run(flags, outside)));
};

/** Results are gathered to pieces of about this many characters before they are written. */
const PIECE = 64 * 1024;

async function run(flags: SourceFlags, outside: Outside): Promise<number> {
  const { answerLine } = await import('../handed-in.js');
  const planner = await plannerOf(flags, outside);
  const exitCodes = new Set<number>();
  let piece = '';
  for await (const line of outside.lines()) {
    if (line.trim() === '') continue;
    const { document, error } = await answerLine(line, planner);
    if (error instanceof InputError) exitCodes.add(exitCodeOfError(error.code));
    piece += `${JSON.stringify(document)}\n`;
    if (piece.length < PIECE) continue;
    await outside.out(piece);
    piece = '';
  }
  await outside.out(piece);
  return worstExitCode(exitCodes);
}
