import type { Constraints, Objective } from '../core/recommend.js';
import { InputError } from '../errors.js';
import { EXIT } from '../exit.js';
import { recommendFor } from '../recommend.js';
import { envelope, planBody } from '../render/json.js';
import { type PlanningFlags, parseCount, planningFlags, requestFrom } from './flags.js';
import type { CommandDefinition } from './index.js';
import { type OutputFlags, outputFlags, write } from './output.js';
import type { Outside } from './outside.js';
import { MODEL_ARGUMENT, plannerOf } from './planner.js';

interface Flags extends PlanningFlags, OutputFlags {
  by?: string;
  maxPrice?: string;
  maxGpus?: string;
  vendor?: string;
  segment?: string;
  cloud?: true;
  onPrem?: true;
  nodes?: string;
  prices?: string;
  top?: string;
}

const OBJECTIVES: readonly Objective[] = ['fewest', 'headroom', 'price', 'power'];
const SEGMENTS = ['consumer', 'workstation', 'datacenter', 'laptop', 'embedded', 'unified'];

const EXAMPLES = `
Examples:
  llmspec recommend maverick --quant q4 --ctx 488k
  llmspec recommend llama-70b -q q4 --by price --vendor nvidia --segment consumer,workstation
  llmspec recommend deepseek-r1 -q q4 --cloud --by price
  llmspec recommend qwen3-30b --max-gpus 1 --max-price 2000

Exit codes: 0 something holds it, 1 nothing does, 2 the question was wrong.
`;

/** `llmspec recommend <model>`: which cards, how many, at what price. */
export const recommend: CommandDefinition = (program, outside, done) => {
  const command = program
    .command('recommend')
    .summary('which cards hold a model, how many, at what price')
    .description(
      'Which cards hold a deployment, how many of them, ranked, with why the near misses lost. Every entry was planned and fits.',
    )
    .argument('<model>', MODEL_ARGUMENT);
  outputFlags(planningFlags(command, { devices: false }))
    .option('--by <objective>', `rank by ${OBJECTIVES.join(', ')} (default: fewest)`)
    .option('--max-price <usd>', 'launch price of all cards; with --cloud the price of an hour')
    .option('--max-gpus <count>', 'most cards')
    .option('--vendor <names>', 'nvidia, amd, intel, apple; several with commas')
    .option('--segment <names>', `${SEGMENTS.join(', ')}; several with commas`)
    .option('--cloud', 'machines for rent alone')
    .option('--on-prem', 'cards to own alone, without prices for rent')
    .option('--nodes <count>', 'machines; llama.cpp is planned on one')
    .option('--prices <file>', 'a price list in place of the shipped ones')
    .option('--top <count>', 'how many to show (default: 10)')
    .addHelpText('after', EXAMPLES)
    .action(async (model: string, flags: Flags) => done(await run(model, flags, outside)));
};

const MOST_SHOWN = '10';

async function run(model: string, flags: Flags, outside: Outside): Promise<number> {
  const planner = await plannerOf(flags, outside);
  const by = objectiveOf(flags.by);
  const constraints = constraintsOf(flags);
  const prices = flags.onPrem
    ? []
    : flags.prices && [(await import('../handed-in.js')).readPriceFile(flags.prices)];
  const found = await recommendFor(planner, requestFrom(model, flags), {
    by,
    constraints,
    ...(prices ? { prices } : {}),
  });
  const top = parseCount(flags.top ?? MOST_SHOWN, 'top');
  const options = found.options.map(({ plan, ...option }) => ({ ...option, ...planBody(plan) }));
  const alternatives = found.alternatives.map(({ plan, ...alternative }) => ({
    ...alternative,
    ...planBody(plan),
  }));
  await write(
    {
      json: () =>
        envelope('recommendation', planner.catalog, {
          by,
          constraints,
          options,
          nearMisses: found.nearMisses,
          alternatives,
        }),
      document: async () =>
        (await import('../render/pages.js')).recommendPage(
          { ...found, options: found.options.slice(0, top) },
          { by, constraints, all: options.length },
        ),
    },
    flags,
    outside,
  );
  return options.length > 0 ? EXIT.ok : EXIT.no;
}

function objectiveOf(asked = 'fewest'): Objective {
  const by = OBJECTIVES.find((name) => name === asked);
  if (!by) throw new InputError('bad-number', { what: 'by', text: asked, expected: OBJECTIVES.join(', ') });
  return by;
}

function constraintsOf(flags: Flags): Constraints {
  if (flags.cloud && flags.onPrem)
    throw new InputError('contradiction', { one: '--cloud', other: '--on-prem' });
  if (flags.nodes !== undefined && parseCount(flags.nodes, 'nodes') > 1) {
    throw new InputError('impossible-layout', { words: 'llama.cpp is planned on one machine' });
  }
  return {
    ...(flags.maxPrice ? { maxPriceUsd: parsePrice(flags.maxPrice) } : {}),
    ...(flags.maxGpus ? { maxGpus: parseCount(flags.maxGpus, 'max-gpus') } : {}),
    ...(flags.vendor ? { vendors: listOf(flags.vendor, 'vendor', ['nvidia', 'amd', 'intel', 'apple']) } : {}),
    ...(flags.segment ? { segments: listOf(flags.segment, 'segment', SEGMENTS) } : {}),
    ...(flags.cloud ? { cloud: true } : {}),
  };
}

function parsePrice(text: string): number {
  const price = /^\d+(_\d{3})*(\.\d+)?$/.test(text) ? Number(text.replaceAll('_', '')) : 0;
  if (price <= 0)
    throw new InputError('bad-number', {
      what: 'max-price',
      text,
      expected: 'US dollars above zero, such as 2000 or 12.5',
    });
  return price;
}

function listOf(text: string, what: string, known: readonly string[]): string[] {
  const names = text
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  const wrong = names.find((name) => !known.includes(name));
  if (wrong !== undefined)
    throw new InputError('bad-number', { what, text: wrong, expected: known.join(', ') });
  return names;
}
