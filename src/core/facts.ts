import type { Architecture } from '../schema/model.js';

export type Fact = string | number | boolean;
export type Facts = Readonly<Record<string, Fact>>;

/**
 * A geometry as flat facts that two versions of a model can be compared by: sizes, blocks, and in how many
 * layers each block is used.
 *
 * @example factsOf(architecture)['blocks.attention.headDim'] // 128
 */
export function factsOf(architecture: Architecture): Facts {
  const { blocks, layers, exceptions = [], type, mtp, vision, rope: _, norm: __, ...sizes } = architecture;
  const stack = layers.flatMap(({ repeat = 1, pattern }) =>
    Array.from({ length: repeat }, () => pattern).flat(),
  );
  for (const { layers: numbers, use } of exceptions) for (const number of numbers) stack[number] = use;
  const uses = (name: string): number => stack.filter((layer) => layer.flat().includes(name)).length;
  const counts = Object.keys(blocks).map((name) => [`blocks.${name}.layers`, uses(name)] as const);
  return {
    type,
    layers: stack.length,
    ...flat(sizes, ''),
    ...flat(blocks, 'blocks.'),
    ...Object.fromEntries(counts),
    ...(mtp ? { 'mtp.modules': mtp.modules } : {}),
    ...(vision ? { 'vision.layers': vision.layers, 'vision.hiddenSize': vision.hiddenSize } : {}),
  };
}

function flat(value: object, prefix: string): Record<string, Fact> {
  const entries = Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    if (typeof inner === 'object' && inner !== null) return Object.entries(flat(inner, `${prefix}${key}.`));
    return inner === undefined ? [] : [[`${prefix}${key}`, inner as Fact] as const];
  });
  return Object.fromEntries(entries);
}
