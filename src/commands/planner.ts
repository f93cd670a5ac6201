import type { Command } from 'commander';
import { type Catalog, openCatalog } from '../catalog/index.js';
import { createPlanner, type Planner } from '../planner.js';
import { progressWords } from '../render/progress.js';
import type { Outside } from './outside.js';

/** Where models come from beside the catalogue. */
export interface SourceFlags {
  offline?: true;
  modelsDir?: string;
}

/** What a command says of its `<model>`. */
export const MODEL_ARGUMENT =
  'a name, alias or hub id, or the path of a model spec, config.json or GGUF file';

/** Adds the flags that say where models come from. */
export function sourceFlags(command: Command): Command {
  return command
    .option('--models-dir <folder>', 'a folder of model specs of your own (or set LLMSPEC_MODELS)')
    .option('--offline', 'never ask the network');
}

/** The catalogue, with the folder of own models where one is named. @throws InputError as `withOwnModels` */
export async function catalogOf({ modelsDir }: SourceFlags, { env }: Outside): Promise<Catalog> {
  const folder = modelsDir ?? env.LLMSPEC_MODELS;
  const catalog = openCatalog();
  if (!folder) return catalog;
  const { withOwnModels } = await import('../own-models.js');
  return withOwnModels(catalog, folder);
}

/** A planner that may ask the hub, with progress on standard error. @throws InputError as `catalogOf` */
export async function plannerOf(flags: SourceFlags, outside: Outside): Promise<Planner> {
  const { env, progress } = outside;
  return createPlanner(await catalogOf(flags, outside), {
    env,
    home: env.HOME || env.USERPROFILE || outside.folder,
    offline: flags.offline === true,
    progress: (step) => progress(progressWords(step)),
  });
}
