// q5_k: 256 weights of 5 bits in 8 groups, each with a 6-bit scale and a 6-bit minimum in units
// that the block holds as fp16; 5.5 bits a weight. Read only.
// Source: ggml's block_q5_K, dequantize_row_q5_K.
#pragma once

#include "base/half.h"
#include "formats/block_format.h"
#include "formats/block_parts.h"

namespace heng::formats {

struct Q5_K {
  static constexpr DType kDType = DType::kQ5_K;
  static constexpr std::string_view kName = "q5_k";
  static constexpr uint32_t kLength = 256, kGroup = 32, kBits = 5;
  static constexpr int kZero = -1;
  static constexpr bool kHasFactors = true;

  //   0    2      4         16         48               80        112        144        176
  //   | d  | dmin | s and m | bit 4    | weights 0..63  | 64..127 | 128..191 | 192..255 |
  //   weight i = d * s * q[i] - dmin * m      how s and m are packed: block_parts.h
  // qh: byte l holds bit 4 of weights l, 32 + l, ... 224 + l, from its lowest bit up.
  // qs: bits 3..0 as in q4_k.
  struct Block {
    uint16_t d, dmin;  // fp16
    uint8_t scales[12];
    uint8_t qh[32];
    uint8_t qs[128];
  };
  static_assert(sizeof(Block) == 176);

  static void expand(const Block& block, IntBlock& out) {
    out.unit = half_to_float(block.d);
    out.min_unit = half_to_float(block.dmin);
    for (size_t g = 0; g < 8; ++g) {
      const ScaleAndMin factor = unpack_scale_and_min(block.scales, g);
      out.factor[g] = static_cast<int8_t>(factor.scale);
      out.min_factor[g] = factor.min;
    }
    for (size_t i = 0; i < 4; ++i) unpack_nibbles(block.qs + i * 32, 32, out.q + i * 64);
    for (size_t g = 0; g < 8; ++g) {
      uint8_t* q = out.q + g * 32;
      for (size_t l = 0; l < 32; ++l) {
        q[l] = static_cast<uint8_t>(q[l] | (((block.qh[l] >> g) & 1) << 4));
      }
    }
  }
};

}  // namespace heng::formats
