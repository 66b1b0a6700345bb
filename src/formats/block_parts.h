// Pieces that several GGUF block layouts have in common: nibbles in two halves, a fifth bit stored
// apart, eight pairs of 6-bit factors in 12 bytes, and the safe steps of the encoders.
// Pure functions; safe from any thread. Source: layouts of ggml-common.h, arithmetic of
// ggml-quants.c.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace heng::formats {

// `n` bytes hold 2n weights: the low nibbles are the first n, the high nibbles the next n.
inline void unpack_nibbles(const uint8_t* packed, size_t n, uint8_t* q) {
  for (size_t i = 0; i < n; ++i) {
    q[i] = packed[i] & 0x0f;
    q[n + i] = packed[i] >> 4;
  }
}

inline void pack_nibbles(const uint8_t* q, size_t n, uint8_t* packed) {
  for (size_t i = 0; i < n; ++i) packed[i] = static_cast<uint8_t>(q[i] | (q[n + i] << 4));
}

// Bit i of the 32 bits in `high` (little-endian) is bit 4 of q[i].
inline void add_fifth_bits(const uint8_t (&high)[4], uint8_t* q) {
  for (size_t i = 0; i < 32; ++i) {
    q[i] = static_cast<uint8_t>(q[i] | (((high[i / 8] >> (i % 8)) & 1) << 4));
  }
}

// The 12 bytes of q4_k and q5_k: scale s and minimum m, 6 bits each, of 8 groups.
//
//   byte     7 6      5 4 3 2 1 0
//   0..3     s4..s7 * s0..s3          * bits 5 4 of s[4 + j] above the 6 bits of s[j]
//   4..7     m4..m7 * m0..m3          * likewise for m
//            7 6 5 4       3 2 1 0
//   8..11    m4..m7 low    s4..s7 low
struct ScaleAndMin {
  uint8_t scale, min;
};
inline ScaleAndMin unpack_scale_and_min(const uint8_t (&packed)[12], size_t group) {
  if (group < 4) {
    return {static_cast<uint8_t>(packed[group] & 0x3f),
            static_cast<uint8_t>(packed[group + 4] & 0x3f)};
  }
  const uint8_t low = packed[group + 4];
  return {static_cast<uint8_t>((low & 0x0f) | ((packed[group - 4] >> 6) << 4)),
          static_cast<uint8_t>((low >> 4) | ((packed[group] >> 6) << 4))};
}

// REQUIRES: 8 factors, each below 64.
inline void pack_scales_and_mins(const ScaleAndMin* factors, uint8_t (&packed)[12]) {
  for (size_t j = 0; j < 4; ++j) {
    const ScaleAndMin low = factors[j], high = factors[j + 4];
    packed[j] = static_cast<uint8_t>(low.scale | (high.scale >> 4 << 6));
    packed[j + 4] = static_cast<uint8_t>(low.min | (high.min >> 4 << 6));
    packed[j + 8] = static_cast<uint8_t>((high.scale & 0x0f) | ((high.min & 0x0f) << 4));
  }
}

// 1 / step; 0 where the step is zero or so small that its inverse is no number (such a step is
// stored as zero anyway).
inline float inverse_step(float step) {
  const float inverse = 1.0f / step;
  return std::abs(inverse) <= std::numeric_limits<float>::max() ? inverse : 0.0f;
}

// The largest magnitude of `n` weights. By bit patterns, which order magnitudes as integers: such a
// loop becomes vector code, one over floats does not. Any NaN counts as the largest.
inline float largest_magnitude(const float* weights, size_t n) {
  int32_t largest = 0;
  for (size_t i = 0; i < n; ++i) {
    const int32_t bits = __builtin_bit_cast(int32_t, weights[i]) & 0x7fffffff;
    largest = largest > bits ? largest : bits;
  }
  return __builtin_bit_cast(float, largest);
}

// Cuts the fraction off into [0, max]; NaN gives 0. Callers add the half that makes it round.
inline uint8_t cut_to_level(float value, int max) {
  const auto most = static_cast<float>(max);
  const float above = value > 0.0f ? value : 0.0f;
  return static_cast<uint8_t>(static_cast<int>(above < most ? above : most));
}

}  // namespace heng::formats
