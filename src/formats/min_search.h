// The search that K-quants with a minimum per group are encoded by. Source: ggml-quants.c,
// make_qkx2_quants. Every step rounds as there, so that the blocks are the same bits.
// Pure functions; safe from any thread.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace heng::formats {

// The nearest integer, halves to the even one, by adding and taking away 1.5 * 2^23: there fp32 has
// steps of 1. REQUIRES: |value| < 2^22.
inline int round_to_even(float value) {
  const float shifted = value + 12582912.0f;
  int32_t bits;
  std::memcpy(&bits, &shifted, sizeof(bits));
  return (bits & 0x007fffff) - 0x00400000;
}

inline int clamp_level(int level, int max) {
  return level < 0 ? 0 : level > max ? max : level;
}

// One group of weights as scale * level - minimum, minimum >= 0.
struct ScaledLevels {
  float scale, minimum;
};

struct WeightRange {
  float low, high;     // low is 0 where all are positive
  float sum_w, sum_x;  // of the importances; of the weights times theirs
};

inline WeightRange range_of(const float* weights, const float* importance, size_t n) {
  WeightRange r{weights[0], weights[0], importance[0], importance[0] * weights[0]};
  for (size_t i = 1; i < n; ++i) {
    r.low = weights[i] < r.low ? weights[i] : r.low;
    r.high = weights[i] > r.high ? weights[i] : r.high;
    r.sum_w += importance[i];
    r.sum_x += importance[i] * weights[i];
  }
  if (r.low > 0) r.low = 0;
  return r;
}

// Fits levels `q` in 0..max to `n` <= 32 weights so that the squares of the errors, each times
// `importance`, are small in sum: starts from the whole range and tries 21 others between 1 level
// fewer and 1 level more, each with the scale and minimum that fit its levels best. Of equals the
// first. REQUIRES: finite weights.
inline ScaledLevels fit_levels(const float* weights, const float* importance, size_t n, int max,
                               uint8_t* q) {
  constexpr int kTries = 20;
  constexpr float kFirst = -1.0f, kStep = 0.1f;
  const WeightRange r = range_of(weights, importance, n);
  if (r.high == r.low) {
    std::memset(q, 0, n);
    return {0.0f, -r.low};
  }
  const float inverse = static_cast<float>(max) / (r.high - r.low);
  float scale = 1 / inverse, minimum = r.low;
  // As upstream: what is tried next starts from the best minimum so far.
  const auto level = [&](float inverse_scale, size_t i) {
    return clamp_level(round_to_even(inverse_scale * (weights[i] - minimum)), max);
  };
  const auto sum_of_errors = [&](const uint8_t* levels, float by, float from) {
    float sum = 0;
    for (size_t i = 0; i < n; ++i) {
      const float error = by * static_cast<float>(levels[i]) + from - weights[i];
      sum += importance[i] * (error * error);
    }
    return sum;
  };
  for (size_t i = 0; i < n; ++i) q[i] = static_cast<uint8_t>(level(inverse, i));
  float least = sum_of_errors(q, scale, minimum);
  uint8_t tried_q[32];
  for (int t = 0; t <= kTries; ++t) {
    const float tried =
        (kFirst + kStep * static_cast<float>(t) + static_cast<float>(max)) / (r.high - minimum);
    float sum_l = 0, sum_l2 = 0, sum_xl = 0;
    for (size_t i = 0; i < n; ++i) {
      tried_q[i] = static_cast<uint8_t>(level(tried, i));
      const auto l = static_cast<float>(tried_q[i]);
      sum_l += importance[i] * l;
      sum_l2 += importance[i] * l * l;
      sum_xl += importance[i] * l * weights[i];
    }
    const float determinant = r.sum_w * sum_l2 - sum_l * sum_l;
    if (!(determinant > 0)) continue;
    float new_scale = (r.sum_w * sum_xl - r.sum_x * sum_l) / determinant;
    float new_minimum = (sum_l2 * r.sum_x - sum_l * sum_xl) / determinant;
    if (new_minimum > 0) {
      new_minimum = 0;
      new_scale = sum_xl / sum_l2;
    }
    if (const float sum = sum_of_errors(tried_q, new_scale, new_minimum); sum < least) {
      std::memcpy(q, tried_q, n);
      least = sum;
      scale = new_scale;
      minimum = new_minimum;
    }
  }
  return {scale, -minimum};
}

}  // namespace heng::formats
