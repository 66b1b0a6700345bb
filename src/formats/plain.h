// Weights stored as plain numbers, one after the other: f64 (read only), f32, f16, bf16.
// Rows may lie at any address: elements are copied out, never read through a typed pointer.
// Pure functions; safe from any thread.
#pragma once

#include <cstring>

#include "base/half.h"
#include "formats/format.h"

namespace heng::formats {

// A plain format is a struct with kDType, kName, Stored, decode and, where writing is supported,
// encode.
struct F64 {
  static constexpr DType kDType = DType::kF64;
  static constexpr std::string_view kName = "f64";
  using Stored = double;
  static float decode(double stored) { return static_cast<float>(stored); }
};

struct F32 {
  static constexpr DType kDType = DType::kF32;
  static constexpr std::string_view kName = "f32";
  using Stored = float;
  static float decode(float stored) { return stored; }
  static float encode(float weight) { return weight; }
};

struct F16 {
  static constexpr DType kDType = DType::kF16;
  static constexpr std::string_view kName = "f16";
  using Stored = uint16_t;
  static float decode(uint16_t stored) { return half_to_float(stored); }
  static uint16_t encode(float weight) { return float_to_half(weight); }
};

struct BF16 {
  static constexpr DType kDType = DType::kBF16;
  static constexpr std::string_view kName = "bf16";
  using Stored = uint16_t;
  static float decode(uint16_t stored) { return bf16_to_float(stored); }
  static uint16_t encode(float weight) { return float_to_bf16(weight); }
};

template <typename Format>
void decode_plain(const std::byte* src, float* dst, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    typename Format::Stored stored;
    std::memcpy(&stored, src + i * sizeof(stored), sizeof(stored));
    dst[i] = Format::decode(stored);
  }
}

template <typename Format>
void encode_plain(const float* src, std::byte* dst, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    const typename Format::Stored stored = Format::encode(src[i]);
    std::memcpy(dst + i * sizeof(stored), &stored, sizeof(stored));
  }
}

template <typename Format>
constexpr WeightFormat plain_format() {
  WeightFormat row{.name = Format::kName,
                   .dtype = Format::kDType,
                   .block_length = 1,
                   .block_bytes = sizeof(typename Format::Stored),
                   .decode_row = decode_plain<Format>};
  if constexpr (requires { &Format::encode; }) row.encode_row = encode_plain<Format>;
  return row;
}

}  // namespace heng::formats
