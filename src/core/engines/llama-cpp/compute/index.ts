import { stackOf } from '../../../tensors/stack.js';
import { FAMILIES } from '../families.js';
import type { ComputeBuffers, Estimate } from '../compute.js';
import { cellsOf } from '../kv-cache.js';
import type { Placement } from '../placement.js';
import type { PreparedModel } from '../prepare.js';
import type { Settings } from '../settings.js';
import type { Structure, Weight } from './build.js';
import { GRAPH_FAMILIES } from './families.js';
import { modelGraph } from './model-graph.js';
import { compile, type Program, replay } from './program.js';
import { schedule } from './scheduler.js';
import { productValues, type Size, valueOf } from './size.js';

/** What the replay needs of a prepared model beside what it has. */
export interface ComputeFields {
  readonly architectureName: string;
  readonly tensors: readonly Weight[];
  readonly programs: Map<string, Program>;
}

const PIPELINE_COPIES = 4;
const OFFLOAD_ROWS = 32;

export function computeBuffers(prepared: PreparedModel & ComputeFields, settings: Settings, placement: Placement): ComputeBuffers {
  const values = valuesOf(prepared, settings);
  const key = programKey(settings, placement);
  let program = prepared.programs.get(key);
  if (!program) prepared.programs.set(key, (program = programOf(prepared, settings, placement, values)));
  const bytes = replay(program, values).map(exactly);
  const host = placement.cards.length;
  return { cards: bytes.slice(0, host), host: bytes[host]! };
}
const exactly = (bytes: number): Estimate => ({ bytes, low: bytes, high: bytes });

function valuesOf({ caches }: PreparedModel, settings: Settings): Float64Array {
  const windowed = caches.find(({ cache }) => cache.grows && cache.window !== undefined)?.cache;
  return productValues({
    tokens: settings.ubatchTokens / settings.sequences,
    rows: settings.outputRows,
    cells: settings.contextPerSequence,
    windowCells: windowed?.grows ? cellsOf(windowed, settings) : 0,
  });
}

function programKey(s: Settings, p: Placement): string {
  return JSON.stringify([s.flashAttention, s.kvTypeK, s.kvTypeV, s.sequences, s.streams, p, Math.min(s.ubatchTokens, 32), Math.min(s.outputRows, 32)]);
}

function isPipeline({ cards, host, hostExpertLayers, outputCard }: Placement): boolean {
  return cards.length > 1 && host.to === host.from && outputCard !== undefined && hostExpertLayers === 0;
}

function programOf(prepared: PreparedModel & ComputeFields, settings: Settings, placement: Placement, values: Float64Array): Program {
  const { architecture } = prepared.model;
  const host = placement.cards.length;
  const weights = new Map(prepared.tensors.map((t) => [t.name, t]));
  if (prepared.tied) weights.set('tied_output.weight', { ...weights.get('token_embd.weight')!, name: 'tied_output.weight' });
  const deviceOfLayer = (layer: number) => {
    const card = placement.cards.findIndex(({ from, to }) => layer >= from && layer < to);
    return card < 0 ? host : card;
  };
  const deviceOfWeight = ({ name, layer, routed }: Weight) => {
    if (name === 'token_embd.weight') return host;
    if (layer === undefined) return placement.outputCard ?? host;
    return routed && layer < placement.hostExpertLayers ? host : deviceOfLayer(layer);
  };
  const structure: Structure = {
    architecture,
    family: GRAPH_FAMILIES[prepared.architectureName] ?? {},
    ffnNorm: FAMILIES[prepared.architectureName]?.ffnNorm ?? 'ffn_norm',
    flashAttention: settings.flashAttention,
    kvTypeK: settings.kvTypeK,
    kvTypeV: settings.kvTypeV,
    sequences: settings.sequences,
    streams: settings.streams,
    deviceOfLayer,
    deviceOfWeight,
    weights,
  };
  const graph = modelGraph(structure, stackOf(architecture).map((steps, layer) => ({ layer, steps })));
  const worthOffload = (rows: Size) => valueOf(rows, values) >= OFFLOAD_ROWS;
  return compile(schedule(graph, { host, copies: isPipeline(placement) ? PIPELINE_COPIES : 1, worthOffload }), host);
}
