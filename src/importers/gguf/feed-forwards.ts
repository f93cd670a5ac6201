import type { FeedForward } from '../../schema/model.js';
import type { LayerTensors } from './layer-tensors.js';
import { notUnderstood, type Reading } from './mixers.js';

/**
 * The feed-forward of a layer, told by its tensors.
 *
 * @throws InputError `not-understood` where no rule reads it, `bad-file` where the metadata say another width
 */
export function feedForwardOf(tensors: LayerTensors, layer: number, reading: Reading): FeedForward {
  if (tensors.has('ffn_gate_inp.weight')) return moe(tensors, layer, reading);
  // The down projection has the width as its row in every layout.
  const intermediateSize = tensors.get('ffn_down.weight')?.[0];
  if (intermediateSize === undefined || !tensors.has('ffn_gate.weight'))
    throw notUnderstood(reading, `layer ${layer} without a gated feed-forward`);
  const { metadata, layerCount } = reading;
  const said = metadata.perLayer('feed_forward_length', layerCount)?.[layer];
  if (said && said !== intermediateSize)
    throw metadata.fault('feed_forward_length', `is ${said} where layer ${layer} has ${intermediateSize}`);
  return { kind: 'dense', intermediateSize };
}

function moe(tensors: LayerTensors, layer: number, reading: Reading): FeedForward {
  const { metadata } = reading;
  const experts = metadata.count('expert_count');
  const [intermediateSize, , stacked] = tensors.get('ffn_down_exps.weight') ?? [];
  if (intermediateSize === undefined)
    throw notUnderstood(reading, `layer ${layer} whose experts are not stacked`);
  if (stacked !== experts)
    throw metadata.fault('expert_count', `is ${experts} where layer ${layer} has ${stacked ?? 1}`);
  return {
    kind: 'moe',
    experts,
    activeExperts: metadata.count('expert_used_count'),
    intermediateSize,
    ...groupsOf(reading),
    ...(tensors.has('ffn_gate_inp.bias') ? { bias: true } : {}),
    ...(tensors.has('exp_probs_b.bias') ? { routerCorrection: true } : {}),
    ...sharedOf(tensors),
  };
}

function groupsOf({ metadata }: Reading): { groups?: { count: number; active: number } } {
  const count = metadata.optionalCount('expert_group_count');
  const active = metadata.optionalCount('expert_group_used_count');
  return count && active && count > 1 ? { groups: { count, active } } : {};
}

function sharedOf(tensors: LayerTensors): { shared?: { intermediateSize: number; gate?: true } } {
  const intermediateSize = tensors.get('ffn_down_shexp.weight')?.[0];
  if (intermediateSize === undefined) return {};
  return {
    shared: { intermediateSize, ...(tensors.has('ffn_gate_inp_shexp.weight') ? { gate: true } : {}) },
  };
}
