import type { Mixer } from '../../schema/model.js';
import type { TokenCache } from './index.js';

/** One key and one value for each group of heads; a window caps how many tokens stay. */
export function attention(
  block: Extract<Mixer, { kind: 'full' | 'sliding' | 'chunked' }>,
): TokenCache | undefined {
  if (block.sharedKv) return undefined;
  const { kvHeads, headDim, valueDim = headDim } = block;
  const grown = { grows: true, keyElements: kvHeads * headDim, valueElements: kvHeads * valueDim } as const;
  return block.kind === 'full'
    ? { ...grown, part: 'fullAttention' }
    : { ...grown, part: 'slidingWindow', window: block.window };
}
