// A record of the engine's planner as a request: the mapping that conformance and golden tests share.
import type { Request } from '../src/index.js';

export interface Buffers {
  readonly weights: number;
  readonly kv: number;
  readonly compute: number;
}

export interface Record {
  readonly model: string;
  readonly quant: string;
  readonly backend: string;
  readonly offload: string;
  readonly n_ctx: number;
  readonly n_ctx_effective: number;
  readonly n_batch: number;
  readonly n_ubatch: number;
  readonly n_seq: number;
  readonly kv_unified: boolean;
  readonly n_outputs_max: number;
  readonly kv_type_k: string;
  readonly kv_type_v: string;
  readonly flash_attn: string;
  readonly flash_attn_effective: boolean;
  readonly swa_full: boolean;
  readonly weights_bytes: number;
  readonly kv_bytes: {
    readonly total: number;
    readonly attn: number;
    readonly swa: number;
    readonly recurrent: number;
  };
  readonly compute_bytes: number;
  readonly output_bytes: number;
  readonly by_buffer: Readonly<{ [name: string]: Buffers }>;
}

/** Records of another kind of device, of a context out of the file, and of hand-made mixes are not requests. */
export const skipped = ({ backend, n_ctx, quant }: Record): boolean =>
  backend === 'RPC(CPU)' || n_ctx === 0 || quant.startsWith('BF16 (');

/** The request that asks for what a record holds. */
export function requestOf(record: Record): Request {
  const cards = /^cuda-rules-x(\d+)$/.exec(record.backend);
  return {
    model: record.model,
    quant: record.quant,
    devices: cards ? [{ gpu: null, count: Number(cards[1]) }] : [],
    sequences: record.n_seq,
    kvTypeK: record.kv_type_k,
    kvTypeV: record.kv_type_v,
    allowContextOverflow: true,
    options: {
      'ctx-size': record.n_ctx_effective,
      'kv-unified': record.kv_unified,
      'batch-size': record.n_batch,
      'ubatch-size': record.n_ubatch,
      'flash-attn': record.flash_attn,
      'swa-full': record.swa_full,
      'cpu-moe': record.offload.includes('expert'),
      'no-repack': record.backend === 'CPU',
      program: record.n_outputs_max === 0 ? 'cli' : 'server',
      mmproj: false,
    },
  };
}
