import type { Model } from '../../schema/model.js';
import { type Fields, isRecord } from './fields.js';

type Format = NonNullable<Model['releasedFormat']>;

/** What a group of fields says of the stored weights; `undefined` where no name fits. */
type Reader = (quantisation: Fields) => Format | undefined;

/** A format by `quant_method`. Formats: docs of each method, and `vllm/model_executor/layers/quantization`. */
const METHODS: Readonly<Record<string, Reader>> = {
  fp8: (config) => (config.has('weight_block_size') ? 'FP8-block' : 'FP8'),
  fbgemm_fp8: () => 'FP8-dynamic',
  mxfp4: () => 'MXFP4',
  mxfp8: () => 'MXFP8',
  awq: () => 'AWQ',
  gptq: (config) => byBits(config, { 4: 'GPTQ-Int4', 8: 'GPTQ-Int8' }),
  'auto-round': (config) => byBits(config, { 4: 'AutoRound-Int4' }),
  'intel/auto-round': (config) => byBits(config, { 4: 'AutoRound-Int4' }),
  bitsandbytes: bitsAndBytes,
  modelopt: (config) => ALGORITHMS[config.text('quant_algo') ?? ''],
  modelopt_fp4: () => 'NVFP4',
  'compressed-tensors': compressedTensors,
};

const ALGORITHMS: Readonly<Record<string, Format>> = {
  FP8: 'FP8',
  FP8_PER_CHANNEL_PER_TOKEN: 'FP8-dynamic',
  FP8_PB_WO: 'FP8-block',
  NVFP4: 'NVFP4',
  W4A16_NVFP4: 'NVFP4',
  MXFP8: 'MXFP8',
  MIXED_PRECISION: 'mixed',
};

const MLX_BITS = {
  2: 'MLX-2bit',
  3: 'MLX-3bit',
  4: 'MLX-4bit',
  5: 'MLX-5bit',
  6: 'MLX-6bit',
  8: 'MLX-8bit',
} as const;

const FLOATS: Readonly<Record<string, Format>> = { float16: 'FP16', float32: 'FP32' };

/**
 * The weight format of the released checkpoint, where it has a name. BF16 is the usual one and left out.
 *
 * @example releasedFormatOf(fields) // { releasedFormat: 'FP8-block' }
 */
export function releasedFormatOf(config: Fields): Pick<Model, 'releasedFormat'> {
  const format = quantisedFormat(config) ?? FLOATS[String(config.raw('torch_dtype', 'dtype'))];
  return format ? { releasedFormat: format } : {};
}

function quantisedFormat(config: Fields): Format | undefined {
  const text = config.looseGroup('text_config');
  const said =
    config.looseGroup('quantization_config', 'compression_config') ?? text?.looseGroup('quantization_config');
  if (said) {
    const method = said.raw('quant_method');
    const reader = typeof method === 'string' && Object.hasOwn(METHODS, method) ? METHODS[method] : undefined;
    return reader?.(said) ?? 'mixed';
  }
  // MLX writes `quantization`, without a method.
  const mlx = config.looseGroup('quantization');
  if (!mlx) return undefined;
  if (mlx.raw('mode') === 'mxfp4') return 'MLX-MXFP4';
  return byBits(mlx, MLX_BITS) ?? 'mixed';
}

function byBits(config: Fields, formats: Readonly<Record<number, Format>>): Format | undefined {
  const bits = config.raw('bits');
  return typeof bits === 'number' ? formats[bits] : undefined;
}

function bitsAndBytes(config: Fields): Format | undefined {
  if (config.raw('load_in_8bit', '_load_in_8bit') === true) return 'LLM.int8';
  return config.raw('bnb_4bit_use_double_quant') === true ? 'NF4-DQ' : 'NF4';
}

/** One group of weights says the format; several that differ are mixed. */
function compressedTensors(config: Fields): Format | undefined {
  const groups = config.raw('config_groups');
  if (!isRecord(groups)) return undefined;
  const formats = new Set(Object.values(groups).map(groupFormat));
  return formats.size === 1 ? [...formats][0] : 'mixed';
}

function groupFormat(group: unknown): Format | undefined {
  const weights = isRecord(group) && isRecord(group.weights) ? group.weights : {};
  const { num_bits: bits, type, strategy, group_size: size } = weights;
  if (type === 'float' && bits === 4) return size === 32 ? 'MXFP4' : 'NVFP4';
  if (type === 'float' && bits === 8) return floatFormat(strategy);
  if (type !== 'int') return undefined;
  const activations = isRecord(group) && isRecord(group.input_activations);
  if (bits === 8) return activations ? 'W8A8' : 'W8A16';
  return bits === 4 ? 'W4A16' : undefined;
}

function floatFormat(strategy: unknown): Format | undefined {
  if (strategy === 'block') return 'FP8-block';
  return strategy === 'tensor' ? 'FP8' : 'FP8-dynamic';
}
