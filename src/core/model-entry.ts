import type { ModelEntry } from '../schema/catalog.js';
import type { Model } from '../schema/model.js';
import { layoutOf } from './tensors/index.js';
import { countParameters } from './tensors/parameters.js';

/**
 * The few facts of a model that a look-up or a list needs.
 *
 * @param file where its spec lies
 * @example modelEntry(maverick, 'models/meta/llama-4-maverick.json').activeParameters // 17184691200
 */
export function modelEntry(model: Model, file: string): ModelEntry {
  const { id, name, maker, family, aliases = [], hubIds = [], variants = [], architecture, context } = model;
  const { total, active } = countParameters(layoutOf(architecture));
  const blocks = Object.values(architecture.blocks);
  return {
    id,
    file,
    name,
    ...(maker === undefined ? {} : { maker }),
    ...(family === undefined ? {} : { family }),
    aliases,
    hubIds: [...hubIds, ...variants.flatMap((variant) => variant.hubIds)],
    type: architecture.type,
    totalParameters: total,
    activeParameters: active,
    ...(blocks.some(({ kind }) => kind === 'moe') ? { experts: true } : {}),
    contextTokens: Math.max(context.native, context.extended?.tokens ?? 0),
    ...(model.released === undefined ? {} : { released: model.released }),
    ...(model.modalities === undefined ? {} : { input: model.modalities.input }),
  };
}
