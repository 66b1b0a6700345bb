// q5_0: 32 weights of 5 bits with one fp16 scale, zero in the middle; 5.5 bits a weight. Read only.
// Source: ggml's block_q5_0, dequantize_row_q5_0.
#pragma once

#include "base/half.h"
#include "formats/block_format.h"
#include "formats/block_parts.h"

namespace heng::formats {

struct Q5_0 {
  static constexpr DType kDType = DType::kQ5_0;
  static constexpr std::string_view kName = "q5_0";
  static constexpr uint32_t kLength = 32, kGroup = 32, kBits = 5;
  static constexpr int kZero = 16;
  static constexpr bool kHasFactors = false;

  //   0    2          6                                22
  //   | d  | bit 4    | q16:q0 | q17:q1 | ... | q31:q15 |      bits 3..0, high nibble : low nibble
  //          of q0..q31, q0's lowest
  //   weight i = d * (q[i] - 16)
  struct Block {
    uint16_t d;  // fp16
    uint8_t qh[4];
    uint8_t qs[16];
  };
  static_assert(sizeof(Block) == 22);

  static void expand(const Block& block, IntBlock& out) {
    out.scale[0] = half_to_float(block.d);
    unpack_nibbles(block.qs, 16, out.q);
    add_fifth_bits(block.qh, out.q);
  }
};

}  // namespace heng::formats
