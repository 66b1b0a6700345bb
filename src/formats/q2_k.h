// q2_k: 256 weights of 2 bits in 16 groups, each with a 4-bit scale and a 4-bit minimum in units
// that the block holds as fp16; 2.625 bits a weight. Read only.
// Source: ggml's block_q2_K, dequantize_row_q2_K.
#pragma once

#include "base/half.h"
#include "formats/block_format.h"

namespace heng::formats {

struct Q2_K {
  static constexpr DType kDType = DType::kQ2_K;
  static constexpr std::string_view kName = "q2_k";
  static constexpr uint32_t kLength = 256, kGroup = 16, kBits = 2;
  static constexpr int kZero = -1;
  static constexpr bool kHasFactors = true;

  //   0              16                48                80   82     84
  //   | m:s of       | weights         | weights         | d  | dmin |
  //   | 16 groups    | 0..127          | 128..255        |    |      |
  //   weight i = d * s * q[i] - dmin * m      s = low, m = high nibble of its group
  // qs: byte l of each half holds its weights l, 32 + l, 64 + l, 96 + l, from the lowest bits up.
  struct Block {
    uint8_t scales[16];
    uint8_t qs[64];
    uint16_t d, dmin;  // fp16
  };
  static_assert(sizeof(Block) == 84);

  static void expand(const Block& block, IntBlock& out) {
    out.unit = half_to_float(block.d);
    out.min_unit = half_to_float(block.dmin);
    for (size_t g = 0; g < 16; ++g) {
      out.factor[g] = static_cast<int8_t>(block.scales[g] & 0x0f);
      out.min_factor[g] = block.scales[g] >> 4;
    }
    for (size_t part = 0; part < 8; ++part) {  // 32 weights each
      const uint8_t* packed = block.qs + part / 4 * 32;
      for (size_t l = 0; l < 32; ++l) out.q[part * 32 + l] = (packed[l] >> (part % 4 * 2)) & 3;
    }
  }
};

}  // namespace heng::formats
