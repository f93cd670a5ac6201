import { InputError } from '../errors.js';
import { EXIT } from '../exit.js';
import type { Planner } from '../planner.js';
import { parseDevices } from '../units/devices.js';
import type { CommandDefinition } from './index.js';
import { writeFile } from './output.js';
import type { Outside } from './outside.js';
import { plannerOf, type SourceFlags } from './planner.js';

interface Flags extends SourceFlags {
  model?: string;
  quant: string;
  gpu: string;
  force?: true;
}

const FILE = 'llmspec.config.yaml';

const EXAMPLES = `
Examples:
  llmspec init
  llmspec init --model qwen3-30b --quant q4 --gpu 2x4090
  llmspec init sizing.json --force
`;

/** `llmspec init [file]`: a first file of checks. */
export const init: CommandDefinition = (program, outside, done) => {
  program
    .command('init')
    .summary('a first file for `llmspec check`')
    .description('Writes a first file of checks, YAML with comments, or JSON where its name ends in .json.')
    .argument('[file]', 'where to write it', FILE)
    .option('--model <name>', 'the model of the first row (default: the smallest of the catalogue)')
    .option('--quant <format>', 'its weight format', 'q4')
    .option('--gpu <what>', 'its devices', 'rtx-4090')
    .option('--force', 'replace a file that is there')
    .addHelpText('after', EXAMPLES)
    .action(async (file: string, flags: Flags) => done(await run(file, flags, outside)));
};

async function run(file: string, flags: Flags, outside: Outside): Promise<number> {
  if (!flags.force && outside.readFile(file) !== undefined)
    throw new InputError('bad-file', {
      path: file,
      problem: 'it is there already',
      hint: 'Say --force to replace it, or give another name. Nothing was written.',
    });
  // A row that cannot be answered is no good start.
  const planner = await plannerOf(flags, outside);
  const first = { ...flags, model: flags.model ?? smallest(planner) };
  await planner.plan({ model: first.model, quant: first.quant, devices: [parseDevices(first.gpu)] });
  const text = file.endsWith('.json') ? json(first) : yaml(first);
  writeFile(file, text, outside);
  const asked = file === FILE ? 'llmspec check' : `llmspec check ${file}`;
  await outside.out(`Wrote ${file}. Next: run \`${asked}\`, then put your own rows into it.\n`);
  return EXIT.ok;
}

const smallest = ({ catalog }: Planner): string =>
  [...catalog.models].sort((a, b) => a.totalParameters - b.totalParameters)[0]!.id;

type First = Required<Pick<Flags, 'model' | 'quant' | 'gpu'>>;

const json = ({ model, quant, gpu }: First): string =>
  `${JSON.stringify({ defaults: { quant }, rows: [{ name: 'first', model, context: '8k', devices: gpu }] }, null, 2)}\n`;

const yaml = ({
  model,
  quant,
  gpu,
}: Flags): string => `# Sizing checks: \`llmspec check\`. Shape: \`llmspec schema check-config\`.

# What every row takes unless it says otherwise.
defaults:
  quant: ${JSON.stringify(quant)}

rows:
  # It must fit on the devices, because they have a memory.
  - name: first
    model: ${JSON.stringify(model)}
    context: 8k
    devices: ${JSON.stringify(gpu)}

  # A list makes one row for each value. Limits need no device.
  # - name: budget
  #   model: ./model.json            # a file of this repository
  #   quant: [q4, q8]
  #   context: 32k
  #   limits:
  #     total: 80GiB                 # at most, in all
  #     perDevice: 24GiB             # at most, on each device
  #     parts: { kvCache: 8GiB }     # at most, of a part
  #     minContext: 64k              # at least, tokens of a sequence
  #     minSequences: 4              # at least, at once

# Sizes to compare with: write them with \`llmspec check --write-baseline\`, then name the file here.
# baseline: llmspec.baseline.json
`;
