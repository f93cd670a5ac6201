// Which models are compared, and how often.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../../src/errors.js';
import type { Planner } from '../../src/planner.js';
import type { Options } from './options.js';
import type { Random } from './random.js';
import { drawVariant } from './variants.js';

/** Everything that a draw depends on. */
export interface Draw {
  readonly planner: Planner;
  readonly random: Random;
  readonly options: Options;
}

/** A model with how many settings of it are wanted. */
export interface Share {
  readonly model: string;
  readonly settings: number;
  /** What its file holds, of a model that is not in the catalogue. */
  readonly spec?: string;
}

const SETTINGS_OF_A_VARIANT = 3;

/**
 * Few tensors and many active experts: llama.cpp's own graph has more operations than `graph_max_nodes` foresees, and
 * some settings end it in an assertion (`ggml-impl.h:ggml_hash_find_or_insert`).
 */
const ENDS_IN_ASSERTION = new Set(['granite-3.1-1b-a400m']);

const drawable = ({ catalog }: Planner): string[] =>
  catalog.models.map(({ id }) => id).filter((id) => !ENDS_IN_ASSERTION.has(id));

/** The chosen models, or those of the catalogue, that llama.cpp runs, by its name for their architecture. */
async function byArchitecture({ planner, options }: Draw): Promise<string[][]> {
  const models = new Map<string, string[]>();
  const chosen = options.models.length > 0 ? options.models : drawable(planner);
  for (const id of chosen) {
    const name = await architectureOf(planner, id);
    if (name) models.set(name, [...(models.get(name) ?? []), id]);
  }
  return [...models.values()];
}

async function architectureOf(planner: Planner, model: string): Promise<string | undefined> {
  try {
    return (await planner.ask({ model, quant: 'F16' })).prepared.forEngine.architectureName;
  } catch (error) {
    if (!(error instanceof InputError) || error.code !== 'not-understood') throw error;
    return undefined;
  }
}

/** Every architecture as often as any other, whatever the number of its models. */
export async function sharesOfCatalog(draw: Draw): Promise<Share[]> {
  const { random, options } = draw;
  const groups = await byArchitecture(draw);
  const counts = new Map<string, number>();
  for (let index = 0; index < options.settings; index++) {
    const model = random.pick(groups[index % groups.length]!);
    counts.set(model, (counts.get(model) ?? 0) + 1);
  }
  return [...counts].map(([model, settings]) => ({ model, settings }));
}

/** Models of the same architectures in other shapes, each a file of its own. */
export async function sharesOfVariants(draw: Draw): Promise<Share[]> {
  const { planner, random, options } = draw;
  const groups = await byArchitecture(draw);
  const shares: Share[] = [];
  for (let index = 0; index < options.variants; index++) {
    const base = await planner.model(random.pick(groups[index % groups.length]!));
    const model = join(options.folder, `${base.architecture.type}-${index}.json`);
    const spec = JSON.stringify(drawVariant(random, base));
    writeFileSync(model, spec);
    // A shape that the architecture's loader does not read is refused, and nothing is left to compare.
    if (await architectureOf(planner, model)) shares.push({ model, settings: SETTINGS_OF_A_VARIANT, spec });
  }
  return shares;
}
