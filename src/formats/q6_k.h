// q6_k: 256 weights of 6 bits in 16 groups, each with a signed 8-bit scale in units that the block
// holds as fp16, zero in the middle; 6.5625 bits a weight. Read only.
// Source: ggml's block_q6_K, dequantize_row_q6_K.
#pragma once

#include "base/half.h"
#include "formats/block_format.h"

namespace heng::formats {

struct Q6_K {
  static constexpr DType kDType = DType::kQ6_K;
  static constexpr std::string_view kName = "q6_k";
  static constexpr uint32_t kLength = 256, kGroup = 16, kBits = 6;
  static constexpr int kZero = 32;
  static constexpr bool kHasFactors = true;

  //   0                64               128            160          192      208  210
  //   | bits 3..0 of   | bits 3..0 of   | bits 5..4 of | bits 5..4  | scales | d  |
  //   | weights 0..127 | 128..255       | 0..127       | 128..255   |        |    |
  //   weight i = d * s * (q[i] - 32)
  // ql: byte l of each half holds its weights l (low nibble) and 64 + l (high nibble).
  // qh: byte l of each half holds its weights l, 32 + l, 64 + l, 96 + l, from the lowest bits up.
  struct Block {
    uint8_t ql[128];
    uint8_t qh[64];
    int8_t scales[16];
    uint16_t d;  // fp16
  };
  static_assert(sizeof(Block) == 210);

  static void expand(const Block& block, IntBlock& out) {
    out.unit = half_to_float(block.d);
    for (size_t g = 0; g < 16; ++g) out.factor[g] = block.scales[g];
    for (size_t part = 0; part < 8; ++part) {  // 32 weights each
      const size_t half = part / 4, quarter = part % 4;
      const uint8_t* low = block.ql + half * 64 + quarter % 2 * 32;
      const uint8_t* high = block.qh + half * 32;
      for (size_t l = 0; l < 32; ++l) {
        const int bits_3_0 = (low[l] >> (quarter / 2 * 4)) & 0x0f;
        const int bits_5_4 = (high[l] >> (quarter * 2)) & 3;
        out.q[part * 32 + l] = static_cast<uint8_t>(bits_3_0 | (bits_5_4 << 4));
      }
    }
  }
};

}  // namespace heng::formats
