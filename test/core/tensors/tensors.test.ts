import { describe, expect, test } from 'vitest';
import { tensorsOf } from '../../../src/core/tensors/index.js';
import { stackOf } from '../../../src/core/tensors/stack.js';
import type { Architecture, Block } from '../../../src/schema/model.js';
import { refusal } from '../../refusal.js';
import { ATTENTION, DELTA_NET, DENSE, LATENT, MAMBA2, MOE, TWO_LAYERS, toy } from '../toys.js';

/** Every tensor of one layer as a line: name, shape, and the count where there are several. */
const linesOf = (architecture: Architecture, layer?: number): string[] =>
  tensorsOf(architecture)
    .filter((tensor) => tensor.layer === layer)
    .map(({ name, shape, count }) => `${name} [${shape}]${count === undefined ? '' : ` × ${count}`}`);

const blockLines = (block: Block): string[] => linesOf(toy({ block }, [['block']]), 0).slice(1);

describe('a dense model of two layers', () => {
  test('has a table, a last norm and a head outside the layers', () => {
    expect(linesOf(TWO_LAYERS)).toEqual([
      'embed_tokens.weight [10,8]',
      'norm.weight [8]',
      'lm_head.weight [10,8]',
    ]);
  });

  test.each([0, 1])('has attention and a gated feed-forward, a norm before each, in layer %i', (layer) => {
    expect(linesOf(TWO_LAYERS, layer)).toEqual([
      'mixer_norm.weight [8]',
      'self_attn.q_proj.weight [8,8]',
      'self_attn.k_proj.weight [4,8]',
      'self_attn.v_proj.weight [4,8]',
      'self_attn.o_proj.weight [8,8]',
      'ffn_norm.weight [8]',
      'mlp.gate_proj.weight [16,8]',
      'mlp.up_proj.weight [16,8]',
      'mlp.down_proj.weight [8,16]',
    ]);
  });

  test('has no third layer', () => {
    expect(linesOf(TWO_LAYERS, 2)).toEqual([]);
  });

  test('has no head of its own where embeddings are tied', () => {
    expect(linesOf({ ...TWO_LAYERS, tiedEmbeddings: true })).toEqual([
      'embed_tokens.weight [10,8]',
      'norm.weight [8]',
    ]);
  });

  test('has a second norm behind each block where norms are a sandwich', () => {
    const norms = linesOf({ ...TWO_LAYERS, norm: { epsilon: 1e-5, placement: 'sandwich' } }, 0).filter(
      (line) => line.includes('_norm'),
    );
    expect(norms).toEqual([
      'mixer_norm.weight [8]',
      'mixer_post_norm.weight [8]',
      'ffn_norm.weight [8]',
      'ffn_post_norm.weight [8]',
    ]);
  });

  test('keeps padding rows in the table: they are stored', () => {
    expect(linesOf({ ...TWO_LAYERS, paddingRows: 2 })).toContain('embed_tokens.weight [10,8]');
  });
});

describe('attention', () => {
  // 2 heads of 4: 8 rows of queries; 1 key-value head of 4: 4 rows.
  test.each([
    [
      'biases on queries, keys and values',
      { bias: 'qkv' },
      ['self_attn.q_proj.bias [8]', 'self_attn.k_proj.bias [4]', 'self_attn.v_proj.bias [4]'],
    ],
    [
      'a bias on the output too',
      { bias: 'qkvo' },
      [
        'self_attn.q_proj.bias [8]',
        'self_attn.k_proj.bias [4]',
        'self_attn.v_proj.bias [4]',
        'self_attn.o_proj.bias [8]',
      ],
    ],
    ['norms of one head', { qkNorm: 'head' }, ['self_attn.q_norm.weight [4]', 'self_attn.k_norm.weight [4]']],
    [
      'norms of the whole width',
      { qkNorm: 'width' },
      ['self_attn.q_norm.weight [8]', 'self_attn.k_norm.weight [4]'],
    ],
    ['a sink for each head', { sinks: true }, ['self_attn.sinks [2]']],
  ] as const)('may have %s', (_, more, lines) => {
    expect(blockLines({ ...ATTENTION, ...more }).slice(4)).toEqual(lines);
  });

  test('stores an output gate beside the queries: twice the rows', () => {
    expect(blockLines({ ...ATTENTION, outputGate: true })).toEqual([
      'self_attn.q_proj.weight [16,8]',
      'self_attn.k_proj.weight [4,8]',
      'self_attn.v_proj.weight [4,8]',
      'self_attn.o_proj.weight [8,8]',
    ]);
  });

  test.each(['sliding', 'chunked'] as const)('has the same tensors where it is %s', (kind) => {
    expect(blockLines({ ...ATTENTION, kind, window: 4 })).toEqual(blockLines(ATTENTION));
  });
});

test('latent attention goes through a low rank for queries, and one for keys and values', () => {
  expect(blockLines(LATENT)).toEqual([
    'self_attn.q_a_proj.weight [6,8]',
    'self_attn.q_a_layernorm.weight [6]',
    // 2 heads × (3 + 2)
    'self_attn.q_b_proj.weight [10,6]',
    // 4 + 2
    'self_attn.kv_a_proj_with_mqa.weight [6,8]',
    'self_attn.kv_a_layernorm.weight [4]',
    // 2 heads × (3 + 5)
    'self_attn.kv_b_proj.weight [16,4]',
    // 2 heads × 5
    'self_attn.o_proj.weight [8,10]',
  ]);
});

test('latent attention without a rank for queries has one query projection', () => {
  const { queryRank: _, ...plain } = LATENT;
  expect(blockLines(plain).slice(0, 2)).toEqual([
    'self_attn.q_proj.weight [10,8]',
    'self_attn.kv_a_proj_with_mqa.weight [6,8]',
  ]);
});

test('a gated delta net has one wide projection, a short convolution and one number a value head', () => {
  expect(blockLines(DELTA_NET)).toEqual([
    // keys 2 × 3 = 6, values 4 × 5 = 20: 2 × 6 + 2 × 20
    'linear_attn.in_proj_qkvz.weight [52,8]',
    'linear_attn.in_proj_ba.weight [8,8]',
    // 2 × 6 + 20
    'linear_attn.conv1d.weight [32,4]',
    'linear_attn.dt_bias [4]',
    'linear_attn.A_log [4]',
    'linear_attn.norm.weight [5]',
    'linear_attn.out_proj.weight [8,20]',
  ]);
});

test('Mamba-2 has one wide projection, a convolution with a bias and one number a head', () => {
  expect(blockLines(MAMBA2)).toEqual([
    // width 4 × 3 = 12, convolution 12 + 2 × 2 × 5 = 32: 12 + 32 + 4 heads
    'mamba.in_proj.weight [48,8]',
    'mamba.conv1d.weight [32,4]',
    'mamba.conv1d.bias [32]',
    'mamba.dt_bias [4]',
    'mamba.A_log [4]',
    'mamba.D [4]',
    'mamba.norm.weight [12]',
    'mamba.out_proj.weight [8,12]',
  ]);
});

describe('a mixture of experts', () => {
  test('has a router and four equal experts', () => {
    expect(blockLines(MOE)).toEqual([
      'mlp.gate.weight [4,8]',
      'mlp.experts.gate_proj.weight [4,8] × 4',
      'mlp.experts.up_proj.weight [4,8] × 4',
      'mlp.experts.down_proj.weight [8,4] × 4',
    ]);
  });

  test('may have a bias on the router and on every matrix of an expert', () => {
    expect(blockLines({ ...MOE, bias: true }).filter((line) => line.includes('bias'))).toEqual([
      'mlp.gate.bias [4]',
      'mlp.experts.gate_proj.bias [4] × 4',
      'mlp.experts.up_proj.bias [4] × 4',
      'mlp.experts.down_proj.bias [8] × 4',
    ]);
  });

  test('may have an expert that every token visits, with a gate', () => {
    expect(blockLines({ ...MOE, shared: { intermediateSize: 6, gate: true } }).slice(4)).toEqual([
      'mlp.shared_expert.gate_proj.weight [6,8]',
      'mlp.shared_expert.up_proj.weight [6,8]',
      'mlp.shared_expert.down_proj.weight [8,6]',
      'mlp.shared_expert_gate.weight [1,8]',
    ]);
  });

  test('stores the correction of its router as a buffer', () => {
    const tensors = tensorsOf(toy({ moe: { ...MOE, routerCorrection: true } }, [['moe']]));
    expect(tensors.filter(({ buffer }) => buffer)).toMatchObject([
      { name: 'mlp.gate.e_score_correction_bias', shape: [4], role: 'router' },
    ]);
  });
});

describe('a module for further tokens', () => {
  const blocks = { attention: ATTENTION, dense: DENSE };
  const withMtp = (mtp: Architecture['mtp']): Architecture => ({
    ...TWO_LAYERS,
    blocks,
    ...(mtp ? { mtp } : {}),
  });

  test('is a layer after the last, a projection of two states and three norms', () => {
    const lines = linesOf(withMtp({ modules: 1, layer: ['attention', 'dense'] }), 2);
    expect(lines.slice(9)).toEqual([
      'nextn.eh_proj.weight [8,16]',
      'nextn.enorm.weight [8]',
      'nextn.hnorm.weight [8]',
      'nextn.shared_head_norm.weight [8]',
    ]);
  });

  test('may bring its own table and head', () => {
    const lines = linesOf(withMtp({ modules: 1, layer: ['dense'], ownEmbedding: true }), 2);
    expect(lines.slice(-2)).toEqual([
      'nextn.embed_tokens.weight [10,8]',
      'nextn.shared_head_head.weight [10,8]',
    ]);
  });

  test('counts in the role mtp, its attention too', () => {
    const tensors = tensorsOf(withMtp({ modules: 2, layer: ['attention', 'dense'] }));
    expect(
      new Set(tensors.filter(({ module }) => module === 'mtp').map(({ role, layer }) => `${role} ${layer}`)),
    ).toEqual(new Set(['mtp 2', 'mtp 3']));
  });
});

test('a vision tower has a patch embedding, positions, biased layers and a projector', () => {
  const vision = {
    layers: 3,
    hiddenSize: 6,
    intermediateSize: 12,
    heads: 2,
    imageSize: 8,
    patchSize: 4,
    projector: [[6, 8]] as [number, number][],
  };
  const tower = tensorsOf({ ...TWO_LAYERS, vision }).filter(({ module }) => module === 'vision');
  expect(
    tower.map(({ name, shape, count }) => `${name.slice('vision.'.length)} [${shape}] × ${count}`),
  ).toEqual([
    // 3 colours × 4 × 4
    'patch_embedding.weight [6,48] × 1',
    // (8 / 4)² patches
    'position_embedding.weight [4,6] × 1',
    'post_norm.weight [6] × 1',
    'post_norm.bias [6] × 1',
    'layers.q_proj.weight [6,6] × 3',
    'layers.q_proj.bias [6] × 3',
    'layers.k_proj.weight [6,6] × 3',
    'layers.k_proj.bias [6] × 3',
    'layers.v_proj.weight [6,6] × 3',
    'layers.v_proj.bias [6] × 3',
    'layers.o_proj.weight [6,6] × 3',
    'layers.o_proj.bias [6] × 3',
    'layers.fc1.weight [12,6] × 3',
    'layers.fc1.bias [12] × 3',
    'layers.fc2.weight [6,12] × 3',
    'layers.fc2.bias [6] × 3',
    'layers.norm1.weight [6] × 3',
    'layers.norm1.bias [6] × 3',
    'layers.norm2.weight [6] × 3',
    'layers.norm2.bias [6] × 3',
    'projector.0.weight [8,6] × 1',
  ]);
});

test.each([
  // A class token is a fifth position and a vector.
  ['classToken', ['position_embedding.weight [5,6]', 'class_embedding [6]']],
  ['preNorm', ['pre_norm.weight [6]', 'pre_norm.bias [6]']],
  ['patchBias', ['patch_embedding.bias [6]']],
  ['projectorNorm', ['projector.norm.weight [6]']],
])('a vision tower with %s has more', (field, lines) => {
  const plain = {
    layers: 1,
    hiddenSize: 6,
    intermediateSize: 12,
    heads: 2,
    imageSize: 8,
    patchSize: 4,
    projector: [[6, 8]] as [number, number][],
  };
  const towerOf = (vision: Architecture['vision'] & {}) =>
    tensorsOf({ ...TWO_LAYERS, vision }).map(
      ({ name, shape }) => `${name.replace('vision.', '')} [${shape}]`,
    );
  const without = towerOf(plain);
  expect(towerOf({ ...plain, [field]: true }).filter((line) => !without.includes(line))).toEqual(lines);
});

describe('layers', () => {
  const blocks = { attention: ATTENTION, latent: LATENT, dense: DENSE, moe: MOE };
  const kindsOf = (architecture: Architecture): string[] =>
    stackOf(architecture).map((steps) =>
      steps.map((step) => step.map(({ kind }) => kind).join('|')).join(' '),
    );

  test('repeat a pattern, then the next', () => {
    const layers = [
      { pattern: [['attention', 'dense']] },
      {
        repeat: 2,
        pattern: [
          ['latent', 'moe'],
          ['attention', 'moe'],
        ],
      },
    ];
    expect(kindsOf({ ...TWO_LAYERS, blocks, layers })).toEqual([
      'full dense',
      'latent moe',
      'full moe',
      'latent moe',
      'full moe',
    ]);
  });

  test('may differ at single numbers', () => {
    const layers = [{ repeat: 4, pattern: [['attention', 'dense']] }];
    const exceptions = [{ layers: [0, 3], use: ['latent', 'dense'] }];
    expect(kindsOf({ ...TWO_LAYERS, blocks, layers, exceptions })).toEqual([
      'latent dense',
      'full dense',
      'full dense',
      'latent dense',
    ]);
  });

  test('may hold blocks side by side, under one norm', () => {
    const parallel = toy(blocks, [[['attention', 'latent'], 'dense']]);
    expect(kindsOf(parallel)).toEqual(['full|latent dense']);
    expect(linesOf(parallel, 0).filter((line) => line.includes('mixer_norm'))).toEqual([
      'mixer_norm.weight [8]',
    ]);
  });

  test('may hold two mixers in sequence, each under a norm of its own name', () => {
    const names = linesOf(toy(blocks, [['attention', 'latent', 'dense']]), 0).filter((line) =>
      line.includes('mixer_norm'),
    );
    expect(names).toEqual(['mixer_norm.weight [8]', 'mixer_norm.1.weight [8]']);
  });

  test('cannot name a block that is not there', () => {
    expect(() => stackOf(toy(blocks, [['attention', 'densee']]))).toThrow(
      refusal('bad-file', { problem: expect.stringContaining('"densee"') }),
    );
  });

  test('cannot make an exception behind the last', () => {
    const beyond = { ...TWO_LAYERS, exceptions: [{ layers: [2], use: ['attention', 'dense'] }] };
    expect(() => stackOf(beyond)).toThrow(refusal('bad-file', { problem: 'exception for layer 2 of 2' }));
  });
});
