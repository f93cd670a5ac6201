import { EXIT } from '../exit.js';
import { type GridRow, rowsOf, rowsOfGrid } from '../grid.js';
import { envelope, rowBody } from '../render/json.js';
import { type PlanningFlags, planningFlags } from './flags.js';
import { gridFrom } from './grid-flags.js';
import type { CommandDefinition } from './index.js';
import { formatOf, type OutputFlags, outputFlags, write } from './output.js';
import type { Outside } from './outside.js';
import { MODEL_ARGUMENT, plannerOf } from './planner.js';

type Flags = PlanningFlags & OutputFlags;

const EXAMPLES = `
Examples:
  llmspec sweep maverick --quant q4,q8,f16 --ctx 1k,488k,977k
  llmspec sweep qwen3-30b gpt-oss-20b -q q4,q6 -c 8k,32k,128k --gpu 4090,2x4090
  llmspec sweep llama-3.1-8b --kv f16,q8_0,q4_0 -c 128k --format csv > grid.csv

Quant, context, sequences, cache type and GPU take lists with commas. A combination that the engine refuses is a
row with the reason. CSV is written row by row.
`;

/** `llmspec sweep <model>…`: the grid, one row a combination. */
export const sweep: CommandDefinition = (program, outside, done) => {
  const command = program
    .command('sweep')
    .summary('the grid: models × formats × contexts × cards, one row each')
    .description('Plans every combination of models, formats, contexts, sequences, cache types and cards.')
    .argument('<model...>', `each ${MODEL_ARGUMENT}`);
  outputFlags(planningFlags(command))
    .addHelpText('after', EXAMPLES)
    .action(async (models: string[], flags: Flags) => done(await run(models, flags, outside)));
};

async function run(models: readonly string[], flags: Flags, outside: Outside): Promise<number> {
  const planner = await plannerOf(flags, outside);
  const grid = gridFrom(models, flags);
  const rows = rowsOfGrid(planner, grid);
  if (formatOf(flags) === 'csv' && flags.output === undefined) {
    const { csvLine, sweepHeader, sweepCells } = await import('../render/pages.js');
    let header = csvLine(sweepHeader().map(({ id }) => id));
    for await (const row of rows) {
      await outside.out(header + csvLine(sweepCells(row)));
      header = '';
    }
    return EXIT.ok;
  }
  const all: GridRow[] = [];
  for await (const row of rows) all.push(row);
  await write(
    {
      json: () => envelope('sweep', planner.catalog, { rows: all.map(rowBody) }),
      document: async () => (await import('../render/pages.js')).sweepPage(all, rowsOf(grid)),
    },
    flags,
    outside,
  );
  return EXIT.ok;
}
