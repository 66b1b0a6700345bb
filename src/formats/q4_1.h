// q4_1: 32 weights of 4 bits with an fp16 scale and an fp16 minimum; 5 bits a weight.
// Source: ggml's block_q4_1, dequantize_row_q4_1, quantize_row_q4_1_ref.
#pragma once

#include <algorithm>

#include "base/half.h"
#include "formats/block_format.h"
#include "formats/block_parts.h"

namespace heng::formats {

struct Q4_1 {
  static constexpr DType kDType = DType::kQ4_1;
  static constexpr std::string_view kName = "q4_1";
  static constexpr uint32_t kLength = 32, kGroup = 32, kBits = 4;
  static constexpr int kZero = -1;
  static constexpr bool kHasFactors = false;

  //   0    2    4                                20
  //   | d  | m  | q16:q0 | q17:q1 | ... | q31:q15 |      high nibble : low nibble
  //   weight i = d * q[i] + m
  struct Block {
    uint16_t d, m;  // fp16
    uint8_t qs[16];
  };
  static_assert(sizeof(Block) == 20);

  static void expand(const Block& block, IntBlock& out) {
    out.scale[0] = half_to_float(block.d);
    out.min[0] = half_to_float(block.m);
    unpack_nibbles(block.qs, 16, out.q);
  }

  // The smallest weight becomes level 0, the largest level 15. REQUIRES: finite weights.
  static void encode(const float* weights, Block& block) {
    float min = weights[0], max = weights[0];
    for (size_t i = 1; i < kLength; ++i) {
      min = std::min(min, weights[i]);
      max = std::max(max, weights[i]);
    }
    const float step = (max - min) / 15.0f;
    const float inverse = inverse_step(step);
    uint8_t q[kLength];
    for (size_t i = 0; i < kLength; ++i)
      q[i] = cut_to_level((weights[i] - min) * inverse + 0.5f, 15);
    block.d = float_to_half(step);
    block.m = float_to_half(min);
    pack_nibbles(q, 16, block.qs);
  }
};

}  // namespace heng::formats
