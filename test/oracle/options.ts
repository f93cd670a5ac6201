import { join } from 'node:path';
import { parseArgs } from 'node:util';

export interface Options {
  readonly seed: number;
  /** Models by name or path, in the place of the catalogue. */
  readonly models: readonly string[];
  /** Settings of models of the catalogue. */
  readonly settings: number;
  /** Models in shapes of their own. */
  readonly variants: number;
  readonly quant: string;
  /** Where files are written. */
  readonly folder: string;
}

/** What the command line says. @throws where it says something else */
export function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      model: { type: 'string', multiple: true, default: [] },
      settings: { type: 'string', default: '1000' },
      variants: { type: 'string', default: '150' },
      quant: { type: 'string', default: 'F16' },
      folder: { type: 'string', default: '' },
    },
  });
  return {
    seed: Number(values.seed ?? Math.floor(Math.random() * 1e9)),
    models: values.model,
    settings: Number(values.settings),
    variants: Number(values.variants),
    quant: values.quant,
    folder: values.folder,
  };
}

/** Says what is asked of the engine right now: it may not come back. */
export const currentFile = (folder: string): string => join(folder, 'current');
