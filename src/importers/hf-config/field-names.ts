/** The words of a text. */
function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

/** Names of which each part below says that the field is about computing, training, text or files, never about sizes. */
const HARMLESS_PARTS = words(`
  dropout pdrop drop_ layerdrop _loss loss_ _coef aux_ z_loss jitter noise _eps epsilon initializer
  init_ _std std_ multiplier scaling _scale scale_ softcap token_id token_index _token
  tokens_per_second placeholder suppress bad_words beam penalty _dtype dtype precision fp32 fp16 bf16
  fused fusion kernel_backend _kernels triton version implementation _impl flash_attn
  attn_implementation torch gradient checkpointing rope rotary theta mrope yarn mscale use_cache
  return_ output_attentions output_hidden output_router output_scores label task tokenizer auto_map
  name_or_path processor capacity_factor moe_drop topk_method norm_topk scoring_func score_func
  routed_scal renormal clip limit alpha beta temperature logit interpolat activation hidden_act
  tensor_parallel pretraining_tp ep_size tp_size sequence_parallel time_step act_fn generation
  query_pre_attn
`);

/** Whole names that look like sizes and are none. */
const HARMLESS_NAMES = new Set(
  words(`
    architectures model_type quantization_config quantization compression_config transformers_version
    pruned_heads is_decoder is_encoder_decoder add_cross_attention tie_encoder_decoder problem_type
    chunk_size_feed_forward num_return_sequences max_length min_length no_repeat_ngram_size top_k
    encoder_no_repeat_ngram_size early_stopping do_sample finetuning_task prefix sep_token_id
    max_window_layers original_max_position_embeddings max_sequence_length training_context seq_aux
    attention_probs_dropout_prob layer_norm_eps layernorm_epsilon layer_norm_epsilon norm_epsilon
    cache_implementation mamba_chunk_size chunk_size num_logits_to_keep rescale_prenorm_residual
    residual_in_fp32 use_mamba_kernels attention_softmax_in_fp32 reorder_and_upcast_attn
    use_sliding_window bias_dropout_fusion ignore_index resid_pdrop image_seq_length video_seq_length
    mm_tokens_per_image vision_soft_tokens_per_image image_grid_pinpoints vision_feature_layer
    vision_feature_select_strategy use_bidirectional_attention unsloth_fixed unsloth_version
    keys_to_ignore_at_inference sampler_seq_len embd_pdrop head_pdrop tf_legacy_loss memory_efficient
    output_past attn_pdrop use_bfloat16 pad_sequence_to_multiple_of_64 trust_remote_code hf_token
    _attn_implementation_autoset num_experts_per_tok_train router_dtype gradient_checkpointing
    mamba_ssm_dtype mamba_ssm_cache_dtype for_llm_compressor torchscript base_model_tp_plan
    context_length seq_length max_seq_len model_max_length n_ctx n_positions trained_length
    use_dynamic_ntk use_logn_attn layer_types_source block_multiple_of window_size_note
  `),
);

/** Parts of a name that say it may be a size, a number of something, or a switch for something with weights or cache. */
const MEMORY_NAME =
  /(layer|head|expert|hidden|intermediate|inner|window|sliding|chunk|kv|lora|rank|latent|state|ssm|mamba|conv|vocab|embed|mtp|nextn|index|mem|dim|width|size|depth|expan|ratio|group|shared|share|tie_|tied|bias|norm|gate|gating|attn|attention|cross|encoder|decoder|adapter|residual|block|stack|recur|moe|router|sparse|mlp|ffn|feed|pattern|interval|freq|period|offset|stride|num_|^n_|_num|tower|projector|compress|hash|stream|per_layer|altup|laurel|engram|ngram|sink|register|cla|linear|delta)/i;

/** Whether a field of this name never changes memory. */
export const isHarmless = (name: string): boolean =>
  name.startsWith('_') || HARMLESS_NAMES.has(name) || HARMLESS_PARTS.some((part) => name.includes(part));

/** Whether a value switches nothing on. */
export const saysNothing = (value: unknown): boolean =>
  value === null ||
  value === false ||
  value === 0 ||
  value === '' ||
  (typeof value === 'object' && Object.values(value).every(saysNothing));

/** Whether a field of this name and value may change memory. */
export const looksLikeMemory = (name: string, value: unknown): boolean =>
  MEMORY_NAME.test(name) &&
  (typeof value !== 'number' || Number.isInteger(value) || /ratio|expan|factor/.test(name));
