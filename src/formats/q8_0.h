// q8_0: 32 weights as signed bytes, expanded with 128 added, with one fp16 scale; 8.5 bits a
// weight. Source: ggml's block_q8_0, dequantize_row_q8_0, quantize_row_q8_0_ref.
#pragma once

#include "base/half.h"
#include "formats/block_format.h"
#include "formats/block_parts.h"

namespace heng::formats {

struct Q8_0 {
  static constexpr DType kDType = DType::kQ8_0;
  static constexpr std::string_view kName = "q8_0";
  static constexpr uint32_t kLength = 32, kGroup = 32, kBits = 8;
  static constexpr int kZero = 128;
  static constexpr bool kHasFactors = false;

  //   0    2                                34
  //   | d  | q0 q1 q2 ...               q31 |      weight i = d * q[i]
  struct Block {
    uint16_t d;     // fp16
    int8_t qs[32];  // -128..127; encoders write -127..127
  };
  static_assert(sizeof(Block) == 34);

  static void expand(const Block& block, IntBlock& out) {
    out.scale[0] = half_to_float(block.d);
    for (size_t i = 0; i < kLength; ++i) out.q[i] = static_cast<uint8_t>(block.qs[i] + kZero);
  }

  // Scale = largest magnitude / 127; halves round away from zero. REQUIRES: finite weights.
  static void encode(const float* weights, Block& block) {
    const float step = largest_magnitude(weights, kLength) / 127.0f;
    const float inverse = inverse_step(step);
    block.d = float_to_half(step);
    for (size_t i = 0; i < kLength; ++i) {
      const float exact = weights[i] * inverse;
      // The comparison leaves NaN out, which has no integer.
      const float value = std::abs(exact) < 127.5f ? exact : 0.0f;
      const int whole = static_cast<int>(value);
      const float rest = value - static_cast<float>(whole);
      block.qs[i] = static_cast<int8_t>(whole + (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0));
    }
  }
};

}  // namespace heng::formats
