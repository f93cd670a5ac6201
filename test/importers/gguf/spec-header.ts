import { FAMILIES } from '../../../src/core/engines/llama-cpp/families.js';
import { ggufTensors, keepsMtp } from '../../../src/core/engines/llama-cpp/tensors.js';
import { stackOf } from '../../../src/core/tensors/stack.js';
import type { Architecture, Block, Model } from '../../../src/schema/model.js';
import type { Written, WrittenGguf } from './gguf-writer.js';

type Keys = Record<string, Written | undefined>;

/** Metadata and tensors that llama.cpp's converter would write for a spec. */
export function ggufOfSpec({ name, context, architecture }: Model, engineName: string): WrittenGguf {
  const family = FAMILIES[engineName]!;
  const tensors = ggufTensors(architecture, family).map(({ name: tensor, ne }) => ({ name: tensor, ne }));
  const keys: Keys = {
    ...outline(architecture, engineName, context.native),
    ...headKeys(architecture),
    ...ropeKeys(architecture),
  };
  for (const block of Object.values(architecture.blocks))
    Object.assign(keys, KEYS[block.kind as keyof typeof KEYS](block as never));
  const written = Object.entries(keys).flatMap(([key, value]) =>
    value === undefined ? [] : [[`${engineName}.${key}`, value] as const],
  );
  return {
    metadata: { 'general.architecture': engineName, 'general.name': name, ...Object.fromEntries(written) },
    tensors,
  };
}

function outline(architecture: Architecture, engineName: string, context: number): Keys {
  const kept = keepsMtp(architecture, FAMILIES[engineName]!) ? (architecture.mtp?.modules ?? 0) : 0;
  return {
    block_count: stackOf(architecture).length + kept,
    nextn_predict_layers: kept || undefined,
    context_length: context,
    embedding_length: architecture.hiddenSize,
    'attention.layer_norm_rms_epsilon': { type: 6, value: architecture.norm.epsilon },
    'rope.scaling.finetuned': engineName === 'granitehybrid' ? false : undefined,
  };
}

/** Heads layer by layer where layers differ, 0 for those without. */
function headKeys(architecture: Architecture): Keys {
  const blocks = stackOf(architecture).map((steps) => steps.flat()[0]!);
  const each = (key: 'heads' | 'kvHeads'): Written | undefined => {
    const counts = blocks.map((block) => (block.kind === 'mamba2' ? 0 : countIn(block, key)));
    const some = counts.filter((count) => count !== undefined);
    return new Set(some).size === 1
      ? some[0]
      : some.length === blocks.length
        ? (some as number[])
        : undefined;
  };
  const heads = blocks.map((block) => countIn(block, 'heads')).find((count) => count !== undefined);
  return {
    'attention.head_count': blocks.some(({ kind }) => kind === 'mamba2') ? heads : each('heads'),
    'attention.head_count_kv': each('kvHeads'),
  };
}

const countIn = (block: Block, key: string): number | undefined =>
  block.kind === 'mamba2' ? undefined : (block as unknown as Record<string, number | undefined>)[key];

function ropeKeys({ rope, blocks }: Architecture): Keys {
  const attention = Object.values(blocks).find((block) => 'headDim' in block && 'kvHeads' in block);
  const headDim = attention && 'headDim' in attention ? attention.headDim : undefined;
  const { kind, factor, originalTokens } = rope?.scaling ?? {};
  return {
    'rope.freq_base': { type: 6, value: rope?.theta ?? 10000 },
    'rope.dimension_count': rope?.dim ?? headDim,
    ...(kind && kind !== 'llama3'
      ? {
          'rope.scaling.type': kind,
          'rope.scaling.factor': { type: 6, value: factor! },
          'rope.scaling.original_context_length': originalTokens,
        }
      : {}),
  };
}

type Of<K extends Block['kind']> = Extract<Block, { kind: K }>;

const attention = ({ headDim }: Of<'full'> | Of<'sliding'> | Of<'chunked'>): Keys => ({
  'attention.key_length': headDim,
  'attention.value_length': headDim,
});

const KEYS = {
  full: attention,
  chunked: attention,
  sliding: (block: Of<'sliding'>): Keys => ({
    ...attention(block),
    'attention.sliding_window': block.window,
  }),
  latent: (block: Of<'latent'>): Keys => ({
    'attention.q_lora_rank': block.queryRank,
    'attention.kv_lora_rank': block.kvRank,
    'attention.key_length_mla': block.nopeDim + block.ropeDim,
    'attention.value_length_mla': block.valueDim,
    'rope.dimension_count': block.ropeDim,
  }),
  gatedDeltaNet: (block: Of<'gatedDeltaNet'>): Keys => ({
    'ssm.time_step_rank': block.valueHeads,
    'ssm.group_count': block.keyHeads,
    'ssm.state_size': block.keyDim,
    'ssm.inner_size': block.valueHeads * block.valueDim,
    'ssm.conv_kernel': block.convKernel,
  }),
  mamba2: (block: Of<'mamba2'>): Keys => ({
    'ssm.time_step_rank': block.heads,
    'ssm.group_count': block.groups,
    'ssm.state_size': block.stateDim,
    'ssm.inner_size': block.heads * block.headDim,
    'ssm.conv_kernel': block.convKernel,
  }),
  dense: (): Keys => ({}),
  moe: (block: Of<'moe'>): Keys => ({
    expert_count: block.experts,
    expert_used_count: block.activeExperts,
    expert_feed_forward_length: block.intermediateSize,
    expert_group_count: block.groups?.count,
    expert_group_used_count: block.groups?.active,
  }),
} as const;
