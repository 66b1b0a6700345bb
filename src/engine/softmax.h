// Scores -> probabilities and their logarithms, in our own arithmetic: the same on every processor
// and with every library. Pure functions, safe from many threads.
#pragma once

#include <bit>
#include <cstdint>
#include <span>

#include "heng/engine.h"

namespace heng::engine {

// e^x for x <= 0, within 1e-15 of the true value (relative); 0 below -700. Only additions,
// multiplications and integer steps that every processor rounds alike, and no branch, so that the
// compiler can do several at once: libm's exp is not the same everywhere. (A draw with top_p from
// 151,936 tokens took 1.9 ms with branches in here and takes 1.0 ms so.)
inline double exp_not_positive(double x) {
  constexpr double kLog2e = 1.4426950408889634, kShift = 0x1.8p52;
  constexpr double kLn2High = 0x1.62e42fefa0000p-1, kLn2Low = 0x1.cf79abc9e3b39p-40;
  const uint64_t tiny = 0 - (std::bit_cast<uint64_t>(x + 700.0) >> 63);  // all ones below -700
  const double clamped = std::bit_cast<double>(std::bit_cast<uint64_t>(x) & ~tiny);
  const double shifted = clamped * kLog2e + kShift;  // low bits: the nearest integer n
  const double n = shifted - kShift;
  const double r = (clamped - n * kLn2High) - n * kLn2Low;  // |r| <= ln(2) / 2
  double sum = 1.0 / 6227020800.0;  // Taylor's series to r^13: the next term is under 5e-18
  sum = sum * r + 1.0 / 479001600.0;
  sum = sum * r + 1.0 / 39916800.0;
  sum = sum * r + 1.0 / 3628800.0;
  sum = sum * r + 1.0 / 362880.0;
  sum = sum * r + 1.0 / 40320.0;
  sum = sum * r + 1.0 / 5040.0;
  sum = sum * r + 1.0 / 720.0;
  sum = sum * r + 1.0 / 120.0;
  sum = sum * r + 1.0 / 24.0;
  sum = sum * r + 1.0 / 6.0;
  sum = sum * r + 0.5;
  sum = sum * r + 1.0;
  sum = sum * r + 1.0;
  const double power = std::bit_cast<double>((std::bit_cast<uint64_t>(shifted) + 1023) << 52);
  return std::bit_cast<double>(std::bit_cast<uint64_t>(sum * power) & ~tiny);
}

// Sum of e^(score - best), always added in the same order: 64 running sums, then those.
double sum_of_weights(std::span<const float> scores, float best);

// Whether all are finite.
bool all_finite(std::span<const float> values);
// Throws Error kCorrupt naming the first token whose score is not finite.
void check_finite(std::span<const float> logits);

// Natural logarithms of the probabilities softmax(logits): of `token` and of the `n_top` best.
// REQUIRES: finite, token in range.
Logprobs log_softmax(std::span<const float> logits, TokenId token, size_t n_top);

}  // namespace heng::engine
