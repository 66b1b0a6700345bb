// What every quantised format shares: from a format's block struct and its expand function this
// makes the WeightFormat row, the row decoder included. A format is a struct with
//   kDType, kName, kLength, kGroup, kBits, kZero, kHasFactors   as the members of WeightFormat
//   Block                                                       the bytes, with static_assert
//   static void expand(const Block&, IntBlock&)                 q and scale; min for kStoredMin,
//                                                               zero for kStoredZero; with factors
//                                                               those and units instead
//   static void encode(const float*, Block&)                    optional; kLength weights
// Pure functions; safe from any thread.
#pragma once

#include <cstring>

#include "formats/format.h"

namespace heng::formats {

// Blocks may lie anywhere in a mapped file, so they are copied out before their fields are read.
template <typename Format>
void expand_block(const std::byte* bytes, IntBlock& out) {
  typename Format::Block block;
  std::memcpy(&block, bytes, sizeof(block));
  Format::expand(block, out);
  if constexpr (Format::kHasFactors) {
    for (size_t g = 0; g < Format::kLength / Format::kGroup; ++g) {
      out.scale[g] = out.unit * static_cast<float>(out.factor[g]);
      if (Format::kZero == kStoredMin) {
        out.min[g] = -(out.min_unit * static_cast<float>(out.min_factor[g]));
      }
    }
  }
  if constexpr (Format::kZero != kStoredMin) {
    for (size_t g = 0; g < Format::kLength / Format::kGroup; ++g) {
      const int zero = Format::kZero == kStoredZero ? out.zero[g] : Format::kZero;
      out.min[g] = -static_cast<float>(zero) * out.scale[g];
    }
  }
}

// Group g of a block: n weights from their integers. The product fits fp32 exactly in every format
// (a scale has at most 19 bits, an integer 8), so only the addition rounds, fused or not. Both
// forms are upstream's own, down to the sign of zero.
template <int kZero>
void decode_group(const IntBlock& block, size_t g, float* dst, size_t n) {
  const uint8_t* q = block.q + g * n;
  const float scale = block.scale[g], min = block.min[g];
  const int zero = kZero == kStoredZero ? block.zero[g] : kZero;
  for (size_t i = 0; i < n; ++i) {
    if constexpr (kZero != kStoredMin) {
      dst[i] = scale * static_cast<float>(static_cast<int>(q[i]) - zero);
    } else {
      dst[i] = scale * static_cast<float>(q[i]) + min;
    }
  }
}

template <typename Format>
void decode_blocks(const std::byte* src, float* dst, size_t n) {
  IntBlock block;
  for (size_t at = 0; at < n; at += Format::kLength, src += sizeof(typename Format::Block)) {
    expand_block<Format>(src, block);
    for (size_t first = 0; first < Format::kLength; first += Format::kGroup) {
      decode_group<Format::kZero>(block, first / Format::kGroup, dst + at + first, Format::kGroup);
    }
  }
}

template <typename Format>
void encode_blocks(const float* src, std::byte* dst, size_t n) {
  typename Format::Block block;
  for (size_t at = 0; at < n; at += Format::kLength, dst += sizeof(block)) {
    Format::encode(src + at, block);
    std::memcpy(dst, &block, sizeof(block));
  }
}

template <typename Format>
constexpr WeightFormat block_format() {
  static_assert(Format::kLength <= IntBlock::kMaxLength && Format::kLength % Format::kGroup == 0);
  static_assert(Format::kGroup == 16 || Format::kGroup == 32 || Format::kGroup == 128);
  WeightFormat row{.name = Format::kName,
                   .dtype = Format::kDType,
                   .block_length = Format::kLength,
                   .block_bytes = sizeof(typename Format::Block),
                   .group_length = Format::kGroup,
                   .bits = Format::kBits,
                   .zero = Format::kZero,
                   .has_factors = Format::kHasFactors,
                   .expand_block = expand_block<Format>,
                   .decode_row = decode_blocks<Format>};
  if constexpr (requires { &Format::encode; }) row.encode_row = encode_blocks<Format>;
  return row;
}

}  // namespace heng::formats
