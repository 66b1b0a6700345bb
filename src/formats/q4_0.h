// q4_0: 32 weights of 4 bits with one fp16 scale, zero in the middle; 4.5 bits a weight.
// Source: ggml's block_q4_0, dequantize_row_q4_0, quantize_row_q4_0_ref.
#pragma once

#include "base/half.h"
#include "formats/block_format.h"
#include "formats/block_parts.h"

namespace heng::formats {

struct Q4_0 {
  static constexpr DType kDType = DType::kQ4_0;
  static constexpr std::string_view kName = "q4_0";
  static constexpr uint32_t kLength = 32, kGroup = 32, kBits = 4;
  static constexpr int kZero = 8;
  static constexpr bool kHasFactors = false;

  //   0    2                                18
  //   | d  | q16:q0 | q17:q1 | ... | q31:q15 |      high nibble : low nibble
  //   weight i = d * (q[i] - 8)
  struct Block {
    uint16_t d;  // fp16; negative where the weight of largest magnitude is positive
    uint8_t qs[16];
  };
  static_assert(sizeof(Block) == 18);

  static void expand(const Block& block, IntBlock& out) {
    out.scale[0] = half_to_float(block.d);
    unpack_nibbles(block.qs, 16, out.q);
  }

  // The weight of largest magnitude, the first of equals, becomes level 0, that is -8 steps: the
  // range has one more level on that side. REQUIRES: finite weights.
  static void encode(const float* weights, Block& block) {
    const float largest = largest_magnitude(weights, kLength);
    size_t first = 0;
    while (first + 1 < kLength && std::abs(weights[first]) != largest) ++first;
    const float step = weights[first] / -8.0f;
    const float inverse = inverse_step(step);
    uint8_t q[kLength];
    for (size_t i = 0; i < kLength; ++i) q[i] = cut_to_level(weights[i] * inverse + 8.5f, 15);
    block.d = float_to_half(step);
    pack_nibbles(q, 16, block.qs);
  }
};

}  // namespace heng::formats
