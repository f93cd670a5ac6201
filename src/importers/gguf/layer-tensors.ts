import { InputError } from '../../errors.js';
import { brokenFile } from '../bytes-source.js';
import type { GgufHeader } from './header.js';

/** Shapes of the tensors of one layer by their name inside it, such as `attn_q.weight`. */
export type LayerTensors = ReadonlyMap<string, readonly number[]>;

/** The tensors of a file, taken apart by layer. */
export interface SortedTensors {
  readonly outside: LayerTensors;
  readonly layers: readonly LayerTensors[];
}

/** How many layers the metadata say. */
interface LayerCount {
  readonly layerCount: number;
  /** Those of them for multi-token prediction. */
  readonly modules: number;
}

const weights = (...names: string[]): string[] => names.map((name) => `${name}.weight`);
const both = (...names: string[]): string[] => names.flatMap((name) => [`${name}.weight`, `${name}.bias`]);

const OUTSIDE = new Set(
  weights(
    ...['token_embd', 'output', 'output_norm', 'rope_freqs', 'rope_factors_long', 'rope_factors_short'],
    ...['per_layer_token_embd', 'per_layer_model_proj', 'per_layer_proj_norm'],
    ...['output_hc_fn', 'output_hc_base', 'output_hc_scale', 'output_res_score'],
  ),
)
  .add('output_norm.bias')
  .add('output.bias');

/** What a compressor is made of. */
const COMPRESSOR = ['kv', 'gate', 'ape', 'norm'];

/** What mixes copies of the residual stream. */
const STREAMS = ['fn', 'base', 'scale'];

/** Names inside a layer that the readers of blocks take in. What else a layer holds is not understood. */
const INSIDE = new Set([
  ...both('attn_norm', 'ffn_norm'),
  'attn_norm_2.weight',
  ...weights(
    'post_attention_norm',
    'post_ffw_norm',
    'attn_output_norm',
    'layer_output_norm',
    'ffn_norm_exps',
  ),
  ...weights('pre_ffw_norm_2', 'post_ffw_norm_1', 'post_ffw_norm_2', 'layer_output_scale'),
  ...weights('inp_gate', 'proj', 'post_norm'),
  ...both('attn_q', 'attn_k', 'attn_v', 'attn_qkv', 'attn_output'),
  ...weights('attn_q_norm', 'attn_k_norm', 'attn_sinks', 'attn_gate'),
  ...weights('attn_q_a', 'attn_q_a_norm', 'attn_q_b', 'attn_kv_a_mqa', 'attn_kv_a_norm'),
  ...weights('attn_k_b', 'attn_v_b'),
  ...weights('attn_kv', 'attn_output_a', 'attn_output_b'),
  ...COMPRESSOR.flatMap((name) => weights(`attn_compressor_${name}`, `indexer_compressor_${name}`)),
  ...STREAMS.flatMap((name) => weights(`hc_attn_${name}`, `hc_ffn_${name}`)),
  ...weights('ffn_gate_tid2eid', 'attn_res_score', 'ffn_res_score', 'ssm_g'),
  ...weights('ffn_routed_down', 'ffn_routed_norm', 'ffn_routed_up'),
  ...weights('indexer.attn_q_b', 'indexer.attn_k', 'indexer.proj'),
  ...weights('indexer.q_proj', 'indexer.k_proj', 'indexer.q_norm'),
  ...both('indexer.k_norm'),
  ...weights('ssm_ba', 'ssm_alpha', 'ssm_beta', 'ssm_in', 'ssm_norm', 'ssm_out'),
  ...weights('ssm_conv1d_q', 'ssm_conv1d_k', 'ssm_conv1d_v', 'ssm_f_a', 'ssm_f_b', 'ssm_g_a', 'ssm_g_b'),
  ...weights('ssm_x', 'ssm_dt_norm', 'ssm_b_norm', 'ssm_c_norm'),
  ...both('ssm_conv1d', 'ssm_dt'),
  'ssm_a',
  'ssm_d',
  ...both('ffn_gate', 'ffn_up', 'ffn_down'),
  ...both('ffn_gate_inp', 'ffn_gate_exps', 'ffn_up_exps', 'ffn_down_exps'),
  ...weights('ffn_gate_up_exps', 'ffn_latent_down', 'ffn_latent_up'),
  'ffn_gate_inp.scale',
  'exp_probs_b.bias',
  ...weights('ffn_gate_shexp', 'ffn_up_shexp', 'ffn_down_shexp', 'ffn_gate_inp_shexp'),
  ...weights('nextn.eh_proj', 'nextn.enorm', 'nextn.hnorm'),
  ...weights('nextn.embed_tokens', 'nextn.shared_head_norm', 'nextn.shared_head_head'),
]);

/** Factors beside a quantised matrix: they say nothing about the shape of the model. */
const SCALE = /\.(scale|input_scale)$/;

const IN_LAYER = /^blk\.(0|[1-9]\d{0,5})\.(.+)$/;

/**
 * The tensors of a file layer by layer.
 *
 * @throws InputError `not-understood` for a tensor that no rule reads, or where layers for multi-token prediction lie in
 *   a file of their own; `bad-file` where layers are missing
 * @example sortTensors(header, { layerCount: 32, modules: 0 }).layers[0].get('attn_q.weight') // [4096, 4096]
 */
export function sortTensors({ name: file, tensors }: GgufHeader, count: LayerCount): SortedTensors {
  const outside = new Map<string, readonly number[]>();
  const layers = new Map<number, Map<string, readonly number[]>>();
  for (const { name, ne } of tensors) {
    const found = IN_LAYER.exec(name);
    if (!(found ? INSIDE.has(found[2]!) : OUTSIDE.has(name))) {
      if (SCALE.test(name)) continue;
      throw new InputError('not-understood', { field: `the tensor ${name} of ${file}`, engine: 'llama.cpp' });
    }
    if (!found) outside.set(name, ne);
    else layerOf(layers, Number(found[1])).set(found[2]!, ne);
  }
  return { outside, layers: inOrder(layers, count, file) };
}

function layerOf(
  layers: Map<number, Map<string, readonly number[]>>,
  index: number,
): Map<string, readonly number[]> {
  const layer = layers.get(index) ?? new Map<string, readonly number[]>();
  layers.set(index, layer);
  return layer;
}

function inOrder(
  layers: ReadonlyMap<number, LayerTensors>,
  { layerCount: count, modules }: LayerCount,
  file: string,
): LayerTensors[] {
  // The engine loads it, and counts layers that are not there when it shares them out.
  if (modules > 0 && layers.size === count - modules)
    throw new InputError('not-understood', {
      field: `a file without its layers for multi-token prediction (${file})`,
      engine: 'llama.cpp',
    });
  const hint = 'The file was not converted right, or parts of it are missing.';
  if (layers.size !== count)
    throw brokenFile(file, `it says ${count} layers, but has tensors of ${layers.size}`, undefined, hint);
  return Array.from({ length: count }, (_, index) => {
    const layer = layers.get(index);
    if (!layer) throw brokenFile(file, `it has no tensors of layer ${index}`, undefined, hint);
    return layer;
  });
}
