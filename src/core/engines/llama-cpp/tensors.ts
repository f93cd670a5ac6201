import { InputError } from '../../../errors.js';
import type { Architecture, Block } from '../../../schema/model.js';
import { layoutOf, type Part, type Role } from '../../tensors/index.js';
import { stackOf } from '../../tensors/stack.js';
import type { Family } from './families.js';

/** A tensor of the GGUF file, named inside its layer. `ne` is in ggml's order: the row length first. */
export interface GgufPiece {
  readonly name: string;
  readonly role: Role;
  readonly ne: readonly number[];
  /** Goes to the host with `cpu-moe`: `common.h:LLM_FFN_EXPS_REGEX`. */
  readonly routed: boolean;
  /** Where a tensor outside of the stack lies, if not with the output. */
  readonly place?: Exclude<Place, 'output'>;
}

/** Places of tensors outside of the stack; `everyDevice`: a copy beside all layers that use it. */
export type Place = 'host' | 'firstLayer' | 'everyDevice' | 'output';

/** The GGUF file layer by layer: equal layers share one array, in the order of their names. */
export interface GgufLayout {
  readonly outside: readonly GgufPiece[];
  readonly layers: readonly (readonly GgufPiece[])[];
  /** Layers for multi-token prediction: in the file, but skipped when the model is loaded. */
  readonly skipped: readonly (readonly GgufPiece[])[];
}

/** One tensor of the GGUF file under its full name. */
export interface GgufTensor extends GgufPiece {
  readonly layer?: number;
  readonly loaded: boolean;
}

/** Neutral name, less `.weight` or `.bias`, to the engine's name. Two names: the tensor is split. */
const NAMES: Record<string, string> = {
  embed_tokens: 'token_embd',
  embed_tokens_per_layer: 'per_layer_token_embd',
  per_layer_model_projection: 'per_layer_model_proj',
  per_layer_projection_norm: 'per_layer_proj_norm',
  norm: 'output_norm',
  lm_head: 'output',
  mixer_norm: 'attn_norm',
  mixer_post_norm: 'post_attention_norm',
  ffn_norm: 'ffn_norm',
  ffn_post_norm: 'post_ffw_norm',
  'ffn_norm.1': 'pre_ffw_norm_2',
  'ffn_post_norm.1': 'post_ffw_norm_1',
  'ffn_post_norm.2': 'post_ffw_norm_2',
  per_layer_input_gate: 'inp_gate',
  per_layer_projection: 'proj',
  post_per_layer_input_norm: 'post_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.qkv_proj': 'attn_qkv',
  'self_attn.o_proj': 'attn_output',
  'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm',
  'self_attn.sinks': 'attn_sinks',
  'self_attn.q_a_proj': 'attn_q_a',
  'self_attn.q_a_layernorm': 'attn_q_a_norm',
  'self_attn.q_a_norm': 'attn_q_a_norm',
  'self_attn.kv_proj': 'attn_kv',
  'self_attn.kv_norm': 'attn_kv_a_norm',
  'self_attn.o_a_proj': 'attn_output_a',
  'self_attn.o_b_proj': 'attn_output_b',
  'self_attn.compressor.kv_proj': 'attn_compressor_kv',
  'self_attn.compressor.gate_proj': 'attn_compressor_gate',
  'self_attn.compressor.kv_norm': 'attn_compressor_norm',
  'self_attn.indexer.compressor.kv_proj': 'indexer_compressor_kv',
  'self_attn.indexer.compressor.gate_proj': 'indexer_compressor_gate',
  'self_attn.indexer.compressor.kv_norm': 'indexer_compressor_norm',
  'self_attn.q_b_proj': 'attn_q_b',
  'self_attn.kv_a_proj_with_mqa': 'attn_kv_a_mqa',
  'self_attn.kv_a_layernorm': 'attn_kv_a_norm',
  'self_attn.indexer.q_proj': 'indexer.attn_q_b',
  'self_attn.indexer.k_proj': 'indexer.attn_k',
  'self_attn.indexer.k_norm': 'indexer.k_norm',
  'self_attn.indexer.weights_proj': 'indexer.proj',
  'mamba.in_proj': 'ssm_in',
  'mamba.conv1d': 'ssm_conv1d',
  'mamba.x_proj': 'ssm_x',
  'mamba.dt_proj': 'ssm_dt',
  'mamba.dt_layernorm': 'ssm_dt_norm',
  'mamba.b_layernorm': 'ssm_b_norm',
  'mamba.c_layernorm': 'ssm_c_norm',
  'mamba.out_proj': 'ssm_out',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
  'mlp.gate': 'ffn_gate_inp',
  'mlp.experts.gate_proj': 'ffn_gate_exps',
  'mlp.experts.up_proj': 'ffn_up_exps',
  'mlp.experts.gate_up_proj': 'ffn_gate_up_exps',
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

/** Names that depend on the block they are of. */
const BLOCK_NAMES: readonly {
  readonly of: (block: Block) => boolean;
  readonly names: Readonly<Record<string, string>>;
}[] = [
  {
    of: ({ kind }) => kind === 'gatedDeltaNet',
    names: { 'linear_attn.norm': 'ssm_norm', 'linear_attn.out_proj': 'ssm_out' },
  },
  {
    of: ({ kind }) => kind === 'kda',
    names: {
      'linear_attn.q_proj': 'attn_q',
      'linear_attn.k_proj': 'attn_k',
      'linear_attn.v_proj': 'attn_v',
      'linear_attn.f_a_proj': 'ssm_f_a',
      'linear_attn.f_b_proj': 'ssm_f_b',
      'linear_attn.b_proj': 'ssm_beta',
      'linear_attn.g_a_proj': 'ssm_g_a',
      'linear_attn.g_b_proj': 'ssm_g_b',
      'linear_attn.g_proj': 'ssm_g',
      'linear_attn.norm': 'ssm_norm',
      'linear_attn.o_proj': 'attn_output',
    },
  },
  {
    of: ({ kind }) => kind === 'lightning',
    names: {
      'linear_attn.qkv_proj': 'attn_qkv',
      'linear_attn.output_gate': 'attn_gate',
      'linear_attn.norm': 'attn_norm_2',
      'linear_attn.out_proj': 'attn_output',
    },
  },
  {
    of: (block) => block.kind === 'indexer' && block.form === 'norms',
    names: {
      'self_attn.indexer.q_proj': 'indexer.q_proj',
      'self_attn.indexer.k_proj': 'indexer.k_proj',
      'self_attn.indexer.q_norm': 'indexer.q_norm',
      'self_attn.indexer.k_norm': 'indexer.k_norm',
    },
  },
];

/** Tensors outside of the stack that do not lie with the output, by their neutral name. */
const PLACES: Record<string, GgufPiece['place']> = {
  'embed_tokens.weight': 'host',
  'embed_tokens_per_layer.weight': 'host',
  'per_layer_model_projection.weight': 'firstLayer',
  'per_layer_projection_norm.weight': 'firstLayer',
};

type Named = Pick<GgufPiece, 'name' | 'ne'>;

interface Surroundings {
  readonly architecture: Architecture;
  readonly family: Family;
  /** Blocks of the layer that the tensor is in. */
  readonly blocks: readonly Block[];
}

type Conversion = (part: Part, surroundings: Surroundings) => Named[];

/** A tensor that the converter calls a weight. */
function as(name: string): Conversion {
  return ({ shape }) => [{ name, ne: shape.toReversed() }];
}

/** Tensors whose shape or name the converter changes, by their neutral name. */
const RESHAPED: Record<string, Conversion> = {
  'self_attn.q_proj.weight': queriesAndGate,
  'self_attn.g_proj.weight': ({ shape }) => [{ name: 'attn_gate.weight', ne: [shape[1]!, shape[0]!] }],
  'self_attn.sinks': ({ shape }) => [{ name: 'attn_sinks.weight', ne: shape }],
  'self_attn.kv_b_proj.weight': splitLatent,
  'self_attn.compressor.position_bias': as('attn_compressor_ape.weight'),
  'self_attn.indexer.compressor.position_bias': as('indexer_compressor_ape.weight'),
  'mixer_hc.fn': as('hc_attn_fn.weight'),
  'mixer_hc.base': as('hc_attn_base.weight'),
  'mixer_hc.scale': as('hc_attn_scale.weight'),
  'ffn_hc.fn': as('hc_ffn_fn.weight'),
  'ffn_hc.base': as('hc_ffn_base.weight'),
  'ffn_hc.scale': as('hc_ffn_scale.weight'),
  // A norm and a projection to one number are one row of the file.
  'mixer_res.norm': () => [],
  'mixer_res.proj': as('attn_res_score.weight'),
  'ffn_res.norm': () => [],
  'ffn_res.proj': as('ffn_res_score.weight'),
  'output_res.norm': () => [],
  'output_res.proj': as('output_res_score.weight'),
  'hc_head.fn': as('output_hc_fn.weight'),
  'hc_head.base': as('output_hc_base.weight'),
  'hc_head.scale': as('output_hc_scale.weight'),
  'mlp.gate.tid2eid': tokenTable,
  'linear_attn.in_proj_qkvz.weight': splitDeltaNet,
  'linear_attn.in_proj_ba.weight': betaAlpha,
  'linear_attn.dt_bias': ({ shape }) => [{ name: 'ssm_dt.bias', ne: shape }],
  'linear_attn.A_log': ({ shape }, { blocks }) => [
    { name: 'ssm_a', ne: blocks.some(padsDecay) ? [1, ...shape] : shape },
  ],
  'linear_attn.conv1d.weight': convolutions,
  'mamba.dt_bias': ({ shape }) => [{ name: 'ssm_dt.bias', ne: shape }],
  'mamba.A_log': ({ shape }, around) => [{ name: 'ssm_a', ne: byHead(shape, around) }],
  'mamba.D': ({ shape }, around) => [{ name: 'ssm_d', ne: byHead(shape, around) }],
  'mamba.norm.weight': groupedNorm,
  // Metadata of the file.
  'mlp.act_fn.parameters': () => [],
  'mlp.gate.e_score_correction_bias': ({ shape }) => [{ name: 'exp_probs_b.bias', ne: shape }],
  'mlp.gate.per_expert_scale': ({ shape }) => [{ name: 'ffn_down_exps.scale', ne: shape }],
  'mlp.shared_expert_gate.weight': ({ shape }) => [{ name: 'ffn_gate_inp_shexp.weight', ne: [shape[1]!] }],
};

/**
 * The tensors of a model's GGUF file, as llama.cpp's own converter writes them: experts stacked, latent
 * projections split, padding rows dropped, buffers added. The vision tower is a file of its own and not here.
 *
 * @throws InputError `not-understood` for a tensor that no rule names
 * @example ggufLayout(maverick.architecture, FAMILIES.llama4).layers.length // 48
 */
export function ggufLayout(architecture: Architecture, family: Family): GgufLayout {
  const layout = layoutOf(family.sharesKv ? withOwnKv(architecture) : architecture);
  const stack = stackOf(architecture);
  const made = new Map<readonly Part[], GgufPiece[]>();
  const layer = (parts: readonly Part[], blocks: readonly Block[]): GgufPiece[] => {
    const pieces =
      made.get(parts) ??
      [
        ...fused(parts, family).flatMap((part) => converted(part, { architecture, family, blocks })),
        ...(family.scalesLayers ? [LAYER_SCALE] : []),
      ].sort(byName);
    made.set(parts, pieces);
    return pieces;
  };
  const outside = [...layout.embedding, ...layout.output].flatMap((part) =>
    converted(part, { architecture, family, blocks: [] }),
  );
  return {
    outside: [...outside, ...ropeFactors(architecture, family)],
    layers: layout.layers.map((parts, index) => layer(parts, stack[index]!.flat())),
    skipped: keepsMtp(architecture, family)
      ? layout.mtp.map((parts) => layer(parts, Object.values(architecture.blocks)))
      : [],
  };
}

/** Whether the file holds the layers for multi-token prediction of a model of this type. */
export const keepsMtp = ({ type }: Architecture, { keepsMtp }: Family): boolean =>
  keepsMtp === true || keepsMtp?.includes(type) === true;

const byName = (one: GgufPiece, other: GgufPiece): number => (one.name < other.name ? -1 : 1);

/**
 * The same file as a flat list under full names.
 *
 * @example ggufTensors(maverick.architecture, FAMILIES.llama4).length // 531
 */
export function ggufTensors(architecture: Architecture, family: Family): GgufTensor[] {
  const { outside, layers, skipped } = ggufLayout(architecture, family);
  const inLayer = (loaded: boolean, first: number) => (pieces: readonly GgufPiece[], index: number) =>
    pieces.map(
      (piece): GgufTensor => ({
        ...piece,
        name: `blk.${first + index}.${piece.name}`,
        layer: first + index,
        loaded: loaded || family.loadsOfMtp?.includes(piece.name) === true,
      }),
    );
  return [
    ...outside.map((piece): GgufTensor => ({ ...piece, loaded: true })),
    ...layers.flatMap(inLayer(true, 0)),
    ...skipped.flatMap(inLayer(false, layers.length)),
  ];
}

const LAYER_SCALE: GgufPiece = { name: 'layer_output_scale.weight', role: 'norms', ne: [1], routed: false };

/** The checkpoint has keys and values of every layer. */
function withOwnKv(architecture: Architecture): Architecture {
  const blocks = Object.entries(architecture.blocks).map(([name, block]): [string, Block] => {
    if (!('sharedKv' in block)) return [name, block];
    const { sharedKv: _, ...own } = block;
    return [name, own];
  });
  return { ...architecture, blocks: Object.fromEntries(blocks) };
}

/** Matrices that the file holds as one, rows after rows. */
const FUSIONS = {
  qkv: { into: 'self_attn.qkv_proj', of: ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'] },
  gateUp: { into: 'mlp.up_proj', of: ['mlp.gate_proj', 'mlp.up_proj'] },
  expertsGateUp: {
    into: 'mlp.experts.gate_up_proj',
    of: ['mlp.experts.gate_proj', 'mlp.experts.up_proj'],
  },
} as const;

const fused = (parts: readonly Part[], { fused = [] }: Family): readonly Part[] =>
  fused.reduce<readonly Part[]>(
    (all, which) => ['weight', 'bias'].reduce((some, suffix) => fusedOnce(some, FUSIONS[which], suffix), all),
    parts,
  );

function fusedOnce(
  parts: readonly Part[],
  { into, of }: (typeof FUSIONS)[keyof typeof FUSIONS],
  suffix: string,
): readonly Part[] {
  const names = of.map((name) => `${name}.${suffix}`);
  const [first, ...others] = parts.filter(({ name }) => names.includes(name));
  if (!first || others.length === 0) return parts;
  const rows = [first, ...others].reduce((sum, { shape }) => sum + shape[0]!, 0);
  const whole: Part = { ...first, name: `${into}.${suffix}`, shape: [rows, ...first.shape.slice(1)] };
  return [...parts.filter(({ name }) => !names.includes(name)), whole];
}

function converted(part: Part, surroundings: Surroundings): GgufPiece[] {
  const routed = part.name.startsWith('mlp.experts.');
  const place = PLACES[part.name];
  return namesOf(part, surroundings).map(({ name, ne }) => ({
    name,
    role: part.role,
    ne,
    routed,
    ...(place && { place }),
  }));
}

function namesOf(part: Part, surroundings: Surroundings): Named[] {
  const reshaped = RESHAPED[part.name];
  if (reshaped) return reshaped(part, surroundings);
  const dot = part.name.lastIndexOf('.');
  const base = part.name.slice(0, dot);
  const name = familyName(base, part, surroundings.family) ?? blockName(base, surroundings) ?? NAMES[base];
  if (!name) throw new InputError('not-understood', { field: `tensor ${part.name}`, engine: 'llama.cpp' });
  return [{ name: name + part.name.slice(dot), ne: ggmlShape(part, surroundings.architecture) }];
}

function familyName(base: string, { role }: Part, family: Family): string | undefined {
  const { latentExperts, mtpFfnNorm, ffnNorm, secondFfnNorm, postNorms = [], mtpNorm } = family;
  return {
    ffn_norm: role === 'mtp' ? (mtpFfnNorm ?? ffnNorm) : ffnNorm,
    'ffn_norm.1': secondFfnNorm,
    mixer_post_norm: postNorms[0],
    ffn_post_norm: postNorms[1],
    'nextn.shared_head_norm': mtpNorm,
    'mlp.fc1_latent_proj': `${latentExperts}_down`,
    'mlp.latent_norm': `${latentExperts}_norm`,
    'mlp.fc2_latent_proj': `${latentExperts}_up`,
  }[base];
}

const blockName = (base: string, { blocks }: Surroundings): string | undefined =>
  BLOCK_NAMES.find(({ of, names }) => names[base] !== undefined && blocks.some(of))?.names[base];

/** Fastest dimension first; experts become the last one; rows that no token uses are dropped. */
function ggmlShape(part: Part, { paddingRows = 0 }: Architecture): number[] {
  const ne = [...part.shape].reverse();
  if (part.name === 'embed_tokens.weight' || part.name === 'lm_head.weight') ne[1]! -= paddingRows;
  if (part.count !== undefined) ne.push(part.count);
  return ne;
}

function blockOfKind<K extends Block['kind']>(
  kind: K,
  { blocks }: Surroundings,
): Extract<Block, { kind: K }> {
  const found = blocks.find((block) => block.kind === kind);
  if (!found)
    throw new InputError('not-understood', { field: `a layer without ${kind}`, engine: 'llama.cpp' });
  return found as Extract<Block, { kind: K }>;
}

/** Experts of each token of the vocabulary; rows that no token uses are dropped. */
function tokenTable({ shape }: Part, { architecture: { paddingRows = 0 } }: Surroundings): Named[] {
  return [{ name: 'ffn_gate_tid2eid.weight', ne: [shape[1]!, shape[0]! - paddingRows] }];
}

/** `conversion/deepseek.py`: `kv_b` becomes a transposed key part and a value part, one matrix a head. */
function splitLatent(_: Part, surroundings: Surroundings): Named[] {
  const { heads, kvRank, nopeDim, valueDim } = blockOfKind('latent', surroundings);
  return [
    { name: 'attn_k_b.weight', ne: [nopeDim, kvRank, heads] },
    { name: 'attn_v_b.weight', ne: [kvRank, valueDim, heads] },
  ];
}

/** A gate as wide as the queries that is a matrix of its own. */
function queriesAndGate({ shape }: Part, { family, blocks }: Surroundings): Named[] {
  const [rows = 0, columns = 0] = shape;
  const gated = blocks.some((block) => 'outputGate' in block && block.outputGate === true);
  if (!gated || !family.outputGates?.includes('wide'))
    return [{ name: 'attn_q.weight', ne: [columns, rows] }];
  return ['attn_gate.weight', 'attn_q.weight'].map((name) => ({ name, ne: [columns, rows / 2] }));
}

/** `conversion/qwen.py`: queries, keys and values apart from the output gate. */
function splitDeltaNet(_: Part, surroundings: Surroundings): Named[] {
  const { keyHeads, keyDim, valueHeads, valueDim } = blockOfKind('gatedDeltaNet', surroundings);
  const { hiddenSize } = surroundings.architecture;
  const gate = valueHeads * valueDim;
  return [
    { name: 'attn_qkv.weight', ne: [hiddenSize, 2 * keyHeads * keyDim + gate] },
    { name: 'attn_gate.weight', ne: [hiddenSize, gate] },
  ];
}

/** Kimi Linear's rates of decay are a row for each head. */
const padsDecay = (block: Block): boolean => block.kind === 'kda' && !block.fullRankGate;

const isKda = (blocks: readonly Block[]): boolean => blocks.some(({ kind }) => kind === 'kda');

/** `conversion/kimi_linear.py`: one kernel for queries, keys and values each. */
function convolutions({ shape }: Part, { blocks }: Surroundings): Named[] {
  const [channels = 0, kernel = 0] = shape;
  if (!isKda(blocks)) return [{ name: 'ssm_conv1d.weight', ne: [kernel, channels] }];
  return ['k', 'q', 'v'].map((which) => ({
    name: `ssm_conv1d_${which}.weight`,
    ne: [kernel, 1, channels / 3, 1],
  }));
}

/** Qwen3.5 has the two halves of Qwen3-Next's matrix apart. */
function betaAlpha({ shape }: Part, { architecture: { hiddenSize }, family }: Surroundings): Named[] {
  const [rows = 0] = shape;
  if (!family.partsBetaAlpha) return [{ name: 'ssm_ba.weight', ne: [hiddenSize, rows] }];
  return ['ssm_alpha.weight', 'ssm_beta.weight'].map((name) => ({ name, ne: [hiddenSize, rows / 2] }));
}

/** Mamba-2 has one number for each head, Mamba as many as there are channels: `conversion/mamba.py`. */
const byHead = (shape: readonly number[], { blocks }: Surroundings): number[] =>
  blocks.some(({ kind }) => kind === 'mamba2') ? [1, ...shape] : shape.toReversed();

/** `conversion/mamba.py`: the inner norm as one row a group. */
function groupedNorm({ shape }: Part, surroundings: Surroundings): Named[] {
  const { groups } = blockOfKind('mamba2', surroundings);
  return [{ name: 'ssm_norm.weight', ne: [shape[0]! / groups, groups] }];
}

/** Factors of rope's frequencies by the scaling that has them, `conversion/*.py:generate_extra_tensors`. */
const ROPE_FACTORS = {
  llama3: ['rope_freqs.weight'],
  longrope: ['rope_factors_long.weight', 'rope_factors_short.weight'],
  proportional: ['rope_freqs.weight'],
} as const;

/** One factor for every pair of numbers that turns. */
function ropeFactors(architecture: Architecture, { ropeFactors }: Family): GgufPiece[] {
  const { rope } = architecture;
  const isScaled = ropeFactors === 'proportional' || rope?.scaling?.kind === ropeFactors;
  if (!ropeFactors || !rope || !isScaled) return [];
  const blocks = stackOf(architecture).flat(2);
  const attention =
    blocks.find(({ kind }) => kind === 'full') ??
    blocks.find((block) => 'headDim' in block && 'kvHeads' in block);
  const headDim = attention && 'headDim' in attention ? attention.headDim : 0;
  return ROPE_FACTORS[ropeFactors].map((name) => ({
    name,
    role: 'attention',
    ne: [(rope.dim ?? headDim) / 2],
    routed: false,
    place: 'everyDevice',
  }));
}
