/**
 * Types that have the fields of a plain decoder and are none: biases, norms, mixers or ties that no field says
 * (`modeling_<model_type>.py` in transformers 5.18.0, or beside the weights).
 */
export const OTHER_TYPES: ReadonlySet<string> = new Set(
  `afmoe arcee bamba bitnet blt clip csm deci dia diffllama doge dots1 emu3 evolla exaone exaone4 exaone_moe falcon
  falcon_h1 falcon_mamba flex_olmo gpt_neox granitemoe granitemoehybrid granitemoeshared glm glm4v glm4v_moe helium2
  hunyuan_v1_dense hunyuan_v1_moe internlm internlm3 jais2 jamba jetmoe lfm2 lfm2_moe lfm2_vl llada longcat_flash
  mamba mamba2 minicpm3 mobilellm modernbert-decoder moshi nanochat nemotron nomic olmo olmoe orion ouro persimmon phi
  phimoe plamo plamo2 qwen2_audio qwen2_5_omni qwen3_omni_moe recurrent_gemma rwkv smallthinker stablelm starcoder2
  t5gemma vaultgemma voxtral xlstm xverse_moe zamba zamba2 youtu`
    .trim()
    .split(/\s+/),
);
