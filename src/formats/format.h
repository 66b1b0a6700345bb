// Weight formats: how the numbers of one block are stored. Every quantised format is, per group of
// 16, 32 or 128 neighbouring weights, small unsigned integers q with one scale and one minimum:
//     weight = scale * q + min
// where the minimum may be stored as an integer zero, min = -zero * scale. A format file says just
// that (expand_block). Row conversion, the packed form of the fast
// kernels and the contract tests all follow from it. Pure functions; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/tensor.h"

namespace heng::formats {

// One expanded block. `scale` and `min` are exact in fp32: the products that a K-quant's block
// stores in two factors (d * 6-bit scale) fit 24 bits, so scale * q + min rounds once, as
// upstream's decoder does.
struct IntBlock {
  static constexpr size_t kMaxLength = 256;
  uint8_t q[kMaxLength];          // in the row's order
  float scale[kMaxLength / 16];   // one per group
  float min[kMaxLength / 16];     // one per group; exactly -zero * scale where there is a zero
  uint8_t zero[kMaxLength / 16];  // one per group, where the format stores zeros (kStoredZero)
  // Formats with factors: scale = unit * factor and min = -(min_unit * min_factor) of each group.
  float unit, min_unit;
  int8_t factor[kMaxLength / 16];
  uint8_t min_factor[kMaxLength / 16];
};

// What WeightFormat::zero says where the zero is not one number for all groups.
inline constexpr int kStoredMin = -1;   // each group has a minimum of its own
inline constexpr int kStoredZero = -2;  // each group has an integer zero of its own

struct WeightFormat {
  std::string_view name;  // as dtype_name
  DType dtype;
  uint32_t block_length;  // weights per block
  uint32_t block_bytes;
  // Quantised formats only (0 and nullptr for plain ones):
  uint32_t group_length = 0;  // 16, 32 or 128
  uint32_t bits = 0;          // q < 2^bits; 2..8
  // Symmetric formats: weight = scale * (q - zero), so that min = -zero * scale in every group;
  // else kStoredMin or kStoredZero.
  int zero = kStoredMin;
  // False: `scale` and, where the format stores one, `min` of every group are values that fp16
  // holds. True: they are 8-bit factors of units that the block holds as fp16.
  bool has_factors = false;
  void (*expand_block)(const std::byte* block, IntBlock& out) = nullptr;
  // Plain and quantised: `n` weights (a multiple of block_length) from or to fp32. The bytes may
  // lie at any address; the two must not overlap. decode_row gives upstream's fp32 bits.
  void (*decode_row)(const std::byte* src, float* dst, size_t n) = nullptr;
  // nullptr where writing is not supported.
  void (*encode_row)(const float* src, std::byte* dst, size_t n) = nullptr;
};

// All formats, one a line in list.inc.
std::span<const WeightFormat* const> all_formats();

// nullptr where `dtype` is no weight format (integers, bool).
const WeightFormat* find_format(DType dtype);

}  // namespace heng::formats
