// q5_1: 32 weights of 5 bits with an fp16 scale and an fp16 minimum; 6 bits a weight. Read only.
// Source: ggml's block_q5_1, dequantize_row_q5_1.
#pragma once

#include "base/half.h"
#include "formats/block_format.h"
#include "formats/block_parts.h"

namespace heng::formats {

struct Q5_1 {
  static constexpr DType kDType = DType::kQ5_1;
  static constexpr std::string_view kName = "q5_1";
  static constexpr uint32_t kLength = 32, kGroup = 32, kBits = 5;
  static constexpr int kZero = -1;
  static constexpr bool kHasFactors = false;

  //   0    2    4          8                                24
  //   | d  | m  | bit 4    | q16:q0 | q17:q1 | ... | q31:q15 |      bits 3..0, high : low nibble
  //               of q0..q31, q0's lowest
  //   weight i = d * q[i] + m
  struct Block {
    uint16_t d, m;  // fp16
    uint8_t qh[4];
    uint8_t qs[16];
  };
  static_assert(sizeof(Block) == 24);

  static void expand(const Block& block, IntBlock& out) {
    out.scale[0] = half_to_float(block.d);
    out.min[0] = half_to_float(block.m);
    unpack_nibbles(block.qs, 16, out.q);
    add_fifth_bits(block.qh, out.q);
  }
};

}  // namespace heng::formats
