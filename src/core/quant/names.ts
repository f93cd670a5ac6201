import { InputError } from '../../errors.js';
import type { Engine } from '../../schema/engine.js';
import type { Model } from '../../schema/model.js';
import type { Note } from '../request.js';

/** What a name of a weight format means in an engine. */
export type QuantChoice =
  | { readonly kind: 'format'; readonly name: string; readonly notes: readonly Note[] }
  /** A format that this engine does not read; `nearest` is what it has instead. */
  | { readonly kind: 'other-engine'; readonly name: string; readonly nearest: string };

/** Formats of MLX and ExLlamaV3 say their bits: `MLX-6bit`, `EXL3-4.25`. */
const BITS_IN_NAME = /^(?:mlx|exl3)-(\d+(?:\.\d+)?)(?:bit|bpw)?(?:-g\d+)?$/;

const FOUR_BIT = new Set(['q4', 'int4']);

/** What a model says of the formats that it comes in. */
type ModelFormats = Pick<Model, 'releasedFormat' | 'held' | 'ownFormat'>;

/**
 * The exact weight format that a name, or no name, means for a model in an engine.
 *
 * @throws InputError `contradiction` where the model is a file or a release in another format
 * @example chooseQuant('q4', maverick, llamaCpp) // { kind: 'format', name: 'Q4_K_M', notes: [...] }
 */
export function chooseQuant(asked: string | undefined, model: ModelFormats, engine: Engine): QuantChoice {
  const own = model.held?.name ?? model.ownFormat;
  if (own === undefined) return namedQuant(asked, model, engine);
  const choice = namedQuant(asked ?? own, model, engine);
  if (choice.name.toLowerCase() !== own.toLowerCase())
    throw new InputError('contradiction', {
      one: `quant ${asked}`,
      other: model.held ? `${model.held.file}, which holds ${own}` : `a release in ${own}`,
    });
  return model.held ? { kind: 'format', name: own, notes: [] } : choice;
}

function namedQuant(asked: string | undefined, model: ModelFormats, engine: Engine): QuantChoice {
  const { quants } = engine;
  const released = quants.released[model.releasedFormat ?? ''];
  if (asked === undefined) {
    const name = released ?? quants.default;
    return { kind: 'format', name, notes: [{ code: 'quant-default', args: { name, engine: engine.name } }] };
  }
  const lower = asked.trim().toLowerCase();
  const short = Object.hasOwn(quants.short, lower) ? quants.short[lower] : undefined;
  if (short) {
    const name = released && FOUR_BIT.has(lower) ? released : short;
    return {
      kind: 'format',
      name,
      notes: [{ code: 'quant-alias', args: { asked, name, engine: engine.name } }],
    };
  }
  const other = Object.entries(quants.nearest).find(([name]) => name.toLowerCase() === withoutGroup(lower));
  if (other) return { kind: 'other-engine', name: other[0], nearest: other[1] };
  const bits = Math.round(Number(BITS_IN_NAME.exec(lower)?.[1]));
  const near = Number.isNaN(bits) ? undefined : (quants.short[`q${bits}`] ?? quants.default);
  if (near) return { kind: 'other-engine', name: asked.trim(), nearest: near };
  return { kind: 'format', name: asked.trim(), notes: [] };
}

/** `AWQ-g64` is AWQ in groups of 64. */
const withoutGroup = (name: string): string => name.replace(/-g\d+$/, '');

/**
 * The formats that people choose among for a model, best first. A model released quantised gains nothing
 * from more bits than it has: its released format leads, and only smaller ones follow.
 *
 * @example usualQuants({ engine: llamaCpp, quant: 'MXFP4_MOE' }) // ['MXFP4_MOE', 'Q4_K_M', ...]
 */
export function usualQuants({ engine, model }: { engine: Engine; model: ModelFormats }): string[] {
  if (model.held) return [model.held.name];
  const { usual, released, default: standard } = engine.quants;
  const own = released[model.releasedFormat ?? ''];
  return own ? [own, ...usual.slice(usual.indexOf(standard) + 1)] : [...usual];
}
