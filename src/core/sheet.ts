import type { Architecture, Block, Model } from '../schema/model.js';
import { type CachePart, cacheOf } from './cache/index.js';
import { isFeedForward, type Role, tensorsOf } from './tensors/index.js';
import { type ModelParameters, modelParameters, parametersByRole } from './tensors/parameters.js';
import { stackOf } from './tensors/stack.js';

/** A block of the spec, and how many layers hold it. */
export interface BlockUse {
  readonly name: string;
  readonly block: Block;
  readonly layers: number;
}

/** What a model's spec amounts to, in numbers. */
export interface Sheet {
  readonly parameters: ModelParameters;
  readonly byRole: readonly { readonly role: Role; readonly total: number; readonly active: number }[];
  readonly layers: number;
  readonly mixers: readonly BlockUse[];
  readonly feedForwards: readonly BlockUse[];
  /** Cache bytes that one more token adds at 16 bits, by kind of layer, while windows are not full. */
  readonly cacheBytesPerToken: readonly { readonly part: CachePart; readonly bytes: number }[];
}

const HALF = 2;

/**
 * The numbers of a model's sheet.
 *
 * @example sheetOf(maverick).layers // 48
 */
export function sheetOf(model: Pick<Model, 'architecture' | 'published'>): Sheet {
  const { architecture } = model;
  const tensors = tensorsOf(architecture);
  const uses = blockUses(architecture);
  return {
    parameters: modelParameters(model),
    byRole: [...parametersByRole(tensors)].map(([role, counts]) => ({ role, ...counts })),
    layers: stackOf(architecture).length,
    mixers: uses.filter(({ block }) => !isFeedForward(block)),
    feedForwards: uses.filter(({ block }) => isFeedForward(block)),
    cacheBytesPerToken: cachePerToken(uses),
  };
}

function blockUses(architecture: Architecture): BlockUse[] {
  const stack = stackOf(architecture);
  return Object.entries(architecture.blocks).flatMap(([name, block]) => {
    const layers = stack.filter((steps) => steps.flat().includes(block)).length;
    return layers > 0 ? [{ name, block, layers }] : [];
  });
}

function cachePerToken(uses: readonly BlockUse[]): Sheet['cacheBytesPerToken'] {
  const parts = new Map<CachePart, number>();
  for (const { block, layers } of uses) {
    const cache = cacheOf(block);
    if (!cache?.grows) continue;
    const elements = (cache.keyElements + cache.valueElements) / (cache.tokensPerEntry ?? 1);
    const bytes = layers * HALF * elements;
    parts.set(cache.part, (parts.get(cache.part) ?? 0) + bytes);
  }
  return [...parts].map(([part, bytes]) => ({ part, bytes }));
}
