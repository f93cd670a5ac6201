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
  const { embedding, placed, tied } = prepared;
  for (const tensor of [...placed.host, ...placed.firstLayer, ...placed.output])
    put(tensor, deviceOfTensor(placement, tensor));
  if (tied && placement.outputCard !== undefined) put(embedding, placement.outputCard, 'head');
  if (prepared.tiedTwice && placement.outputCard === undefined) put(embedding, host, 'head');
  for (const [device, run] of [...placement.cards, placement.host].entries()) {
    if (shares(prepared, run)) for (const tensor of placed.everyDevice) put(tensor, device);
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
  addBeside(weights, prepared, run, kind);
  if (placement.outputCard === index) {
    addAll(weights, prepared.placed.output, kind);
    // A tied model has no output matrix: the card gets a second copy of the embedding.
    if (prepared.tied) add(weights, 'head', prepared.embedding.bytes[kind]);
  }
  return weights;
}

function hostWeights(prepared: PreparedModel, placement: Placement): RoleBytes {
  const weights: RoleBytes = new Map();
  const { host, hostExpertLayers } = placement;
  const experts = { from: host.from, to: Math.max(host.to, hostExpertLayers) };
  addAll(weights, prepared.placed.host, 'host');
  for (const { role, routed, upTo } of prepared.roles)
    addRun(weights, role, upTo.host, routed ? experts : host);
  addBeside(weights, prepared, host, 'host');
  if (placement.outputCard === undefined) {
    addAll(weights, prepared.placed.output, 'host');
    if (prepared.tiedTwice) add(weights, 'head', prepared.embedding.bytes.host);
  }
  return weights;
}

/** Whether any layer of a run uses what lies on every device. */
const shares = ({ sharingUpTo }: PreparedModel, { from, to }: Run): boolean =>
  sharingUpTo[to]! > sharingUpTo[from]!;

/** What lies outside of the stack, but beside its layers. */
function addBeside(weights: RoleBytes, prepared: PreparedModel, run: Run, kind: BufferKind): void {
  const { firstLayer, everyDevice } = prepared.placed;
  if (run.from === 0 && run.to > 0) addAll(weights, firstLayer, kind);
  if (shares(prepared, run)) addAll(weights, everyDevice, kind);
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
