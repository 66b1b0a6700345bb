// int4 and int8 by groups: 4- or 8-bit integers with one fp16 scale and one 8-bit zero for 32 or
// 128 weights in a row. No file holds these blocks: GPTQ's and AWQ's tensors become them while
// loading (models/group_weights.h), so that nothing behind that knows either. In the packed form of
// the kernels 4.75 or 4.19 bits a weight, and 8.75 or 8.19.
#pragma once

#include <algorithm>

#include "base/half.h"
#include "formats/block_format.h"
#include "formats/block_parts.h"

namespace heng::formats {

template <DType kType, uint32_t kBitsEach, uint32_t kWeights>
struct IntGroup {
  static constexpr DType kDType = kType;
  static constexpr uint32_t kLength = kWeights, kGroup = kWeights, kBits = kBitsEach;
  static constexpr int kZero = kStoredZero;
  static constexpr bool kHasFactors = false;
  static constexpr std::string_view kName = kBits == 4 ? (kGroup == 32 ? "int4_g32" : "int4_g128")
                                                       : (kGroup == 32 ? "int8_g32" : "int8_g128");

  //   0       2      3        4
  //   | scale | zero | unused | q ...        weight i = scale * (q[i] - zero)
  // 8 bits: q in order; 4 bits: the low nibbles are the first half, the high ones the second.
  struct Block {
    uint16_t scale;  // fp16
    uint8_t zero, unused;
    uint8_t qs[kWeights * kBitsEach / 8];
  };
  static_assert(sizeof(Block) == 4 + kWeights * kBitsEach / 8);

  static void expand(const Block& block, IntBlock& out) {
    out.scale[0] = half_to_float(block.scale);
    out.zero[0] = block.zero;
    if constexpr (kBits == 4) {
      unpack_nibbles(block.qs, kLength / 2, out.q);
    } else {
      std::copy_n(block.qs, kLength, out.q);
    }
  }

  // The block of kLength integers below 2^kBits.
  static Block make(uint16_t scale, uint8_t zero, const uint8_t* q) {
    Block block{scale, zero, 0, {}};
    if constexpr (kBits == 4) {
      pack_nibbles(q, kLength / 2, block.qs);
    } else {
      std::copy_n(q, kLength, block.qs);
    }
    return block;
  }
};

using Int4G32 = IntGroup<DType::kInt4G32, 4, 32>;
using Int4G128 = IntGroup<DType::kInt4G128, 4, 128>;
using Int8G32 = IntGroup<DType::kInt8G32, 8, 32>;
using Int8G128 = IntGroup<DType::kInt8G128, 8, 128>;

}  // namespace heng::formats
