import { EXIT } from '../exit.js';
import { fitCatalogue, fitModel } from '../fit.js';
import { envelope, planBody } from '../render/json.js';
import { type PlanningFlags, planningFlags, requestFrom } from './flags.js';
import type { CommandDefinition } from './index.js';
import { type OutputFlags, outputFlags, write } from './output.js';
import type { Outside } from './outside.js';
import { MODEL_ARGUMENT, plannerOf } from './planner.js';

interface Flags extends PlanningFlags, OutputFlags {
  exitZero?: true;
}

const EXAMPLES = `
Examples:
  llmspec fit maverick --gpu 4xa100                 what four A100 carry of it
  llmspec fit qwen3-30b --gpu 24GiB --ram 64GiB     with experts or layers on the host
  llmspec fit --gpu 4090                            which models of the catalogue run on a 4090
  llmspec fit llama-70b -q q4 --gpu 2x4090 --json

Exit codes: 0 something fits, 1 nothing does, 2 the question was wrong.
`;

/** `llmspec fit [model]`: what given hardware carries. */
export const fit: CommandDefinition = (program, outside, done) => {
  const command = program
    .command('fit')
    .summary('what given hardware carries: context, sequences, format, placement')
    .description(
      'With a model: the largest context, the most sequences and the best format that the hardware carries, or the smallest changes that make it fit, with the flags to paste. Without one: which models of the catalogue run on it.',
    )
    .argument('[model]', MODEL_ARGUMENT);
  outputFlags(planningFlags(command))
    .option('--exit-zero', 'exit 0 also where nothing fits')
    .addHelpText('after', EXAMPLES)
    .action(async (model: string | undefined, flags: Flags) =>
      done(model === undefined ? await ofCatalogue(flags, outside) : await ofModel(model, flags, outside)),
    );
};

async function ofModel(model: string, flags: Flags, outside: Outside): Promise<number> {
  const planner = await plannerOf(flags, outside);
  const found = await fitModel(planner, requestFrom(model, flags));
  const options = found.options.map(({ kind, value, plan, flags: line }) => ({
    change: kind,
    value,
    ...planBody(plan),
    flags: line.join(' '),
  }));
  await write(
    {
      json: () =>
        envelope('fit', planner.catalog, {
          request: found.asked.request,
          verdict: found.asked.verdict,
          options,
        }),
      document: async () => (await import('../render/pages.js')).fitPage(found),
    },
    flags,
    outside,
  );
  return found.options.length > 0 || flags.exitZero ? EXIT.ok : EXIT.no;
}

async function ofCatalogue(flags: Flags, outside: Outside): Promise<number> {
  const planner = await plannerOf(flags, outside);
  const { model: _, ...request } = requestFrom('', flags);
  const rows = await fitCatalogue(planner, request);
  const options = rows.flatMap(({ plan, ...row }) => (plan ? [{ ...row, ...planBody(plan) }] : []));
  const leftOut = rows.flatMap(({ plan, error, ...row }) =>
    plan ? [] : [{ ...row, ...(error ? { refused: { code: error.code, ...error.args } } : {}) }],
  );
  await write(
    {
      json: () => envelope('fit', planner.catalog, { options, leftOut }),
      document: async () => (await import('../render/pages.js')).fitCataloguePage(rows),
    },
    flags,
    outside,
  );
  return EXIT.ok;
}
