import type { Architecture, Block } from '../../schema/model.js';
import type { Part } from './index.js';

type Moe = Extract<Block, { kind: 'moe' }>;

/** A mixture of experts: a router, routed experts of which a token visits a few, perhaps one shared by all. */
export function moe(block: Moe, architecture: Architecture): Part[] {
  return [
    ...router(block, architecture),
    ...latentProjections(block, architecture),
    ...routedExperts(block, architecture),
    ...sharedExpert(block, architecture),
  ];
}

function router(block: Moe, { hiddenSize, vocabSize }: Architecture): Part[] {
  const part = (name: string, shape: number[]): Part => ({ name: `mlp.gate.${name}`, role: 'router', shape });
  const choices = block.experts + (block.zeroExperts ?? 0);
  const parts = [part('weight', [choices, hiddenSize])];
  if (block.bias) parts.push(part('bias', [choices]));
  if (block.routerCorrection) {
    const correction = part('e_score_correction_bias', [choices]);
    parts.push(block.routerCorrection === 'trained' ? correction : { ...correction, buffer: true });
  }
  if (block.tokenTable) parts.push({ ...part('tid2eid', [vocabSize, block.activeExperts]), buffer: true });
  if (block.routerScales) parts.push(part('scale', [hiddenSize]), part('per_expert_scale', [block.experts]));
  return parts;
}

/** Into and out of the narrower width that the routed experts work on (Nemotron-3-Super, Kimi-K3). */
function latentProjections({ latentSize, latentNorm }: Moe, { hiddenSize }: Architecture): Part[] {
  if (!latentSize) return [];
  const part = (name: string, shape: number[]): Part => ({
    name: `mlp.${name}.weight`,
    role: 'router',
    shape,
  });
  return [
    part('fc1_latent_proj', [latentSize, hiddenSize]),
    ...(latentNorm ? [part('latent_norm', [latentSize])] : []),
    part('fc2_latent_proj', [hiddenSize, latentSize]),
  ];
}

function routedExperts(block: Moe, { hiddenSize }: Architecture): Part[] {
  const { experts, activeExperts, intermediateSize, bias, latentSize = hiddenSize } = block;
  const part = (name: string, shape: number[]): Part => ({
    name: `mlp.experts.${name}`,
    role: 'routedExperts',
    shape,
    count: experts,
    active: activeExperts,
  });
  const matrices = matricesOf(block, latentSize, intermediateSize);
  const weights = matrices.map(([name, rows, columns]) => part(`${name}.weight`, [rows, columns]));
  return bias ? [...weights, ...matrices.map(([name, rows]) => part(`${name}.bias`, [rows]))] : weights;
}

function sharedExpert(block: Moe, { hiddenSize }: Architecture): Part[] {
  const { shared } = block;
  if (!shared) return [];
  const part = (name: string, shape: number[]): Part => ({
    name: `mlp.${name}.weight`,
    role: 'sharedExperts',
    shape,
  });
  const parts = matricesOf(block, hiddenSize, shared.intermediateSize).map(([name, rows, columns]) =>
    part(`shared_expert.${name}`, [rows, columns]),
  );
  if (shared.gate) parts.push(part('shared_expert_gate', [1, hiddenSize]));
  return parts;
}

/** Name, rows and columns of an expert's matrices. */
function matricesOf({ gate }: Moe, width: number, inner: number): [string, number, number][] {
  const widen = (name: string): [string, number, number] => [name, inner, width];
  return [...(gate === false ? [] : [widen('gate_proj')]), widen('up_proj'), ['down_proj', width, inner]];
}
