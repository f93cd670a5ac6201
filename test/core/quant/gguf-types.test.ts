import { describe, expect, test } from 'vitest';
import { type GgufShape, ggufTypes, type MixContext } from '../../../src/core/quant/gguf-types.js';
import type { GgufMix } from '../../../src/schema/quant.js';
import { refusal } from '../../refusal.js';
import { quantNamed } from '../toys.js';

const CONTEXT: MixContext = { layersAll: 32, experts: 0, gqaOfFirstLayer: 1, is70b: false, imatrix: false };

/** One tensor of that name in each of the layers. */
const inLayers = (
  part: string,
  layers: readonly number[],
  ne: readonly number[] = [4096, 4096],
): GgufShape[] => layers.map((layer) => ({ name: `blk.${layer}.${part}.weight`, layer, ne }));

const first = (count: number): number[] => Array.from({ length: count }, (_, layer) => layer);

const HEAD: GgufShape = { name: 'output.weight', ne: [4096, 1000] };

const mix = (more: Partial<GgufMix>): GgufMix => ({
  ...(quantNamed('Q4_0') as GgufMix),
  base: 'Q4_K',
  output: 'Q6_K',
  ffnDown: undefined,
  ...more,
});

/** Layers in which a rule with this condition holds. */
const layersWhere = (
  condition: NonNullable<NonNullable<GgufMix['attnV']>[number]['when']>[number],
  context: Partial<MixContext> = {},
): number[] => {
  const quant = mix({ ffnDown: [{ type: 'Q6_K', when: [condition] }] });
  const types = ggufTypes([HEAD, ...inLayers('ffn_down', first(32))], quant, { ...CONTEXT, ...context });
  return types.slice(1).flatMap((type, layer) => (type === 'Q6_K' ? [layer] : []));
};

describe('conditions by layer, of 32', () => {
  test.each([
    // 32 / 8 = 4, 7 × 32 / 8 = 28; between them every third from 4 + 2.
    ['moreBits', [0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31]],
    ['firstEighth', [0, 1, 2, 3]],
    ['firstSixteenth', [0, 1]],
    ['firstTwo', [0, 1]],
    ['firstFour', [0, 1, 2, 3]],
    ['middleThreeQuarters', first(28).slice(4)],
    ['firstEighthOfSeen', [0, 1, 2, 3]],
  ] as const)('%s', (condition, layers) => {
    expect(layersWhere(condition)).toEqual(layers);
  });

  test('divide without a rest', () => {
    // 27 / 8 = 3, 7 × 27 / 8 = 23.6 → 23: the first 3, every third from 3 + 2, and the last from 23.
    const quant = mix({ ffnDown: [{ type: 'Q6_K', when: ['moreBits'] }] });
    const types = ggufTypes([HEAD, ...inLayers('ffn_down', first(27))], quant, {
      ...CONTEXT,
      layersAll: 27,
    }).slice(1);
    const layers = types.flatMap((type, layer) => (type === 'Q6_K' ? [layer] : []));
    expect(layers).toEqual([0, 1, 2, 5, 8, 11, 14, 17, 20, 23, 24, 25, 26]);
  });
});

test('the middle three quarters of 27 layers are 3 to 22', () => {
  const quant = mix({ ffnGateUp: [{ type: 'Q6_K', when: ['middleThreeQuarters'] }] });
  for (const part of ['ffn_gate', 'ffn_up']) {
    const types = ggufTypes([HEAD, ...inLayers(part, first(27))], quant, { ...CONTEXT, layersAll: 27 }).slice(
      1,
    );
    expect(types.flatMap((type, layer) => (type === 'Q6_K' ? [layer] : []))).toEqual(first(23).slice(3));
  }
});

describe('conditions by model', () => {
  const ALL = first(32);

  test.each([
    ['gqaAtLeast4', { gqaOfFirstLayer: 3 }, []],
    ['gqaAtLeast4', { gqaOfFirstLayer: 4 }, ALL],
    ['gqaOrExpertsAtLeast4', { gqaOfFirstLayer: 3, experts: 3 }, []],
    ['gqaOrExpertsAtLeast4', { gqaOfFirstLayer: 1, experts: 4 }, ALL],
    ['gqaOrExpertsAtLeast4', { gqaOfFirstLayer: 4, experts: 0 }, ALL],
    ['eightExperts', { experts: 8 }, ALL],
    ['eightExperts', { experts: 16 }, []],
    ['imatrix', { imatrix: true }, ALL],
    ['imatrix', { imatrix: false }, []],
    ['noImatrix', { imatrix: false }, ALL],
    ['noImatrix', { imatrix: true }, []],
  ] as const)('%s with %j', (condition, context, layers) => {
    expect(layersWhere(condition, context)).toEqual(layers);
  });
});

describe('what is counted', () => {
  const sixBits = (types: readonly string[]): number[] =>
    types.flatMap((type, index) => (type === 'Q6_K' ? [index] : []));
  const quant = mix({
    attnV: [{ type: 'Q6_K', when: ['moreBits'] }],
    ffnDown: [{ type: 'Q6_K', when: ['moreBits'] }],
  });

  test('of values is their own number', () => {
    // 8 values in 32 layers: 8 / 8 = 1, 7: the first, every third from 1 + 2, the last.
    const values = inLayers('attn_v', [3, 7, 11, 15, 19, 23, 27, 31]);
    expect(sixBits(ggufTypes([...values, HEAD], quant, CONTEXT).slice(0, 8))).toEqual([0, 3, 6, 7]);
  });

  test('of feed-forwards in a dense model is how many came before', () => {
    // Four of 32: all are among the first eighth.
    expect(
      sixBits(ggufTypes([...inLayers('ffn_down', [4, 5, 7, 8]), HEAD], quant, CONTEXT).slice(0, 4)),
    ).toEqual([0, 1, 2, 3]);
  });

  test('of feed-forwards in a mixture is the layer', () => {
    // Of 4, 5, 7 and 9 the layers 9 (4 + 5) and none else is a third one.
    const experts = inLayers('ffn_down_exps', [4, 5, 7, 9], [4096, 4096, 16]);
    expect(sixBits(ggufTypes([...experts, HEAD], quant, { ...CONTEXT, experts: 16 }).slice(0, 4))).toEqual([
      3,
    ]);
  });

  test.each([
    // Two of 32 layers are the first sixteenth: of layers 1 and 2 the first one, of a count both.
    [0, [0, 1]],
    [1, [0, 1]],
    [2, [0]],
  ])('of feed-forwards is the layer from two experts on, not with %i', (experts, indices) => {
    const downs = inLayers('ffn_down', [1, 2]);
    const sixteenth = mix({ ffnDown: [{ type: 'Q6_K', when: ['firstSixteenth'] }] });
    const types = ggufTypes([...downs, HEAD], sixteenth, { ...CONTEXT, experts });
    expect(sixBits(types.slice(0, 2))).toEqual(indices);
  });

  test('goes in the order of the file, whatever the order of the list', () => {
    const values = inLayers('attn_v', [3, 7, 11, 15, 19, 23, 27, 31]).reverse();
    expect(sixBits(ggufTypes([...values, HEAD], quant, CONTEXT).slice(0, 8))).toEqual([0, 1, 4, 7]);
  });

  test('counts fused and latent values as values', () => {
    const names = ['attn_qkv', 'attn_kv_b', 'attn_v'];
    const types = ggufTypes(
      [...names.flatMap((name, layer) => inLayers(name, [layer])), HEAD],
      mix({ attnV: [{ type: 'Q6_K' }] }),
      CONTEXT,
    );
    expect(types).toEqual(['Q6_K', 'Q6_K', 'Q6_K', 'Q6_K']);
  });
});

describe('tensors that no mix quantises', () => {
  test.each([
    ['a vector', { name: 'blk.0.attn_q.weight', layer: 0, ne: [4096] }],
    ['a norm of two dimensions', { name: 'blk.0.ssm_norm.weight', layer: 0, ne: [4096, 8] }],
    ['a bias', { name: 'blk.0.ffn_down_exps.bias', layer: 0, ne: [4096, 8] }],
    ['a router', { name: 'blk.0.ffn_gate_inp.weight', layer: 0, ne: [4096, 8] }],
    ['a small convolution', { name: 'blk.0.ssm_conv1d.weight', layer: 0, ne: [4, 4096] }],
    ['a name that does not end in weight', { name: 'blk.0.ssm_a', layer: 0, ne: [1, 4096] }],
  ])('%s stays in floats', (_, tensor) => {
    expect(
      ['Q4_K_M', 'MXFP4_MOE', 'F16'].map((name) => ggufTypes([tensor], quantNamed(name), CONTEXT)[0]),
    ).toEqual(['F32', 'F32', 'F32']);
  });
});

describe('table and head', () => {
  const TABLE: GgufShape = { name: 'token_embd.weight', ne: [4096, 1000] };

  test('have types of their own', () => {
    expect(ggufTypes([TABLE, HEAD], mix({ tokenEmbedding: 'IQ3_S' }), CONTEXT)).toEqual(['IQ3_S', 'Q6_K']);
  });

  test('keep the base where the mix says nothing of the table', () => {
    expect(ggufTypes([TABLE, HEAD], mix({}), CONTEXT)).toEqual(['Q4_K', 'Q6_K']);
  });

  test('are one in a tied model: the table gets the type of the head', () => {
    expect(ggufTypes([TABLE], mix({ tokenEmbedding: 'IQ3_S' }), CONTEXT)).toEqual(['Q6_K']);
  });

  test('get 8 bits where the base has no whole blocks', () => {
    // 2,880 = 11.25 × 256 = 90 × 32
    expect(ggufTypes([{ name: 'output.weight', ne: [2880, 1000] }], mix({}), CONTEXT)).toEqual(['Q8_0']);
  });
});

describe('exactly eight experts', () => {
  const EIGHT = { ...CONTEXT, experts: 8, gqaOfFirstLayer: 4 };
  const typesOf = (name: string, context = EIGHT) =>
    ggufTypes(
      [...['attn_q', 'attn_k', 'attn_v', 'attn_output'].flatMap((part) => inLayers(part, [16])), HEAD],
      quantNamed(name),
      context,
    ).slice(0, 4);

  test.each([
    ['Q4_K_M', ['Q4_K', 'Q8_0', 'Q8_0', 'Q5_K']],
    ['Q4_0', ['Q4_0', 'Q8_0', 'Q8_0', 'Q4_0']],
    ['Q6_K', ['Q6_K', 'Q8_0', 'Q8_0', 'Q6_K']],
    ['Q5_K_M', ['Q5_K', 'Q8_0', 'Q8_0', 'Q5_K']],
    ['Q2_K', ['Q2_K', 'Q8_0', 'Q8_0', 'Q5_K']],
    ['IQ4_XS', ['IQ4_XS', 'Q8_0', 'Q8_0', 'Q5_K']],
    ['IQ3_S', ['IQ3_S', 'Q8_0', 'Q8_0', 'Q5_K']],
    ['Q8_0', ['Q8_0', 'Q8_0', 'Q8_0', 'Q8_0']],
    // Below 3 bits values follow their rule and keys get 4 bits.
    ['IQ2_M', ['IQ2_S', 'Q4_K', 'Q4_K', 'Q5_K']],
  ])('give queries, keys, values and output of %s %j', (name, types) => {
    expect(typesOf(name)).toEqual(types);
  });

  test.each([7, 9, 16])('are not %i', (experts) => {
    expect(typesOf('Q4_0', { ...EIGHT, experts })).toEqual(['Q4_0', 'Q4_0', 'Q4_0', 'Q4_0']);
  });
});

describe('the rule of 70B', () => {
  const valuesOf = (name: string, is70b: boolean) => {
    const types = ggufTypes([...inLayers('attn_v', first(80)), HEAD], quantNamed(name), {
      ...CONTEXT,
      layersAll: 80,
      is70b,
    }).slice(0, 80);
    return new Set(types);
  };

  test.each([
    // Values of 4 or 3 bits get 5; those with more keep theirs.
    ['Q4_K_M', ['Q4_K', 'Q6_K'], ['Q5_K', 'Q6_K']],
    ['Q4_K_S', ['Q4_K', 'Q5_K'], ['Q5_K']],
    ['Q3_K_S', ['Q3_K'], ['Q5_K']],
    ['Q3_K_M', ['Q4_K', 'Q5_K'], ['Q5_K']],
    ['Q2_K', ['Q3_K'], ['Q5_K']],
    ['Q5_K_M', ['Q5_K', 'Q6_K'], ['Q5_K', 'Q6_K']],
    ['Q4_0', ['Q4_0'], ['Q4_0']],
  ])('for %s: %j become %j', (name, otherwise, with70b) => {
    expect([valuesOf(name, false), valuesOf(name, true)]).toEqual([new Set(otherwise), new Set(with70b)]);
  });

  test('leaves other tensors alone', () => {
    expect(
      ggufTypes([...inLayers('attn_q', [40]), HEAD], quantNamed('Q4_K_M'), {
        ...CONTEXT,
        layersAll: 80,
        is70b: true,
      })[0],
    ).toBe('Q4_K');
  });
});

describe('a row that is no whole number of blocks', () => {
  const typeOf = (base: GgufMix['base'], row: number) =>
    ggufTypes([...inLayers('attn_q', [0], [row, 64]), HEAD], mix({ base }), CONTEXT)[0];

  test.each([
    // 1,408 = 5.5 × 256 = 44 × 32; 2,880 = 11.25 × 256 = 90 × 32.
    ['Q4_K', 1408, 'Q5_0'],
    ['Q5_K', 1408, 'Q5_1'],
    ['Q6_K', 1408, 'Q8_0'],
    ['Q2_K', 2880, 'Q4_0'],
    ['Q3_K', 2880, 'Q4_0'],
    ['IQ4_XS', 1408, 'IQ4_NL'],
    ['IQ3_S', 1408, 'IQ4_NL'],
    ['IQ3_XXS', 1408, 'IQ4_NL'],
    ['IQ2_XXS', 2880, 'IQ4_NL'],
    ['IQ2_XS', 2880, 'IQ4_NL'],
    ['IQ2_S', 2880, 'IQ4_NL'],
    ['IQ1_S', 2880, 'IQ4_NL'],
    ['IQ1_M', 2880, 'IQ4_NL'],
    ['TQ1_0', 2880, 'Q4_0'],
    ['TQ2_0', 2880, 'Q4_0'],
    // 96 = 1.5 × 64 = 3 × 32
    ['Q2_0', 96, 'Q4_0'],
    // Whole blocks of 32 stay.
    ['Q8_0', 1408, 'Q8_0'],
    ['MXFP4', 2880, 'MXFP4'],
    ['Q4_K', 1280, 'Q4_K'],
    // 80 is no multiple of 32 either.
    ['Q4_K', 80, 'F16'],
    ['Q8_0', 80, 'F16'],
  ] as const)('%s of %i becomes %s', (base, row, type) => {
    expect(typeOf(base, row)).toBe(type);
  });

  test('is refused where the engine has no other type', () => {
    expect(() => typeOf('Q1_0', 2880)).toThrow(
      refusal('engine-refuses', {
        words: 'no tensor type fallback is defined for type q1_0',
        tensor: 'blk.0.attn_q.weight',
      }),
    );
  });
});

describe('stacked tensors', () => {
  test('are what MXFP4_MOE quantises to 4 bits, the rest to 8', () => {
    const tensors = [
      ...inLayers('ffn_up_exps', [0], [4096, 4096, 16]),
      ...inLayers('attn_k_b', [0], [128, 512, 16]),
      ...inLayers('attn_q', [0]),
      HEAD,
    ];
    expect(ggufTypes(tensors, quantNamed('MXFP4_MOE'), { ...CONTEXT, experts: 16 })).toEqual([
      'MXFP4',
      'MXFP4',
      'Q8_0',
      'Q8_0',
    ]);
  });

  test('are what the release of gpt-oss quantises, the rest in 16 bits', () => {
    const tensors = [
      ...inLayers('ffn_up_exps', [0], [2880, 2880, 32]),
      ...inLayers('attn_q', [0], [2880, 4096]),
      { name: 'output.weight', ne: [2880, 1000] },
    ];
    expect(ggufTypes(tensors, quantNamed('MXFP4'), CONTEXT)).toEqual(['MXFP4', 'BF16', 'BF16']);
  });
});

test.each([
  ['F16', 'F16'],
  ['BF16', 'BF16'],
  ['F32', 'F32'],
] as const)('%s has every matrix in %s', (name, type) => {
  expect(
    new Set(
      ggufTypes(
        [...inLayers('ffn_down', first(8)), ...inLayers('ffn_up_exps', [0], [64, 64, 8]), HEAD],
        quantNamed(name),
        CONTEXT,
      ),
    ),
  ).toEqual(new Set([type]));
});

test.each([
  // Without a matrix the first eighth gets 5 bits; with it, Q4_0 gets its own exception.
  ['IQ4_XS', false, ['Q5_K', 'IQ4_XS']],
  ['IQ4_XS', true, ['IQ4_XS', 'IQ4_XS']],
  ['Q4_0', false, ['Q4_0', 'Q4_0']],
  ['Q4_0', true, ['Q4_1', 'Q4_0']],
  ['Q5_0', true, ['Q5_1', 'Q5_0']],
] as const)('an importance matrix changes %s (%s)', (name, imatrix, types) => {
  expect(
    ggufTypes([...inLayers('ffn_down', first(32)), HEAD], quantNamed(name), { ...CONTEXT, imatrix }).slice(
      3,
      5,
    ),
  ).toEqual(types);
});
