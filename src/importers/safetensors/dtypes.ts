/**
 * Bits of one element by its type.
 * Source: safetensors 0.6 `safetensors/src/tensor.rs:Dtype::bitsize`.
 */
const BITS: Readonly<Record<string, number>> = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
};

/**
 * Bits of one element; `undefined` for a type that does not exist.
 *
 * @example bitsOf('BF16') // 16
 */
export const bitsOf = (dtype: string): number | undefined =>
  Object.hasOwn(BITS, dtype) ? BITS[dtype] : undefined;
