import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openCatalog } from '../../../../src/catalog/index.js';
import { FAMILIES } from '../../../../src/core/engines/llama-cpp/families.js';
import { ggufTensors } from '../../../../src/core/engines/llama-cpp/tensors.js';
import type { Architecture } from '../../../../src/schema/model.js';
import { refusal } from '../../../refusal.js';
import { ATTENTION, DELTA_NET, DENSE, LATENT, MAMBA2, MOE, TWO_LAYERS, toy } from '../../toys.js';

/** Every tensor as a line, in alphabetical order. */
const linesOf = (architecture: Architecture, family = {}): string[] =>
  ggufTensors(architecture, family)
    .map(({ name, ne }) => `${name} [${ne}]`)
    .sort();

const blockLines = (block: Architecture['blocks'][string]): string[] =>
  linesOf(toy({ block }, [['block']])).filter(
    (line) => line.startsWith('blk.0.') && !/^blk\.0\.(attn|ffn)_norm/.test(line),
  );

test('a dense model is listed under the engine’s names, row length first', () => {
  expect(linesOf(toy({ attention: ATTENTION, dense: DENSE }, [['attention', 'dense']]))).toEqual([
    'blk.0.attn_k.weight [8,4]',
    'blk.0.attn_norm.weight [8]',
    'blk.0.attn_output.weight [8,8]',
    'blk.0.attn_q.weight [8,8]',
    'blk.0.attn_v.weight [8,4]',
    'blk.0.ffn_down.weight [16,8]',
    'blk.0.ffn_gate.weight [8,16]',
    'blk.0.ffn_norm.weight [8]',
    'blk.0.ffn_up.weight [8,16]',
    'output.weight [8,10]',
    'output_norm.weight [8]',
    'token_embd.weight [8,10]',
  ]);
});

test('some architectures have queries, keys and values in one matrix, and gate and up', () => {
  const biased = toy({ attention: { ...ATTENTION, bias: 'qkv' }, dense: DENSE }, [['attention', 'dense']]);
  const lines = linesOf(biased, { fused: ['qkv', 'gateUp'] });
  expect(lines.filter((line) => line.startsWith('blk.0.'))).toEqual([
    'blk.0.attn_norm.weight [8]',
    'blk.0.attn_output.weight [8,8]',
    'blk.0.attn_qkv.bias [16]',
    'blk.0.attn_qkv.weight [8,16]',
    'blk.0.ffn_down.weight [16,8]',
    'blk.0.ffn_norm.weight [8]',
    'blk.0.ffn_up.weight [8,32]',
  ]);
});

test('trained numbers of an activation are metadata', () => {
  const lines = linesOf(toy({ dense: { ...DENSE, gate: false, activationParameters: 2 } }, [['dense']]));
  expect(lines.filter((line) => line.includes('ffn') && !line.includes('norm'))).toEqual([
    'blk.0.ffn_down.weight [16,8]',
    'blk.0.ffn_up.weight [8,16]',
  ]);
});

test('layers are numbered from 0', () => {
  expect(linesOf(TWO_LAYERS).filter((line) => line.includes('attn_q'))).toEqual([
    'blk.0.attn_q.weight [8,8]',
    'blk.1.attn_q.weight [8,8]',
  ]);
});

test('experts are stacked: their number is the last dimension', () => {
  expect(
    blockLines({ ...MOE, bias: true, routerCorrection: true, shared: { intermediateSize: 6, gate: true } }),
  ).toEqual([
    'blk.0.exp_probs_b.bias [4]',
    'blk.0.ffn_down_exps.bias [8,4]',
    'blk.0.ffn_down_exps.weight [4,8,4]',
    'blk.0.ffn_down_shexp.weight [6,8]',
    'blk.0.ffn_gate_exps.bias [4,4]',
    'blk.0.ffn_gate_exps.weight [8,4,4]',
    'blk.0.ffn_gate_inp.bias [4]',
    'blk.0.ffn_gate_inp.weight [8,4]',
    'blk.0.ffn_gate_inp_shexp.weight [8]',
    'blk.0.ffn_gate_shexp.weight [8,6]',
    'blk.0.ffn_up_exps.bias [4,4]',
    'blk.0.ffn_up_exps.weight [8,4,4]',
    'blk.0.ffn_up_shexp.weight [8,6]',
  ]);
});

test('a latent projection is split into keys, transposed, and values, one matrix a head', () => {
  expect(blockLines(LATENT)).toEqual([
    // The 16 × 4 of the checkpoint: 3 × 4 × 2 heads and 4 × 5 × 2 heads, 24 + 40 elements.
    'blk.0.attn_k_b.weight [3,4,2]',
    'blk.0.attn_kv_a_mqa.weight [8,6]',
    'blk.0.attn_kv_a_norm.weight [4]',
    'blk.0.attn_output.weight [10,8]',
    'blk.0.attn_q_a.weight [8,6]',
    'blk.0.attn_q_a_norm.weight [6]',
    'blk.0.attn_q_b.weight [6,10]',
    'blk.0.attn_v_b.weight [4,5,2]',
  ]);
});

test('a delta net has its output gate apart', () => {
  expect(blockLines(DELTA_NET)).toEqual([
    // 20 and 2 × 6 + 20 of the 52 rows
    'blk.0.attn_gate.weight [8,20]',
    'blk.0.attn_qkv.weight [8,32]',
    'blk.0.ssm_a [4]',
    'blk.0.ssm_ba.weight [8,8]',
    'blk.0.ssm_conv1d.weight [4,32]',
    'blk.0.ssm_dt.bias [4]',
    'blk.0.ssm_norm.weight [5]',
    'blk.0.ssm_out.weight [20,8]',
  ]);
});

test('Mamba-2 has its inner norm as one row a group', () => {
  expect(blockLines(MAMBA2)).toEqual([
    'blk.0.ssm_a [1,4]',
    'blk.0.ssm_conv1d.bias [32]',
    'blk.0.ssm_conv1d.weight [4,32]',
    'blk.0.ssm_d [1,4]',
    'blk.0.ssm_dt.bias [4]',
    'blk.0.ssm_in.weight [8,48]',
    // 12 in 2 groups
    'blk.0.ssm_norm.weight [6,2]',
    'blk.0.ssm_out.weight [12,8]',
  ]);
});

test('a sink is a weight of the attention', () => {
  expect(blockLines({ ...ATTENTION, sinks: true })).toContain('blk.0.attn_sinks.weight [2]');
});

test('rows that no token uses are dropped from table and head', () => {
  const lines = linesOf({ ...TWO_LAYERS, paddingRows: 3 });
  expect(lines).toEqual(expect.arrayContaining(['token_embd.weight [8,7]', 'output.weight [8,7]']));
});

test('a tied model has no output matrix', () => {
  expect(
    linesOf({ ...TWO_LAYERS, tiedEmbeddings: true }).some((line) => line.startsWith('output.weight')),
  ).toBe(false);
});

test('some architectures call the norm of the feed-forward by another name', () => {
  const lines = linesOf(TWO_LAYERS, { ffnNorm: 'post_attention_norm' });
  expect(lines.filter((line) => /blk\.0\..*norm/.test(line))).toEqual([
    'blk.0.attn_norm.weight [8]',
    'blk.0.post_attention_norm.weight [8]',
  ]);
});

test('norms behind a block have names of their own', () => {
  const sandwich = linesOf({ ...TWO_LAYERS, norm: { epsilon: 1e-5, placement: 'sandwich' } });
  expect(sandwich.filter((line) => /blk\.0\..*norm/.test(line))).toEqual([
    'blk.0.attn_norm.weight [8]',
    'blk.0.ffn_norm.weight [8]',
    'blk.0.post_attention_norm.weight [8]',
    'blk.0.post_ffw_norm.weight [8]',
  ]);
});

describe('frequency factors of Llama 3', () => {
  const scaled = { ...TWO_LAYERS, rope: { theta: 5e5, scaling: { kind: 'llama3', factor: 8 } } } as const;
  const factorsOf = (architecture: Architecture) =>
    ggufTensors(architecture, { ropeFactors: 'llama3' }).filter(({ name }) => name.startsWith('rope_'));

  test('are half a head, on every device', () => {
    expect(factorsOf(scaled)).toMatchObject([{ ne: [2], place: 'everyDevice' }]);
  });

  test('are half of what is rotated where that is less than a head', () => {
    expect(factorsOf({ ...scaled, rope: { ...scaled.rope, dim: 2 } })).toMatchObject([{ ne: [1] }]);
  });

  test('are not there with another scaling', () => {
    expect(factorsOf({ ...scaled, rope: { theta: 5e5, scaling: { kind: 'yarn', factor: 8 } } })).toEqual([]);
  });

  test('are not there where the converter writes none', () => {
    expect(linesOf(scaled).filter((line) => line.startsWith('rope_'))).toEqual([]);
  });

  test('are two tables where they depend on the context', () => {
    const long = { ...TWO_LAYERS, rope: { theta: 1e4, scaling: { kind: 'longrope', factor: 1 } } } as const;
    expect(linesOf(long, { ropeFactors: 'longrope' }).filter((line) => line.startsWith('rope_'))).toEqual([
      'rope_factors_long.weight [2]',
      'rope_factors_short.weight [2]',
    ]);
  });
});

describe('a module for further tokens', () => {
  const withMtp: Architecture = {
    ...TWO_LAYERS,
    mtp: { modules: 1, layer: ['attention', 'dense'], ownEmbedding: true },
  };

  test('is dropped by most converters', () => {
    expect(linesOf(withMtp)).toEqual(linesOf(TWO_LAYERS));
  });

  test('stays in the file of a family that keeps it, and is not loaded', () => {
    const kept = ggufTensors(withMtp, { keepsMtp: true }).filter(({ layer }) => layer === 2);
    expect(kept.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'blk.2.attn_q.weight',
        'blk.2.nextn.eh_proj.weight',
        'blk.2.nextn.embed_tokens.weight',
      ]),
    );
    expect(kept.every(({ loaded }) => !loaded)).toBe(true);
  });
});

test('a vision tower is a file of its own', () => {
  const vision = {
    layers: 1,
    hiddenSize: 6,
    intermediateSize: 12,
    heads: 2,
    imageSize: 8,
    patchSize: 4,
    projector: [[6, 8]] as [number, number][],
  };
  expect(linesOf({ ...TWO_LAYERS, vision })).toEqual(linesOf(TWO_LAYERS));
});

test('only experts of their own choice are routed', () => {
  const moe = { ...MOE, routerCorrection: true, shared: { intermediateSize: 6 } } as const;
  const routed = ggufTensors(toy({ moe }, [['moe']]), {}).filter((tensor) => tensor.routed);
  expect(routed.map(({ name }) => name).sort()).toEqual([
    'blk.0.ffn_down_exps.weight',
    'blk.0.ffn_gate_exps.weight',
    'blk.0.ffn_up_exps.weight',
  ]);
});

test('a tensor that the engine has no name for is not understood', () => {
  const two = toy({ one: ATTENTION, other: ATTENTION }, [['one', 'other']]);
  expect(() => ggufTensors(two, {})).toThrow(
    refusal('not-understood', { field: 'tensor mixer_norm.1.weight' }),
  );
});

const TRUTH = new URL('../../../../../shared/truth/gguf-tensors.json', import.meta.url);

interface File {
  readonly arch: string;
  readonly tensors: readonly (readonly [string, readonly number[]])[];
}

const files: [string, File][] = existsSync(TRUTH)
  ? Object.entries(JSON.parse(readFileSync(TRUTH, 'utf8')))
  : [];

describe.skipIf(files.length === 0)(
  'the files that llama.cpp loads (skipped where ../shared is absent)',
  () => {
    const catalog = openCatalog();

    test.each(files)('%s has the same tensors with the same shapes', (name, { arch, tensors }) => {
      const model = catalog.model(catalog.findModel(name)!);
      const ours = ggufTensors(model.architecture, FAMILIES[arch]!).map(({ name, ne }) => `${name} [${ne}]`);
      expect(ours.sort()).toEqual(tensors.map(([name, ne]) => `${name} [${ne}]`).sort());
    });

    test.each(files)('%s is planned as the architecture that its file names', (name, { arch }) => {
      const engine = catalog.engine(catalog.findEngine('llama.cpp')!);
      expect(engine.architectures[catalog.findModel(name)!.type]).toBe(arch);
    });
  },
);
