import { EXIT } from '../exit.js';
import { planDocument } from '../render/json.js';
import { type PlanningFlags, planningFlags, requestFrom } from './flags.js';
import type { CommandDefinition } from './index.js';
import { formatOf, type OutputFlags, outputFlags, write } from './output.js';
import type { Outside } from './outside.js';
import { MODEL_ARGUMENT, plannerOf } from './planner.js';

interface Flags extends PlanningFlags, OutputFlags {
  why?: true;
  exitZero?: true;
}

const EXAMPLES = `
Examples:
  llmspec vram maverick --quant q4 --ctx 488k
  llmspec vram qwen3-30b -q q4 -c 32k --gpu 4090
  llmspec vram deepseek-r1 -q q4 --gpu 8xh100 --why
  llmspec vram gpt-oss-120b --gpu 24GiB --ram 96GiB --set cpu-moe
  llmspec vram llama-70b -q q8 --max-memory 80GiB --json

Exit codes: 0 answered, and a limit that was given holds; 1 it does not fit;
2 the question was wrong; 3 the architecture is not understood; 4 our own bug.
`;

/** `llmspec vram <model>`: the memory of one deployment, part by part and device by device. */
export const vram: CommandDefinition = (program, outside, done) => {
  const command = program
    .command('vram')
    .summary('the memory of one deployment, part by part, device by device')
    .description(
      'The memory of one deployment: part by part, device by device, against what the devices have.',
    )
    .argument('<model>', MODEL_ARGUMENT);
  outputFlags(planningFlags(command))
    .option('--why', 'every formula with its numbers and source')
    .option('--exit-zero', 'exit 0 also where it does not fit')
    .addHelpText('after', EXAMPLES)
    .action(async (model: string, flags: Flags) => done(await run(model, flags, outside)));
};

async function run(model: string, flags: Flags, outside: Outside): Promise<number> {
  const format = formatOf(flags);
  const request = requestFrom(model, flags);
  const planner = await plannerOf(flags, outside);
  const plan = await planner.plan(request);
  const why = flags.why ? await planner.explain(request) : undefined;
  const document = planDocument(plan, planner.catalog);
  await write(
    {
      json: () => (why ? { ...document, why } : document),
      document: async () => {
        const { planPage } = await import('../render/pages.js');
        const overview = format === 'csv' ? undefined : await planner.overview(request, plan);
        return planPage({ document, asked: request, overview, why });
      },
      notes: () => document.notes.map(({ message }) => message),
    },
    flags,
    outside,
  );
  return plan.verdict.fits === false && !flags.exitZero ? EXIT.no : EXIT.ok;
}
