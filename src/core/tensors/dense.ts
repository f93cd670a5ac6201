import type { Architecture, Block } from '../../schema/model.js';
import type { Part } from './index.js';

/** A feed-forward: gate (where there is one) and up widen, down brings back. */
export function dense(block: Extract<Block, { kind: 'dense' }>, { hiddenSize }: Architecture): Part[] {
  const { intermediateSize, gate, bias, activationParameters } = block;
  const part = (name: string, shape: number[]): Part => ({
    name: `mlp.${name}`,
    role: 'denseFeedForward',
    shape,
  });
  const rows: [string, number, number][] = [
    ['up_proj', intermediateSize, hiddenSize],
    ['down_proj', hiddenSize, intermediateSize],
  ];
  if (gate !== false) rows.unshift(['gate_proj', intermediateSize, hiddenSize]);
  const parts = rows.map(([name, out, into]) => part(`${name}.weight`, [out, into]));
  if (bias) parts.push(...rows.map(([name, out]) => part(`${name}.bias`, [out])));
  if (activationParameters) parts.push(part('act_fn.parameters', [activationParameters]));
  return parts;
}
