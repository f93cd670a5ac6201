import { join } from 'node:path';
import { parseArgs } from 'node:util';

export interface Options {
  readonly seed: number;
  /** Settings of models of the catalogue. */
  readonly settings: number;
  /** Models in shapes of their own. */
  readonly variants: number;
  readonly quant: string;
  /** Models to compare, by name or file; all of the catalogue where empty. */
  readonly models: readonly string[];
  /** Card of this machine, as the catalogue names it; none: the processor alone. */
  readonly gpu: string | undefined;
  /** Folder with llama.cpp's libraries, in place of those that are installed. */
  readonly library: string | undefined;
  /** Where files are written. */
  readonly folder: string;
}

/** What the command line says. @throws where it says something else */
export function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      settings: { type: 'string', default: '1000' },
      variants: { type: 'string', default: '150' },
      quant: { type: 'string', default: 'F16' },
      model: { type: 'string', multiple: true, default: [] },
      gpu: { type: 'string' },
      library: { type: 'string' },
      folder: { type: 'string', default: '' },
    },
  });
  return {
    seed: Number(values.seed ?? Math.floor(Math.random() * 1e9)),
    settings: Number(values.settings),
    variants: Number(values.variants),
    quant: values.quant,
    models: values.model,
    gpu: values.gpu,
    library: values.library,
    folder: values.folder,
  };
}

/** Says what is asked of the engine right now: it may not come back. */
export const currentFile = (folder: string): string => join(folder, 'current');
