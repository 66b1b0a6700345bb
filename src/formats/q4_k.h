// q4_k: 256 weights of 4 bits in 8 groups, each with a 6-bit scale and a 6-bit minimum in units
// that the block holds as fp16; 4.5 bits a weight. Read only.
// Source: ggml's block_q4_K, dequantize_row_q4_K.
#pragma once

#include "base/half.h"
#include "formats/block_format.h"
#include "formats/block_parts.h"

namespace heng::formats {

struct Q4_K {
  static constexpr DType kDType = DType::kQ4_K;
  static constexpr std::string_view kName = "q4_k";
  static constexpr uint32_t kLength = 256, kGroup = 32, kBits = 4;
  static constexpr int kZero = -1;
  static constexpr bool kHalfScales = false;

  //   0    2      4         16               48          80           112          144
  //   | d  | dmin | s and m | weights 0..63  | 64..127   | 128..191   | 192..255   |
  //   weight i = d * s * q[i] - dmin * m      how s and m are packed: block_parts.h
  // Each 32 bytes: low nibbles the first 32 weights, high nibbles the next 32.
  struct Block {
    uint16_t d, dmin;  // fp16
    uint8_t scales[12];
    uint8_t qs[128];
  };
  static_assert(sizeof(Block) == 144);

  static void expand(const Block& block, IntBlock& out) {
    const float d = half_to_float(block.d), dmin = half_to_float(block.dmin);
    for (size_t g = 0; g < 8; ++g) {
      const ScaleAndMin factor = unpack_scale_and_min(block.scales, g);
      out.scale[g] = d * static_cast<float>(factor.scale);
      out.min[g] = -(dmin * static_cast<float>(factor.min));
    }
    for (size_t i = 0; i < 4; ++i) unpack_nibbles(block.qs + i * 32, 32, out.q + i * 64);
  }
};

}  // namespace heng::formats
