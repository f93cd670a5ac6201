import { checkpointNotes } from '../checkpoint-notes.js';
import { EXIT } from '../exit.js';
import { noteWords } from '../render/messages.js';
import type { Model } from '../schema/model.js';
import type { CommandDefinition } from './index.js';
import { writeFile } from './output.js';
import type { Outside } from './outside.js';
import { MODEL_ARGUMENT, plannerOf, type SourceFlags, sourceFlags } from './planner.js';

interface Flags extends SourceFlags {
  name?: string;
  maker?: string;
  family?: string;
  output?: string;
}

const EXAMPLES = `
Examples:
  llmspec import ./config.json -o models/mine.json
  llmspec import Qwen/Qwen3-8B --maker Alibaba -o models/qwen3-8b.json
  llmspec import ./my-model-Q4_K_M.gguf        the geometry; for its exact weights plan the file itself
  llmspec import maverick                      a spec of the catalogue, to start from

The name of the file is the id of the model: plan it by its path, or all of a folder with --models-dir.
`;

/** `llmspec import <source>`: a model spec out of a config, a checkpoint, a GGUF file or a repository of the hub. */
export const importModel: CommandDefinition = (program, outside, done) => {
  const command = program
    .command('import')
    .summary('a model spec out of a config.json, a checkpoint, a GGUF file or a hub id')
    .description(
      'Writes the spec of a model as JSON, fit for a folder of models, with where each fact came from.',
    )
    .argument('<source>', MODEL_ARGUMENT)
    .option('--name <text>', 'what people call it (default: what the source says)')
    .option('--maker <text>', 'who made it')
    .option('--family <text>', 'the family it belongs to')
    .option('-o, --output <file>', 'write there instead of standard output, whole or not at all');
  sourceFlags(command)
    .addHelpText('after', EXAMPLES)
    .action(async (source: string, flags: Flags) => done(await run(source, flags, outside)));
};

async function run(source: string, flags: Flags, outside: Outside): Promise<number> {
  const planner = await plannerOf(flags, outside);
  const model = named(await planner.model(source), flags);
  const { specText } = await import('../render/pages.js');
  const text = specText(model);
  if (flags.output === undefined) await outside.out(text);
  else {
    writeFile(flags.output, text, outside);
    await outside.out(`Wrote ${flags.output}. Next: \`llmspec vram ${flags.output}\`.\n`);
  }
  for (const { code, args } of [...(model.importNotes ?? []), ...checkpointNotes(model)])
    outside.err(`note: ${noteWords(code, args)}\n`);
  return EXIT.ok;
}

/** The model with what the user calls it; facts of one's own need a source too. */
function named(model: Model, { name, maker, family }: Flags): Model {
  const said = Object.entries({ name, maker, family }).filter(([, value]) => value !== undefined);
  if (said.length === 0) return model;
  const { date } = model.sources[0]!;
  const facts = said.map(([fact]) => fact);
  return {
    ...model,
    ...Object.fromEntries(said),
    sources: [...model.sources, { facts, from: 'the command line of llmspec import', date }],
  };
}
