import { describe, expect, test } from 'vitest';
import { mostSequences, settingsOf } from '../../../../src/core/engines/llama-cpp/settings.js';
import type { ResolvedRequest } from '../../../../src/core/request.js';
import { refusal } from '../../../refusal.js';
import { LATENT, preparedToy, resolved, toy, wideToy } from '../../toys.js';

const plain = preparedToy(wideToy(2));
const latent = preparedToy(toy({ latent: LATENT }, [['latent']]), { family: 'deepseek2', quant: 'F32' });
const settings = (request: Partial<ResolvedRequest>, prepared = plain) =>
  settingsOf(resolved(request), prepared);

describe('the context', () => {
  test.each([
    ['is taken as it is in steps of 256', { contextTokens: 8192 }, 8192, 8192],
    ['of 488k is exact', { contextTokens: 499_712 }, 499_712, 499_712],
    ['is rounded up to 256', { contextTokens: 1000 }, 1024, 1024],
    ['of one token is 256', { contextTokens: 1 }, 256, 256],
    ['is each sequence’s own', { contextTokens: 8192, sequences: 4 }, 8192, 32_768],
    // 3 × 1000 = 3000 → 3072; a third is 1024.
    ['of a sequence is rounded after the whole is shared', { contextTokens: 1000, sequences: 3 }, 1024, 3072],
    // 20,001 → 20,224; a quarter is 5,056 → 5,120; four of them.
    ['may grow when it is shared', { sequences: 4, options: { 'ctx-size': 20_001 } }, 5120, 20_480],
    [
      'is one for all where unified',
      { sequences: 4, options: { 'ctx-size': 20_001, 'kv-unified': true } },
      20_224,
      20_224,
    ],
    [
      'of unified sequences is their sum',
      { contextTokens: 1000, sequences: 4, options: { 'kv-unified': true } },
      4096,
      4096,
    ],
    ['is ctx-size where that is given', { contextTokens: 8192, options: { 'ctx-size': 1024 } }, 1024, 1024],
  ])('%s', (_, request, perSequence, total) => {
    expect(settings(request)).toMatchObject({ contextPerSequence: perSequence, contextTotal: total });
  });
});

describe('sequences', () => {
  test('have a cache of their own', () => {
    expect(settings({ sequences: 4 })).toMatchObject({ sequences: 4, streams: 4, unified: false });
  });

  test('share one where it is unified', () => {
    expect(settings({ sequences: 4, options: { 'kv-unified': true } })).toMatchObject({
      sequences: 4,
      streams: 1,
      unified: true,
    });
  });

  test('are four in one cache where the server chooses', () => {
    expect(settings({ options: { parallel: 'auto' } })).toMatchObject({
      sequences: 4,
      streams: 1,
      unified: true,
      contextTotal: 8192,
    });
  });
});

describe('the graph', () => {
  test.each([
    ['holds one ubatch', {}, 512],
    ['holds no more than a batch', { 'ubatch-size': 4096 }, 2048],
    ['holds what batch and ubatch allow', { 'ubatch-size': 4096, 'batch-size': 4096 }, 4096],
    ['holds no more than the context', { 'ctx-size': 256 }, 256],
  ])('%s', (_, options, ubatchTokens) => {
    expect(settings({ options })).toMatchObject({ ubatchTokens });
  });

  test('is rounded up to the sequences, the ubatch is not', () => {
    expect(settings({ sequences: 3 })).toMatchObject({ ubatch: 512, ubatchTokens: 513 });
  });

  test.each([
    ['one for each sequence of a server', { sequences: 4 }, 4],
    ['a whole ubatch of cli', { options: { program: 'cli' } }, 512],
    ['no more of cli than its batch', { options: { program: 'cli', 'batch-size': 64 } }, 64],
    ['no more than the ubatch holds', { sequences: 4, options: { 'ubatch-size': 2 } }, 2],
  ])('puts out rows of logits: %s', (_, request, outputRows) => {
    expect(settings(request)).toMatchObject({ outputRows });
  });
});

test.each([
  ['auto', true],
  ['on', true],
  ['off', false],
])('flash attention %s is %s', (asked, on) => {
  expect(settings({ options: { 'flash-attn': asked } }).flashAttention).toBe(on);
});

test.each([
  ['as the engine counts', {}, 256],
  ['as the batch has rows', { 'batch-size': '32' }, 32],
])('as many sequences at most %s', (_, options, most) => {
  expect(mostSequences(options)).toBe(most);
});

describe('the engine refuses', () => {
  test.each([
    ['more sequences than it counts', { sequences: 257 }, 'n_seq_max must be <= 256'],
    [
      'more sequences than the batch has rows',
      { sequences: 5, options: { 'batch-size': 4 } },
      'GGML_ASSERT(n_outputs_max <= cparams.n_outputs_max) failed',
    ],
  ])('%s', (_, request, words) => {
    expect(() => settings(request)).toThrow(refusal('engine-refuses', { words }));
  });

  test('a quantised V cache without flash attention', () => {
    expect(() => settings({ kvTypeV: 'q8_0', options: { 'flash-attn': 'off' } })).toThrow(
      refusal('engine-refuses', { words: 'quantized V cache requires flash_attn to be enabled' }),
    );
  });

  test('two cache types for a latent', () => {
    expect(() => settings({ kvTypeK: 'q8_0', kvTypeV: 'f16' }, latent)).toThrow(
      refusal('engine-refuses', {
        words: 'model does not support different K (q8_0) and V (f16) cache types',
      }),
    );
  });

  // `src/llama-context.cpp:llama_init_from_model`: a row of one head must be whole blocks.
  test('a quantised cache of heads that are no whole number of blocks', () => {
    const blocks = { attention: { kind: 'full', heads: 2, kvHeads: 2, headDim: 80 } } as const;
    const phi = preparedToy(wideToy(0, { blocks, layers: [{ pattern: [['attention']] }] }));
    expect(() => settings({ kvTypeK: 'q8_0' }, phi)).toThrow(
      refusal('engine-refuses', {
        words: 'K cache type q8_0 with block size 32 does not divide n_embd_head_k=80',
      }),
    );
  });

  test.each([
    [
      'a quantised K cache without flash attention',
      { kvTypeK: 'q8_0', options: { 'flash-attn': 'off' } },
      plain,
    ],
    ['a quantised V cache with flash attention', { kvTypeV: 'q8_0' }, plain],
    [
      'a V cache of 32-bit floats without flash attention',
      { kvTypeV: 'f32', options: { 'flash-attn': 'off' } },
      plain,
    ],
    ['two cache types for heads', { kvTypeK: 'q8_0' }, plain],
    ['one cache type for a latent', { kvTypeK: 'bf16', kvTypeV: 'bf16' }, latent],
  ])('not %s', (_, request, prepared) => {
    expect(() => settings(request, prepared)).not.toThrow();
  });
});
