import { ADAPTERS } from './families/index.js';
import { plainDecoder } from './families/unknown.js';
import type { Fields } from './fields.js';
import type { Adapter } from './shared.js';

/** Classes with a head for text; another head, or none, is another model. */
const WITH_HEAD = /(?:ForCausalLM|ForConditionalGeneration|LMHeadModel)$/;
const OTHER_NAMES_WITH_HEAD = new Set(['ChatGLMModel', 'ChatGLMForConditionalGeneration']);

/** `model_type` by class, for configs that do not say it and for types that share a class. */
const TYPES: Readonly<Record<string, string>> = {
  LlamaForCausalLM: 'llama',
  MistralForCausalLM: 'mistral',
  MixtralForCausalLM: 'mixtral',
  Qwen2ForCausalLM: 'qwen2',
  Qwen2MoeForCausalLM: 'qwen2_moe',
  Qwen3ForCausalLM: 'qwen3',
  Qwen3MoeForCausalLM: 'qwen3_moe',
  Qwen3NextForCausalLM: 'qwen3_next',
  Qwen3_5ForCausalLM: 'qwen3_5_text',
  Qwen3_5MoeForCausalLM: 'qwen3_5_moe_text',
  DeepseekV2ForCausalLM: 'deepseek_v2',
  DeepseekV3ForCausalLM: 'deepseek_v3',
  DeepseekV32ForCausalLM: 'deepseek_v32',
  DeepseekV4ForCausalLM: 'deepseek_v4',
  Glm4ForCausalLM: 'glm4',
  Glm4MoeForCausalLM: 'glm4_moe',
  Glm4MoeLiteForCausalLM: 'glm4_moe_lite',
  GlmMoeDsaForCausalLM: 'glm_moe_dsa',
  GptOssForCausalLM: 'gpt_oss',
  MiniMaxM2ForCausalLM: 'minimax_m2',
  NemotronHForCausalLM: 'nemotron_h',
  BailingMoeForCausalLM: 'bailing_moe',
  BailingMoeV2ForCausalLM: 'bailing_moe',
  Phi3ForCausalLM: 'phi3',
  GemmaForCausalLM: 'gemma',
  Gemma2ForCausalLM: 'gemma2',
  Gemma3ForCausalLM: 'gemma3_text',
  Gemma4ForCausalLM: 'gemma4_text',
};

/** Classes that share the `model_type` of a first generation, and the type that a spec of theirs gets. */
const SECOND_GENERATIONS: Readonly<Record<string, string>> = { BailingMoeV2ForCausalLM: 'bailing_moe_v2' };

/** Types whose class is named after a relative. */
const RELATIVES: Readonly<Record<string, string>> = { kimi_k2: 'deepseek_v3', deepseek_ref: 'deepseek_v4' };

/**
 * The adapter of a config, and the type that the spec gets.
 *
 * @throws InputError `not-understood` where none fits, or where `model_type` and `architectures` mean two of them
 */
export function adapterOf(config: Fields): { type: string; adapter: Adapter } {
  const architecture = config.texts('architectures')?.[0];
  if (architecture !== undefined && !hasHead(architecture)) config.refuse('architectures', architecture);
  if (config.flag(false, 'is_encoder_decoder')) config.refuse('is_encoder_decoder', true);
  const byClass =
    architecture !== undefined && Object.hasOwn(TYPES, architecture) ? TYPES[architecture] : undefined;
  const said = config.text('model_type');
  const type = said ?? byClass ?? config.missing('model_type');
  if (byClass && byClass !== (RELATIVES[type] ?? type)) {
    // A type of its own with a class that is known: the class says what runs.
    if (Object.hasOwn(ADAPTERS, type))
      config.refuse('architectures', `${architecture} with model_type ${type}`);
    return { type, adapter: ADAPTERS[byClass]! };
  }
  const adapter = Object.hasOwn(ADAPTERS, type) ? ADAPTERS[type]! : plainDecoder(type);
  return { type: SECOND_GENERATIONS[architecture ?? ''] ?? type, adapter };
}

const hasHead = (architecture: string): boolean =>
  WITH_HEAD.test(architecture) || OTHER_NAMES_WITH_HEAD.has(architecture);
