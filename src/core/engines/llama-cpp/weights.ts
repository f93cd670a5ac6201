import type { Role } from '../../tensors/index.js';
import { deviceOfTensor, type Placement, type Run } from './placement.js';
import type { BufferKind, OutsideTensor, PreparedModel } from './prepare.js';

/** Bytes of weights by role. */
type RoleBytes = Map<Role, number>;

/**
 * Weights of every device, cards in order and the host last, padding included.
 *
 * @param kind of the cards' buffers
 * @example placedWeights(prepared, placement, 'cuda')[0].get('attention') // 1342177280
 */
export function placedWeights(prepared: PreparedModel, placement: Placement, kind: BufferKind): RoleBytes[] {
  if (placement.overrides.length > 0) return oneByOne(prepared, placement, kind);
  const cards = placement.cards.map((run, index) => cardWeights(prepared, placement, { index, run, kind }));
  return [...cards, hostWeights(prepared, placement)];
}

/** Tensor by tensor, where patterns take single ones out of their runs. */
function oneByOne(prepared: PreparedModel, placement: Placement, kind: BufferKind): RoleBytes[] {
  const host = placement.cards.length;
  const devices = Array.from({ length: host + 1 }, (): RoleBytes => new Map());
  const put = ({ role, bytes }: OutsideTensor, device: number, as: Role = role): void =>
    add(devices[device]!, as, bytes[device === host ? 'host' : kind]);
  prepared.weights.layers.forEach((tensors, layer) => {
    for (const tensor of tensors) put(tensor, deviceOfTensor(placement, tensor, layer));
  });
  const { embedding, output, everyDevice, tied } = prepared;
  put(embedding, deviceOfTensor(placement, embedding));
  for (const tensor of output) put(tensor, deviceOfTensor(placement, tensor));
  if (tied && placement.outputCard !== undefined) put(embedding, placement.outputCard, 'head');
  for (const [device, run] of [...placement.cards, placement.host].entries()) {
    if (run.to > run.from) for (const tensor of everyDevice) put(tensor, device);
  }
  return devices;
}

function cardWeights(
  prepared: PreparedModel,
  placement: Placement,
  { index, run, kind }: { index: number; run: Run; kind: BufferKind },
): RoleBytes {
  const weights: RoleBytes = new Map();
  const experts = { from: Math.max(run.from, Math.min(placement.hostExpertLayers, run.to)), to: run.to };
  for (const { role, routed, upTo } of prepared.roles)
    addRun(weights, role, upTo[kind], routed ? experts : run);
  if (run.to > run.from) addAll(weights, prepared.everyDevice, kind);
  if (placement.outputCard === index) {
    addAll(weights, prepared.output, kind);
    // A tied model has no output matrix: the card gets a second copy of the embedding.
    if (prepared.tied) add(weights, 'head', prepared.embedding.bytes[kind]);
  }
  return weights;
}

function hostWeights(prepared: PreparedModel, placement: Placement): RoleBytes {
  const weights: RoleBytes = new Map();
  const { host, hostExpertLayers } = placement;
  const experts = { from: host.from, to: Math.max(host.to, hostExpertLayers) };
  add(weights, 'embedding', prepared.embedding.bytes.host);
  for (const { role, routed, upTo } of prepared.roles)
    addRun(weights, role, upTo.host, routed ? experts : host);
  if (host.to > host.from) addAll(weights, prepared.everyDevice, 'host');
  if (placement.outputCard === undefined) addAll(weights, prepared.output, 'host');
  return weights;
}

function add(weights: RoleBytes, role: Role, bytes: number): void {
  if (bytes > 0) weights.set(role, (weights.get(role) ?? 0) + bytes);
}

function addAll(weights: RoleBytes, tensors: readonly OutsideTensor[], kind: BufferKind): void {
  for (const { role, bytes } of tensors) add(weights, role, bytes[kind]);
}

function addRun(weights: RoleBytes, role: Role, upTo: Float64Array, run: Run): void {
  add(weights, role, upTo[run.to]! - upTo[run.from]!);
}
