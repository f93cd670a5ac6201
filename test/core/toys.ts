// Models small enough to count by hand, and a plain request.
import { readFileSync } from 'node:fs';
import { load } from '../../src/core/engines/llama-cpp/load.js';
import { OPTIONS } from '../../src/core/engines/llama-cpp/options.js';
import { type PreparedModel, prepare } from '../../src/core/engines/llama-cpp/prepare.js';
import type { PlannedDevice, ResolvedRequest } from '../../src/core/request.js';
import type { Engine } from '../../src/schema/engine.js';
import type { Architecture, Block, Layer, Model } from '../../src/schema/model.js';
import type { Quant } from '../../src/schema/quant.js';

const fact = <T>(file: string): T =>
  JSON.parse(readFileSync(new URL(`../../data/${file}`, import.meta.url), 'utf8')) as T;

export const LLAMA_CPP = fact<Engine>('engines/llama.cpp.json');

export const quantNamed = (name: string): Quant => fact<Quant>(`quants/${name.toLowerCase()}.json`);

/** Hidden size 8, vocabulary 10, the blocks and layers that are given. */
export const toy = (
  blocks: Record<string, Block>,
  layers: Layer[],
  more: Partial<Architecture> = {},
): Architecture => ({
  type: 'llama',
  hiddenSize: 8,
  vocabSize: 10,
  norm: { epsilon: 1e-5 },
  blocks,
  layers: [{ pattern: layers }],
  ...more,
});

export const ATTENTION = { kind: 'full', heads: 2, kvHeads: 1, headDim: 4 } as const;
export const DENSE = { kind: 'dense', intermediateSize: 16 } as const;
export const MOE = { kind: 'moe', experts: 4, activeExperts: 2, intermediateSize: 4 } as const;
export const LATENT = {
  kind: 'latent',
  heads: 2,
  queryRank: 6,
  kvRank: 4,
  nopeDim: 3,
  ropeDim: 2,
  valueDim: 5,
} as const;
export const DELTA_NET = {
  kind: 'gatedDeltaNet',
  keyHeads: 2,
  valueHeads: 4,
  keyDim: 3,
  valueDim: 5,
  convKernel: 4,
} as const;
export const MAMBA2 = {
  kind: 'mamba2',
  heads: 4,
  headDim: 3,
  stateDim: 5,
  groups: 2,
  convKernel: 4,
} as const;

/** Two equal dense layers. */
export const TWO_LAYERS = toy({ attention: ATTENTION, dense: DENSE }, [
  ['attention', 'dense'],
  ['attention', 'dense'],
]);

export const toyModel = (architecture: Architecture): Model => ({
  id: 'toy',
  name: 'Toy',
  context: { native: 1_048_576 },
  architecture,
  sources: [{ facts: ['architecture'], from: 'nowhere', date: '2026-01-01' }],
});

/** A model ready for llama.cpp, in 16-bit floats unless said otherwise. */
export const preparedToy = (
  architecture: Architecture,
  { family = 'llama', quant = 'F16', imatrix = false } = {},
): PreparedModel => prepare(load(toyModel(architecture), family), quantNamed(quant), imatrix);

/** Equal dense layers of hidden size 256, whose rows fill whole blocks of every type. */
export const wideToy = (layers: number, more: Partial<Architecture> = {}): Architecture =>
  toy(
    {
      attention: { kind: 'full', heads: 2, kvHeads: 1, headDim: 128 },
      dense: { kind: 'dense', intermediateSize: 512 },
    },
    [],
    {
      hiddenSize: 256,
      vocabSize: 1000,
      layers: [{ repeat: layers, pattern: [['attention', 'dense']] }],
      ...more,
    },
  );

const STANDARDS = Object.fromEntries(
  Object.entries(OPTIONS).flatMap(([name, { standard }]) =>
    standard === undefined ? [] : [[name, standard]],
  ),
);

/** A resolved request of one sequence of 8,192 tokens without a card. */
export const resolved = ({ options = {}, ...more }: Partial<ResolvedRequest> = {}): ResolvedRequest => ({
  model: 'toy',
  engine: 'llama.cpp',
  engineVersion: '0.5.0',
  quant: 'F16',
  contextTokens: 8192,
  sequences: 1,
  kvTypeK: 'f16',
  kvTypeV: 'f16',
  devices: [],
  options: { ...STANDARDS, ...options },
  imatrix: false,
  allowContextOverflow: false,
  ...more,
});

/** Cards without a limit. */
export const cards = (count: number): PlannedDevice[] => [{ gpu: null, count, echo: { gpu: null, count } }];
