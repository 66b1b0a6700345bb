// Random weights in any format, all of them finite and of moderate size.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "formats/format.h"
#include "support/random.h"

namespace heng::test {

// [rows, k] in blocks of `f`: encoded from normal numbers, or, for formats without an encoder,
// random bytes drawn until every scale is below 0.02 and every minimum below 0.2.
inline std::vector<std::byte> finite_blocks(const formats::WeightFormat& f, size_t rows, size_t k,
                                            uint32_t seed) {
  std::vector<std::byte> bytes(rows * k / f.block_length * f.block_bytes);
  if (f.encode_row != nullptr) {
    const auto values = normal_floats(rows * k, seed, 0.1f);
    f.encode_row(values.data(), bytes.data(), rows * k);
    return bytes;
  }
  std::mt19937 generator(seed);
  formats::IntBlock block;
  for (size_t b = 0; b < bytes.size() / f.block_bytes; ++b) {
    std::byte* at = bytes.data() + b * f.block_bytes;
    const auto usable = [&] {
      f.expand_block(at, block);
      for (size_t g = 0; g < f.block_length / f.group_length; ++g) {
        if (!(std::abs(block.scale[g]) < 0.02f && std::abs(block.min[g]) < 0.2f)) return false;
      }
      return true;
    };
    do {
      for (size_t i = 0; i < f.block_bytes; ++i) at[i] = static_cast<std::byte>(generator());
    } while (!usable());
  }
  return bytes;
}

}  // namespace heng::test
