import { InputError } from '../../../errors.js';
import type { Architecture, Block } from '../../../schema/model.js';
import { type Role, type Tensor, tensorsOf } from '../../tensors/index.js';
import { stackOf } from '../../tensors/stack.js';
import type { Family } from './families.js';

/** One tensor of the GGUF file. `ne` is in ggml's order: the row length first. */
export interface GgufTensor {
  readonly name: string;
  readonly role: Role;
  readonly layer?: number;
  readonly ne: readonly number[];
  /** Goes to the host with `cpu-moe`: `common.h:LLM_FFN_EXPS_REGEX`. */
  readonly routed: boolean;
  /** In the file, but skipped when the model is loaded. */
  readonly loaded: boolean;
  /** Copied to every device that holds layers. */
  readonly onEveryDevice?: true;
}

/** Neutral name, less `.weight` or `.bias`, to the engine's name. Two names: the tensor is split. */
const NAMES: Record<string, string> = {
  embed_tokens: 'token_embd',
  norm: 'output_norm',
  lm_head: 'output',
  mixer_norm: 'attn_norm',
  mixer_post_norm: 'post_attention_norm',
  ffn_norm: 'ffn_norm',
  ffn_post_norm: 'post_ffw_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm',
  'self_attn.sinks': 'attn_sinks',
  'self_attn.q_a_proj': 'attn_q_a',
  'self_attn.q_a_layernorm': 'attn_q_a_norm',
  'self_attn.q_b_proj': 'attn_q_b',
  'self_attn.kv_a_proj_with_mqa': 'attn_kv_a_mqa',
  'self_attn.kv_a_layernorm': 'attn_kv_a_norm',
  'linear_attn.in_proj_ba': 'ssm_ba',
  'linear_attn.conv1d': 'ssm_conv1d',
  'linear_attn.norm': 'ssm_norm',
  'linear_attn.out_proj': 'ssm_out',
  'mamba.in_proj': 'ssm_in',
  'mamba.conv1d': 'ssm_conv1d',
  'mamba.out_proj': 'ssm_out',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
  'mlp.gate': 'ffn_gate_inp',
  'mlp.experts.gate_proj': 'ffn_gate_exps',
  'mlp.experts.up_proj': 'ffn_up_exps',
  'mlp.experts.down_proj': 'ffn_down_exps',
  'mlp.shared_expert.gate_proj': 'ffn_gate_shexp',
  'mlp.shared_expert.up_proj': 'ffn_up_shexp',
  'mlp.shared_expert.down_proj': 'ffn_down_shexp',
  'nextn.eh_proj': 'nextn.eh_proj',
  'nextn.enorm': 'nextn.enorm',
  'nextn.hnorm': 'nextn.hnorm',
  'nextn.embed_tokens': 'nextn.embed_tokens',
  'nextn.shared_head_norm': 'nextn.shared_head_norm',
  'nextn.shared_head_head': 'nextn.shared_head_head',
};

type Piece = Pick<GgufTensor, 'name' | 'ne'>;

/** Tensors whose shape or name the converter changes, by their neutral name. */
const RESHAPED: Record<string, (tensor: Tensor, architecture: Architecture) => Piece[]> = {
  'self_attn.sinks': ({ shape }) => [{ name: 'attn_sinks.weight', ne: shape }],
  'self_attn.kv_b_proj.weight': splitLatent,
  'linear_attn.in_proj_qkvz.weight': splitDeltaNet,
  'linear_attn.dt_bias': ({ shape }) => [{ name: 'ssm_dt.bias', ne: shape }],
  'linear_attn.A_log': ({ shape }) => [{ name: 'ssm_a', ne: shape }],
  'mamba.dt_bias': ({ shape }) => [{ name: 'ssm_dt.bias', ne: shape }],
  'mamba.A_log': ({ shape }) => [{ name: 'ssm_a', ne: [1, ...shape] }],
  'mamba.D': ({ shape }) => [{ name: 'ssm_d', ne: [1, ...shape] }],
  'mamba.norm.weight': groupedNorm,
  'mlp.gate.e_score_correction_bias': ({ shape }) => [{ name: 'exp_probs_b.bias', ne: shape }],
  'mlp.shared_expert_gate.weight': ({ shape }) => [{ name: 'ffn_gate_inp_shexp.weight', ne: [shape[1]!] }],
};

/**
 * The tensors of a model's GGUF file, as llama.cpp's own converter writes them: experts stacked, latent
 * projections split, padding rows dropped, buffers added. The vision tower is a file of its own and not here.
 *
 * @throws InputError `not-understood` for a tensor that no rule names
 * @example ggufTensors(maverick.architecture, FAMILIES.llama4).length // 531
 */
export function ggufTensors(architecture: Architecture, family: Family): GgufTensor[] {
  const kept = tensorsOf(architecture).filter(({ module }) => module === 'text' || (module === 'mtp' && family.keepsMtp));
  const tensors = kept.flatMap((tensor) => converted(tensor, architecture, family));
  return architecture.rope?.scaling?.kind === 'llama3' ? [...tensors, ropeFactors(architecture)] : tensors;
}

function converted(tensor: Tensor, architecture: Architecture, family: Family): GgufTensor[] {
  const prefix = tensor.layer === undefined ? '' : `blk.${tensor.layer}.`;
  return piecesOf(tensor, architecture, family).map(({ name, ne }) => ({
    name: prefix + name,
    role: tensor.role,
    ...(tensor.layer === undefined ? {} : { layer: tensor.layer }),
    ne,
    routed: tensor.role === 'routedExperts',
    loaded: tensor.module === 'text',
  }));
}

function piecesOf(tensor: Tensor, architecture: Architecture, family: Family): Piece[] {
  const reshaped = RESHAPED[tensor.name];
  if (reshaped) return reshaped(tensor, architecture);
  const dot = tensor.name.lastIndexOf('.');
  const base = tensor.name.slice(0, dot);
  const name = base === 'ffn_norm' ? (family.ffnNorm ?? 'ffn_norm') : NAMES[base];
  if (!name) throw new InputError('not-understood', { field: `tensor ${tensor.name}`, engine: 'llama.cpp' });
  return [{ name: name + tensor.name.slice(dot), ne: ggmlShape(tensor, architecture) }];
}

/** Fastest dimension first; experts become the last one; rows that no token uses are dropped. */
function ggmlShape(tensor: Tensor, { paddingRows = 0 }: Architecture): number[] {
  const ne = tensor.shape.toReversed();
  if (tensor.name === 'embed_tokens.weight' || tensor.name === 'lm_head.weight') ne[1]! -= paddingRows;
  if (tensor.count !== undefined) ne.push(tensor.count);
  return ne;
}

function blockOfKind<K extends Block['kind']>(kind: K, { layer }: Tensor, architecture: Architecture): Extract<Block, { kind: K }> {
  const found = stackOf(architecture)[layer ?? -1]?.flat().find((block) => block.kind === kind);
  if (!found) throw new InputError('not-understood', { field: `layer ${layer} without ${kind}`, engine: 'llama.cpp' });
  return found as Extract<Block, { kind: K }>;
}

/** `conversion/deepseek.py`: `kv_b` becomes a transposed key part and a value part, one matrix a head. */
function splitLatent(tensor: Tensor, architecture: Architecture): Piece[] {
  const { heads, kvRank, nopeDim, valueDim } = blockOfKind('latent', tensor, architecture);
  return [
    { name: 'attn_k_b.weight', ne: [nopeDim, kvRank, heads] },
    { name: 'attn_v_b.weight', ne: [kvRank, valueDim, heads] },
  ];
}

/** `conversion/qwen.py`: queries, keys and values apart from the output gate. */
function splitDeltaNet(tensor: Tensor, architecture: Architecture): Piece[] {
  const { keyHeads, keyDim, valueHeads, valueDim } = blockOfKind('gatedDeltaNet', tensor, architecture);
  const gate = valueHeads * valueDim;
  return [
    { name: 'attn_qkv.weight', ne: [architecture.hiddenSize, 2 * keyHeads * keyDim + gate] },
    { name: 'attn_gate.weight', ne: [architecture.hiddenSize, gate] },
  ];
}

/** `conversion/mamba.py`: the inner norm as one row a group. */
function groupedNorm(tensor: Tensor, architecture: Architecture): Piece[] {
  const { groups } = blockOfKind('mamba2', tensor, architecture);
  return [{ name: 'ssm_norm.weight', ne: [tensor.shape[0]! / groups, groups] }];
}

/** Frequency factors of Llama 3's rope scaling: half a head, `conversion/llama.py:generate_extra_tensors`. */
function ropeFactors(architecture: Architecture): GgufTensor {
  const attention = stackOf(architecture).flat(2).find((block) => 'headDim' in block && 'kvHeads' in block);
  const headDim = attention && 'headDim' in attention ? attention.headDim : 0;
  return {
    name: 'rope_freqs.weight',
    role: 'attention',
    ne: [(architecture.rope?.dim ?? headDim) / 2],
    routed: false,
    loaded: true,
    onEveryDevice: true,
  };
}
