import type { Block, FeedForward } from '../../schema/model.js';
import type { GgufFamily } from './families.js';
import type { LayerTensors } from './layer-tensors.js';
import type { Metadata } from './metadata.js';
import { notUnderstood, type Reading } from './mixers.js';

type Moe = Extract<Block, { kind: 'moe' }>;

/**
 * What each token goes through alone in a layer, told by its tensors: a feed-forward, experts, both or neither.
 *
 * @throws InputError `not-understood` where no rule reads it, `bad-file` where the metadata say another width
 */
export function feedForwardsOf(tensors: LayerTensors, layer: number, reading: Reading): FeedForward[] {
  const isDense = tensors.has('ffn_down.weight');
  const hasExperts = tensors.has('ffn_gate_inp.weight');
  return [
    ...(isDense ? [dense(tensors, layer, reading)] : []),
    ...(hasExperts ? [moe(tensors, layer, reading)] : []),
  ];
}

function dense(tensors: LayerTensors, layer: number, reading: Reading): FeedForward {
  const { metadata, family, layerCount } = reading;
  // The down projection has the width as its row in every layout.
  const intermediateSize = tensors.get('ffn_down.weight')![0]!;
  const said = metadata.perLayer('feed_forward_length', layerCount)?.[layer];
  const widths = family.saysWidthOf === 'gateAndUp' ? 2 : 1;
  if (said && family.saysWidthOf !== 'experts' && said !== intermediateSize * widths)
    throw metadata.fault('feed_forward_length', `is ${said} where layer ${layer} has ${intermediateSize}`);
  const { activationParameters } = family;
  return {
    kind: 'dense',
    intermediateSize,
    ...(isGated(tensors, intermediateSize) ? {} : { gate: false }),
    ...(tensors.has('ffn_down.bias') ? { bias: true } : {}),
    ...(activationParameters ? { activationParameters } : {}),
    ...clamped('shexp', layer, reading),
  };
}

/** Below this the engine takes a limit for none: `src/llama-graph.cpp:build_ffn`. */
const LEAST_LIMIT = 1e-6;

/** Limits of routed experts, or of feed-forwards and shared experts. */
function clamped(of: 'exp' | 'shexp', layer: number, { metadata, family }: Reading): { clamped?: true } {
  if (!family.clamps) return {};
  return metadata.numberOf(`swiglu_clamp_${of}`, layer) > LEAST_LIMIT ? { clamped: true } : {};
}

/** A gate is a matrix of its own, or one with the way up. */
const isGated = (tensors: LayerTensors, width: number): boolean =>
  tensors.has('ffn_gate.weight') || tensors.get('ffn_up.weight')?.[1] === 2 * width;

function moe(tensors: LayerTensors, layer: number, reading: Reading): FeedForward {
  const { metadata, family, layerCount } = reading;
  const experts = metadata.count('expert_count');
  const [intermediateSize, , stacked] = tensors.get('ffn_down_exps.weight') ?? [];
  if (intermediateSize === undefined)
    throw notUnderstood(reading, `layer ${layer} whose experts are not stacked`);
  if (stacked !== experts)
    throw metadata.fault('expert_count', `is ${experts} where layer ${layer} has ${stacked ?? 1}`);
  const activeExperts = metadata.perLayer('expert_used_count', layerCount)?.[layer];
  if (!activeExperts) throw metadata.fault('expert_used_count', `gives layer ${layer} no experts`);
  const isFused = tensors.has('ffn_gate_up_exps.weight');
  if (isFused && !family.fusesExperts)
    throw notUnderstood(reading, `gate and up of experts as one matrix in layer ${layer}`);
  return {
    kind: 'moe',
    experts,
    activeExperts,
    intermediateSize,
    ...(isFused || tensors.has('ffn_gate_exps.weight') ? {} : { gate: false }),
    ...latentOf(tensors, metadata),
    ...groupsOf(reading),
    ...clamped('exp', layer, reading),
    ...routerOf(tensors, family),
    ...sharedOf(tensors, layer, reading),
  };
}

/** The narrower width that experts work on, under the key of either architecture that has one. */
function latentOf(tensors: LayerTensors, metadata: Metadata): Pick<Moe, 'latentSize' | 'latentNorm'> {
  if (tensors.has('ffn_latent_down.weight')) return { latentSize: metadata.count('moe_latent_size') };
  if (!tensors.has('ffn_routed_down.weight')) return {};
  return {
    latentSize: metadata.count('expert_latent_length'),
    ...(tensors.has('ffn_routed_norm.weight') ? { latentNorm: true } : {}),
  };
}

/** How experts are chosen, as far as it has tensors. */
function routerOf(
  tensors: LayerTensors,
  { trainsCorrection }: GgufFamily,
): Pick<Moe, 'bias' | 'tokenTable' | 'routerScales' | 'routerCorrection'> {
  return {
    ...(tensors.has('ffn_gate_inp.bias') ? { bias: true } : {}),
    ...(tensors.has('ffn_gate_tid2eid.weight') ? { tokenTable: true } : {}),
    ...(tensors.has('ffn_gate_inp.scale') ? { routerScales: true } : {}),
    ...(tensors.has('exp_probs_b.bias') ? { routerCorrection: trainsCorrection ? 'trained' : true } : {}),
  };
}

function groupsOf({ metadata }: Reading): { groups?: { count: number; active: number } } {
  const count = metadata.optionalCount('expert_group_count');
  const active = metadata.optionalCount('expert_group_used_count');
  return count && active && count > 1 ? { groups: { count, active } } : {};
}

function sharedOf(tensors: LayerTensors, layer: number, reading: Reading): Pick<Moe, 'shared'> {
  const intermediateSize = tensors.get('ffn_down_shexp.weight')?.[0];
  if (intermediateSize === undefined) return {};
  return {
    shared: {
      intermediateSize,
      ...(tensors.has('ffn_gate_inp_shexp.weight') ? { gate: true } : {}),
      ...clamped('shexp', layer, reading),
    },
  };
}
