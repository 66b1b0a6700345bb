// q3_k: 256 weights of 3 bits in 16 groups, each with a signed 6-bit scale in units that the block
// holds as fp16; 3.4375 bits a weight. Read only.
// Source: ggml's block_q3_K, dequantize_row_q3_K.
// Upstream reads the third bit as "4 is not subtracted": the same as an unsigned number with its
// zero at 4.
#pragma once

#include "base/half.h"
#include "formats/block_format.h"

namespace heng::formats {

struct Q3_K {
  static constexpr DType kDType = DType::kQ3_K;
  static constexpr std::string_view kName = "q3_k";
  static constexpr uint32_t kLength = 256, kGroup = 16, kBits = 3;
  static constexpr int kZero = 4;
  static constexpr bool kHasFactors = true;

  //   0           32                64                96         108  110
  //   | bit 2 of  | bits 1..0 of    | bits 1..0 of    | scales   | d  |
  //   | all       | weights 0..127  | 128..255        |          |    |
  //   weight i = d * (s - 32) * (q[i] - 4)
  // hmask: byte l holds bit 2 of weights l, 32 + l, ... 224 + l, from its lowest bit up.
  // qs: byte l of each half holds its weights l, 32 + l, 64 + l, 96 + l, from the lowest bits up.
  // scales: the low 4 bits of groups g and 8 + g are the nibbles of byte g; the high 2 bits of
  // groups g, 4 + g, 8 + g, 12 + g lie in byte 8 + g, from the lowest bits up.
  struct Block {
    uint8_t hmask[32];
    uint8_t qs[64];
    uint8_t scales[12];
    uint16_t d;  // fp16
  };
  static_assert(sizeof(Block) == 110);

  static void expand(const Block& block, IntBlock& out) {
    out.unit = half_to_float(block.d);
    for (size_t g = 0; g < 16; ++g) {
      const int low = (block.scales[g % 8] >> (g / 8 * 4)) & 0x0f;
      const int high = (block.scales[8 + g % 4] >> (g / 4 * 2)) & 3;
      out.factor[g] = static_cast<int8_t>((low | (high << 4)) - 32);
    }
    for (size_t part = 0; part < 8; ++part) {  // 32 weights each
      const uint8_t* packed = block.qs + part / 4 * 32;
      for (size_t l = 0; l < 32; ++l) {
        const int low = (packed[l] >> (part % 4 * 2)) & 3;
        const int high = (block.hmask[l] >> part) & 1;
        out.q[part * 32 + l] = static_cast<uint8_t>(low | (high << 2));
      }
    }
  }
};

}  // namespace heng::formats
