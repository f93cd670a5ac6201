import type { Command } from 'commander';
import { batch } from './batch.js';
import { check } from './check.js';
import { compare } from './compare.js';
import { engines } from './engines.js';
import { fit } from './fit.js';
import { gpus } from './gpus.js';
import { importModel } from './import.js';
import { init } from './init.js';
import { models } from './models.js';
import type { Outside } from './outside.js';
import { quants } from './quants.js';
import { recommend } from './recommend.js';
import { schema } from './schema.js';
import { sweep } from './sweep.js';
import { vram } from './vram.js';

/** A command adds itself to the program; its action returns the exit code through `done`. */
export type CommandDefinition = (
  program: Command,
  outside: Outside,
  done: (exitCode: number) => void,
) => void;

/** Everything that can be asked: one line each. */
export const COMMANDS: Readonly<Record<string, CommandDefinition>> = {
  vram,
  fit,
  recommend,
  compare,
  sweep,
  models,
  gpus,
  quants,
  engines,
  check,
  init,
  import: importModel,
  batch,
  schema,
};
