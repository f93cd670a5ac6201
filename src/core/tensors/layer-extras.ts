import type { Architecture } from '../../schema/model.js';
import type { Part } from './index.js';

/**
 * What a second embedding table brings to the stack: the table, and a projection of the first one beside it.
 * Source: `modeling_gemma4.py` of transformers 5.18.0.
 */
export function layerEmbedding({ layerEmbedding, hiddenSize }: Architecture, layers: number): Part[] {
  if (!layerEmbedding) return [];
  const { vocabSize, dim } = layerEmbedding;
  const part = (name: string, shape: number[]): Part => ({
    name: `${name}.weight`,
    role: 'embedding',
    shape,
  });
  return [
    part('embed_tokens_per_layer', [vocabSize, layers * dim]),
    part('per_layer_model_projection', [layers * dim, hiddenSize]),
    part('per_layer_projection_norm', [dim]),
  ];
}

/** What the second table brings to one layer: a gate, a projection and a norm. */
export function layerInput({ layerEmbedding, hiddenSize }: Architecture): Part[] {
  if (!layerEmbedding) return [];
  const part = (name: string, shape: number[]): Part => ({
    name: `${name}.weight`,
    role: 'embedding',
    shape,
  });
  return [
    part('per_layer_input_gate', [layerEmbedding.dim, hiddenSize]),
    part('per_layer_projection', [hiddenSize, layerEmbedding.dim]),
    part('post_per_layer_input_norm', [hiddenSize]),
  ];
}

/**
 * What mixes the copies of the residual stream around one block, or in front of the head.
 * Source: `modeling_deepseek_v4.py` of transformers 5.18.0 (`DeepseekV4HyperConnection`, `DeepseekV4HyperHead`).
 */
export function streamMixing(
  { residualStreams, hiddenSize }: Architecture,
  where: 'block' | 'head',
  name: string,
): Part[] {
  if (!residualStreams) return [];
  const rows = where === 'block' ? (2 + residualStreams) * residualStreams : residualStreams;
  const part = (tensor: string, shape: number[]): Part => ({
    name: `${name}.${tensor}`,
    role: 'norms',
    shape,
  });
  return [
    part('fn', [rows, residualStreams * hiddenSize]),
    part('base', [rows]),
    part('scale', [where === 'block' ? 3 : 1]),
  ];
}

/**
 * What weighs hidden states that were kept, before a block or before the head: a norm and a projection to one number.
 * Source: `conversion/kimi_k3.py` of llama.cpp v0.5.0.
 */
export function checkpointMixing({ checkpointEvery, hiddenSize }: Architecture, name: string): Part[] {
  if (!checkpointEvery) return [];
  const part = (tensor: string): Part => ({ name: `${name}.${tensor}`, role: 'norms', shape: [hiddenSize] });
  return [part('norm'), part('proj')];
}
