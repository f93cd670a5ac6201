import type { Architecture, Block, Layer } from '../../schema/model.js';

/** One layer of a file as its steps in sequence: blocks side by side share one. */
export type ReadLayer = readonly (readonly Block[])[];

type Blocks = Architecture['blocks'];
type Run = Architecture['layers'][number];

/** The name of a block in a spec, else its kind; a second one of the same name gets a number. */
const NAMES: Partial<Record<Block['kind'], string>> = {
  full: 'attention',
  sliding: 'local',
  chunked: 'local',
  latent: 'attention',
  shared: 'attention',
  gatedDeltaNet: 'linear',
  kda: 'linear',
  lightning: 'linear',
  mamba1: 'mamba',
  mamba2: 'mamba',
};

/** Patterns longer than this are not looked for. */
const LONGEST_PATTERN = 24;

/**
 * Layers as a spec writes them: every different block once, under a name, and runs of repeated patterns.
 *
 * @returns `layers` for the stack, and the names of each layer of `more`, which is written elsewhere
 * @example writeStack(layers, []).layers // [{ repeat: 12, pattern: [['local', 'moe'], ['attention', 'moe']] }]
 */
export function writeStack(
  stack: readonly ReadLayer[],
  more: readonly ReadLayer[],
): { blocks: Blocks; layers: Run[]; more: Layer[] } {
  const blocks: Blocks = {};
  const named = new Map<string, string>();
  const nameOf = (block: Block): string => {
    const key = JSON.stringify(block);
    const name = named.get(key) ?? freeName(NAMES[block.kind] ?? block.kind, blocks);
    named.set(key, name);
    blocks[name] = block;
    return name;
  };
  const names = (layer: ReadLayer): Layer =>
    layer.map((step) => (step.length === 1 ? nameOf(step[0]!) : step.map(nameOf)));
  return { layers: runsOf(stack.map(names)), more: more.map(names), blocks };
}

function freeName(name: string, blocks: Blocks): string {
  if (!Object.hasOwn(blocks, name)) return name;
  let number = 2;
  while (Object.hasOwn(blocks, `${name}${number}`)) number++;
  return `${name}${number}`;
}

/** The pattern that covers most of what is left comes first; what repeats nowhere gathers in one run. */
function runsOf(layers: readonly Layer[]): Run[] {
  const keys = layers.map((layer) => JSON.stringify(layer));
  const runs: Run[] = [];
  let single: Run | undefined;
  let at = 0;
  while (at < layers.length) {
    const { length, repeat } = bestPattern(keys, at);
    const pattern = layers.slice(at, at + length);
    at += length * repeat;
    if (repeat > 1) {
      runs.push({ repeat, pattern });
      single = undefined;
    } else if (single) {
      single.pattern.push(...pattern);
    } else {
      single = { pattern };
      runs.push(single);
    }
  }
  return runs;
}

function bestPattern(keys: readonly string[], at: number): { length: number; repeat: number } {
  let best = { length: 1, repeat: 1 };
  for (let length = 1; length <= LONGEST_PATTERN; length++) {
    const repeat = repeatsOf(keys, at, length);
    if (repeat > 1 && length * repeat > best.length * best.repeat) best = { length, repeat };
  }
  return best;
}

function repeatsOf(keys: readonly string[], at: number, length: number): number {
  let end = at + length;
  while (end < keys.length && keys[end] === keys[end - length]) end++;
  return Math.floor((end - at) / length);
}
