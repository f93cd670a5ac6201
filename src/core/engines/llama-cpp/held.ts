import type { HeldWeights } from '../../../schema/quant.js';
import type { Family } from './families.js';

/**
 * The family of a model in a file, with what its converter was asked for: layers for multi-token prediction, and matrices
 * joined that others have apart (`convert_hf_to_gguf.py --no-mtp --fuse-qkv --fuse-gate-up-exps`).
 */
export function asHeld(family: Family, { tensors }: HeldWeights): Family {
  const names = new Set([...tensors.keys()].map((name) => name.replace(/^blk\.\d+\./, '')));
  return {
    ...family,
    keepsMtp: true,
    fused: [
      ...(family.fused ?? []),
      // A delta net has a matrix of this name in any file.
      ...(names.has('attn_qkv.weight') && !names.has('attn_q.weight') ? (['qkv'] as const) : []),
      ...(names.has('ffn_gate_up_exps.weight') ? (['expertsGateUp'] as const) : []),
    ],
  };
}
