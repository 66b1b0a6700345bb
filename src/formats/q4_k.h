// q4_k: 256 weights of 4 bits in 8 groups, each with a 6-bit scale and a 6-bit minimum in units
// that the block holds as fp16; 4.5 bits a weight.
// Source: ggml's block_q4_K, dequantize_row_q4_K, quantize_row_q4_K_ref.
#pragma once

#include "base/half.h"
#include "formats/block_format.h"
#include "formats/block_parts.h"
#include "formats/min_search.h"

namespace heng::formats {

struct Q4_K {
  static constexpr DType kDType = DType::kQ4_K;
  static constexpr std::string_view kName = "q4_k";
  static constexpr uint32_t kLength = 256, kGroup = 32, kBits = 4;
  static constexpr int kZero = -1;
  static constexpr bool kHasFactors = true;

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
    out.unit = half_to_float(block.d);
    out.min_unit = half_to_float(block.dmin);
    for (size_t g = 0; g < 8; ++g) {
      const ScaleAndMin factor = unpack_scale_and_min(block.scales, g);
      out.factor[g] = static_cast<int8_t>(factor.scale);
      out.min_factor[g] = factor.min;
    }
    for (size_t i = 0; i < 4; ++i) unpack_nibbles(block.qs + i * 32, 32, out.q + i * 64);
  }

  // Each group is fitted by itself; then its scale and minimum are rounded to 6 bits of the
  // block's largest, and the levels are taken anew for what became of them. Errors of large weights
  // count more. REQUIRES: finite weights.
  static void encode(const float* weights, Block& block) {
    constexpr size_t kGroups = kLength / kGroup;
    constexpr float kMostFactor = 63.0f;
    ScaledLevels fitted[kGroups];
    uint8_t q[kLength];
    float most_scale = 0, most_minimum = 0;
    for (size_t g = 0; g < kGroups; ++g) {
      fitted[g] = fit_group(weights + g * kGroup, q + g * kGroup);
      most_scale = fitted[g].scale > most_scale ? fitted[g].scale : most_scale;
      most_minimum = fitted[g].minimum > most_minimum ? fitted[g].minimum : most_minimum;
    }
    const float to_scale = most_scale > 0 ? kMostFactor / most_scale : 0.0f;
    const float to_minimum = most_minimum > 0 ? kMostFactor / most_minimum : 0.0f;
    ScaleAndMin factors[kGroups];
    for (size_t g = 0; g < kGroups; ++g) {
      factors[g] = {six_bits(to_scale * fitted[g].scale), six_bits(to_minimum * fitted[g].minimum)};
    }
    block.d = float_to_half(most_scale / kMostFactor);
    block.dmin = float_to_half(most_minimum / kMostFactor);
    pack_scales_and_mins(factors, block.scales);
    const float d = half_to_float(block.d), dmin = half_to_float(block.dmin);
    for (size_t g = 0; g < kGroups; ++g) {
      const float scale = d * static_cast<float>(factors[g].scale);
      const float minimum = dmin * static_cast<float>(factors[g].min);
      if (scale == 0) continue;  // levels do not matter, and stay
      for (size_t i = g * kGroup; i < (g + 1) * kGroup; ++i) {
        q[i] = static_cast<uint8_t>(clamp_level(round_to_even((weights[i] + minimum) / scale), 15));
      }
    }
    for (size_t i = 0; i < 4; ++i) pack_nibbles(q + i * 64, 32, block.qs + i * 32);
  }

 private:
  static ScaledLevels fit_group(const float* weights, uint8_t* q) {
    float sum_of_squares = 0;
    for (size_t i = 0; i < kGroup; ++i) sum_of_squares += weights[i] * weights[i];
    const float typical = std::sqrt(sum_of_squares / static_cast<float>(kGroup));
    float importance[kGroup];
    for (size_t i = 0; i < kGroup; ++i) importance[i] = typical + std::abs(weights[i]);
    return fit_levels(weights, importance, kGroup, 15, q);
  }
  static uint8_t six_bits(float value) {
    return static_cast<uint8_t>(clamp_level(round_to_even(value), 63));
  }
};

}  // namespace heng::formats
