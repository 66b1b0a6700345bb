// fp16 and bf16 <-> fp32 on their bit patterns: exact outwards, round to nearest even inwards,
// subnormals and infinities kept. A NaN stays a NaN with its sign and upper payload and becomes
// quiet, as the processor's own conversions (F16C) do, so that scalar code and kernels agree in
// every bit. Pure; safe from any thread. REQUIRES: the default rounding mode.
//
// Always inlined, and with nothing but <cstdint> inside: objects that are compiled for one
// instruction set may use this header without exporting a copy of it (see cmake/isa.cmake).
#pragma once

#include <cstdint>

#define HENG_HALF_INLINE inline __attribute__((always_inline))

namespace heng {

// fp16: sign, 5 bits of exponent (bias 15), 10 of mantissa.
HENG_HALF_INLINE float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t magnitude = half & 0x7fffu;
  // Exponents differ by 127 - 15 = 112; infinity and NaN go from exponent 31 to 255, 112 further.
  uint32_t normal = (magnitude << 13) + (112u << 23);
  normal += magnitude >= 0x7c00u ? 112u << 23 : 0u;
  normal |= magnitude > 0x7c00u ? 0x00400000u : 0u;
  // Subnormals count steps of 2^-24; through an integer, so that no fp32 subnormal is touched and
  // the result is right even where the caller flushes those to zero.
  const float steps = static_cast<float>(static_cast<int32_t>(magnitude));
  const uint32_t subnormal = __builtin_bit_cast(uint32_t, steps * 0x1p-24f);
  return __builtin_bit_cast(float, sign | (magnitude < 0x0400u ? subnormal : normal));
}

HENG_HALF_INLINE uint16_t float_to_half(float value) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  // Adds half a step less one, and one more where the kept part is odd. A carry runs into the
  // exponent, from 65520 on up to infinity, as it should.
  const uint32_t normal = ((magnitude + 0x0fffu + ((magnitude >> 13) & 1u)) >> 13) - (112u << 10);
  // Below 2^-14 the step is 2^-24, which is the step of fp32 in [0.5, 1): the addition rounds.
  const uint32_t small = magnitude < 0x38800000u ? magnitude : 0u;
  const float shifted = __builtin_bit_cast(float, small) + 0.5f;
  const uint32_t subnormal = __builtin_bit_cast(uint32_t, shifted) - 0x3f000000u;
  const uint32_t nan = 0x7e00u | ((magnitude >> 13) & 0x03ffu);

  uint32_t half = magnitude < 0x38800000u ? subnormal : normal;
  half = magnitude >= 0x47800000u ? 0x7c00u : half;  // 2^16 and above
  half = magnitude > 0x7f800000u ? nan : half;
  return static_cast<uint16_t>(sign | half);
}

// bf16: the upper half of an fp32.
HENG_HALF_INLINE float bf16_to_float(uint16_t bf16) {
  return __builtin_bit_cast(float, static_cast<uint32_t>(bf16) << 16);
}

HENG_HALF_INLINE uint16_t float_to_bf16(float value) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, value);
  const uint32_t nan = (bits >> 16) | 0x0040u;
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;  // wraps for NaN only
  return static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? nan : rounded);
}

}  // namespace heng

#undef HENG_HALF_INLINE
