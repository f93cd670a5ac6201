import { type Build, norm, put, weight } from '../build.js';
import { add, cont, getRows, input, mul, mulMat, permute, reshape, scale, unary, view } from '../ops.js';
import type { Tensor } from '../tensor.js';

/**
 * What a second embedding table says to each layer, `[dim, tokens, layers]`: its rows, and a projection of the first
 * table's. Absent where the model has no such table.
 * Source: `src/models/gemma4.cpp:build_inp_per_layer, project_per_layer_inputs`.
 */
export function layerInputs(build: Build, embedded: Tensor): Tensor | undefined {
  const { layerEmbedding } = build.architecture;
  if (!layerEmbedding) return undefined;
  const { dim } = layerEmbedding;
  const { tokens } = build.sizes;
  const table = weight(build, 'per_layer_token_embd.weight');
  const byLayer = (a: Tensor) => reshape(a, [dim, (table.ne[0] as number) / dim, tokens]);
  const rows = put(build, scale(byLayer(getRows(table, input('inp_tokens', 'I32', [tokens])))));
  const projected = byLayer(scale(mulMat(weight(build, 'per_layer_model_proj.weight'), embedded)));
  const both = scale(add(norm(build, projected, 'per_layer_proj_norm.weight'), rows));
  return cont(permute(both));
}

/** Joins what the second table says to one layer. */
export function joinLayerInput(build: Build, hidden: Tensor, inputs: Tensor, layer: number): Tensor {
  const own = view(inputs, [inputs.ne[0], inputs.ne[1]]);
  const gate = unary(mulMat(weight(build, 'inp_gate.weight', layer), hidden));
  const projected = mulMat(weight(build, 'proj.weight', layer), mul(gate, own));
  return add(hidden, norm(build, projected, 'post_norm.weight', layer));
}
