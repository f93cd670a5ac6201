import { type Sheet, sheetOf } from '../core/sheet.js';
import { InputError } from '../errors.js';
import { EXIT } from '../exit.js';
import { type GridRow, rowsOf, rowsOfGrid } from '../grid.js';
import { envelope, rowBody } from '../render/json.js';
import { type PlanningFlags, planningFlags } from './flags.js';
import { gridFrom } from './grid-flags.js';
import type { CommandDefinition } from './index.js';
import { type OutputFlags, outputFlags, write } from './output.js';
import type { Outside } from './outside.js';
import { MODEL_ARGUMENT, plannerOf } from './planner.js';

type Flags = PlanningFlags & OutputFlags;

const MOST_COLUMNS = 8;

const EXAMPLES = `
Examples:
  llmspec compare maverick llama-4-scout -q q4 -c 128k
  llmspec compare qwen3-30b -q q4,q6,q8 --gpu 4090
  llmspec compare deepseek-v3 --kv f16,q8_0 -c 128k

Two to ${MOST_COLUMNS} deployments: models, or one model under several formats, contexts, cache types or cards.
`;

/** `llmspec compare <model> <model>…`: deployments side by side, with what differs and why. */
export const compare: CommandDefinition = (program, outside, done) => {
  const command = program
    .command('compare')
    .summary('models, or one model under several settings, side by side')
    .description('Deployments side by side, with what differs and why.')
    .argument('<model...>', `each ${MODEL_ARGUMENT}`);
  outputFlags(planningFlags(command))
    .addHelpText('after', EXAMPLES)
    .action(async (models: string[], flags: Flags) => done(await run(models, flags, outside)));
};

async function run(models: readonly string[], flags: Flags, outside: Outside): Promise<number> {
  const planner = await plannerOf(flags, outside);
  const grid = gridFrom(models, flags);
  const count = rowsOf(grid);
  if (count < 2 || count > MOST_COLUMNS) {
    throw new InputError('bad-number', {
      what: 'compare',
      text: `${count} deployment${count === 1 ? '' : 's'}`,
      expected: `2 to ${MOST_COLUMNS}: more models, or lists such as -q q4,q8`,
    });
  }
  const columns: (GridRow & { readonly sheet: Sheet })[] = [];
  for await (const row of rowsOfGrid(planner, grid))
    columns.push({ ...row, sheet: sheetOf(await planner.model(row.request.model)) });
  await write(
    {
      json: () => envelope('comparison', planner.catalog, { rows: columns.map(rowBody) }),
      document: async () => (await import('../render/pages.js')).comparePage(columns),
    },
    flags,
    outside,
  );
  return EXIT.ok;
}
