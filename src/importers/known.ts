import type { Architecture } from '../schema/model.js';

/** What a reader looks up of the shipped facts. */
export interface Known {
  /** The geometry of a model of the catalogue. @throws InputError `bad-file` where there is none */
  readonly architecture: (id: string) => Architecture;
  /** llama.cpp's names of architectures by the `model_type` of released configs. */
  readonly ggufNames: Readonly<Record<string, string>>;
}
