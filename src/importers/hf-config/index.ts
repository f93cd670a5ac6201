import * as z from 'zod';
import { type Architecture, architectureSchema, type Model } from '../../schema/model.js';
import { adapterOf } from './choose.js';
import { Fields, isRecord } from './fields.js';
import { architectureOf, type Geometry } from './geometry.js';
import { releasedFormatOf } from './quantisation.js';

/** A config of a released model says `architectures` or `model_type`; a spec never does. */
export const isConfig = (value: unknown): value is Record<string, unknown> =>
  isRecord(value) && ('architectures' in value || 'model_type' in value);

/** Where a config came from. */
export interface ConfigOrigin {
  /** The file, or the repository with its commit and the file. */
  readonly from: string;
  /** The day it was written or read, `YYYY-MM-DD`. */
  readonly date: string;
  /** The id that the model gets. */
  readonly id: string;
}

/** `_name_or_path` is a name only where it is that of a repository. */
const HUB_NAME = /^[^/\s]+\/([^/\s]+)$/;

/**
 * A Hugging Face `config.json` as a model spec. The adapter is chosen by `model_type` and `architectures`, never by a
 * name. What was assumed stands in `importNotes`.
 *
 * @throws InputError `not-understood` naming a field that changes memory and that no rule reads, `bad-file` for a value
 *   that cannot be
 * @example importConfig(JSON.parse(text), { from: 'config.json', date: '2026-11-26', id: 'mine' }).architecture.hiddenSize // 4096
 */
export function importConfig(
  values: Readonly<Record<string, unknown>>,
  { from, date, id }: ConfigOrigin,
): Model {
  const config = new Fields(values, from);
  const { type, adapter } = adapterOf(config);
  const geometry = adapter(config);
  config.refuseUnread();
  const inputs = inputsOf(geometry);
  const name = HUB_NAME.exec(config.text('_name_or_path') ?? '')?.[1] ?? id;
  const more = {
    ...(inputs.length > 1 ? { modalities: { input: inputs, output: ['text'] } } : {}),
    ...releasedFormatOf(config),
  };
  return {
    name,
    id,
    context: { native: geometry.contextTokens },
    ...more,
    architecture: checked(architectureOf(type, geometry), config),
    sources: [
      {
        facts: ['architecture', 'context.native', ...Object.keys(more)],
        from,
        date,
        note: 'What the config leaves out is the default of its class in transformers 5.18.0.',
      },
    ],
    ...(geometry.notes?.length ? { importNotes: geometry.notes } : {}),
  };
}

/** Sizes that no model has make a spec that the schema refuses. */
function checked(architecture: Architecture, config: Fields): Architecture {
  const { error } = architectureSchema.safeParse(architecture);
  return error ? config.wrong(`it makes no model: ${z.prettifyError(error)}`) : architecture;
}

const inputsOf = ({ vision, towers }: Geometry): string[] => [
  'text',
  ...(vision || towers?.vision ? ['image'] : []),
  ...(towers?.audio ? ['audio'] : []),
];
