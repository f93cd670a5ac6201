import type { Architecture, Block } from '../../schema/model.js';
import type { Part } from './index.js';

type Moe = Extract<Block, { kind: 'moe' }>;

/** A mixture of experts: a router, routed experts of which a token visits a few, perhaps one shared by all. */
export function moe(block: Moe, architecture: Architecture): Part[] {
  return [
    ...router(block, architecture),
    ...routedExperts(block, architecture),
    ...sharedExpert(block, architecture),
  ];
}

function router(block: Moe, { hiddenSize }: Architecture): Part[] {
  const parts: Part[] = [{ name: 'mlp.gate.weight', role: 'router', shape: [block.experts, hiddenSize] }];
  if (block.bias) parts.push({ name: 'mlp.gate.bias', role: 'router', shape: [block.experts] });
  if (block.routerCorrection) {
    parts.push({
      name: 'mlp.gate.e_score_correction_bias',
      role: 'router',
      shape: [block.experts],
      buffer: true,
    });
  }
  return parts;
}

function routedExperts(block: Moe, { hiddenSize }: Architecture): Part[] {
  const { experts, activeExperts, intermediateSize, bias } = block;
  const part = (name: string, shape: number[]): Part => ({
    name: `mlp.experts.${name}`,
    role: 'routedExperts',
    shape,
    count: experts,
    active: activeExperts,
  });
  const matrices = [
    part('gate_proj.weight', [intermediateSize, hiddenSize]),
    part('up_proj.weight', [intermediateSize, hiddenSize]),
    part('down_proj.weight', [hiddenSize, intermediateSize]),
  ];
  if (!bias) return matrices;
  const biases = [
    part('gate_proj.bias', [intermediateSize]),
    part('up_proj.bias', [intermediateSize]),
    part('down_proj.bias', [hiddenSize]),
  ];
  return [...matrices, ...biases];
}

function sharedExpert({ shared }: Moe, { hiddenSize }: Architecture): Part[] {
  if (!shared) return [];
  const part = (name: string, shape: number[]): Part => ({
    name: `mlp.${name}.weight`,
    role: 'sharedExperts',
    shape,
  });
  const parts = [
    part('shared_expert.gate_proj', [shared.intermediateSize, hiddenSize]),
    part('shared_expert.up_proj', [shared.intermediateSize, hiddenSize]),
    part('shared_expert.down_proj', [hiddenSize, shared.intermediateSize]),
  ];
  if (shared.gate) parts.push(part('shared_expert_gate', [1, hiddenSize]));
  return parts;
}
