// What a count of right answers says, and what it does not: intervals, paired tests, resampling.
// Pure functions; the same input and seed give the same figures on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace heng::statistics {

struct Interval {
  double low = 0, high = 0;
};

// The value below which `share` of the sorted values lie; between two linear, as numpy's default.
// REQUIRES: not empty.
double quantile(std::span<const double> sorted, double share);

// The quantile of the standard normal distribution. REQUIRES: 0 < p < 1.
double normal_quantile(double p);

// Wilson's score interval of k right answers out of n (Wilson 1927). REQUIRES: k <= n, n > 0,
// 0 < confidence < 1.
Interval wilson_interval(uint64_t k, uint64_t n, double confidence = 0.95);

// Two systems on the same questions, by those that only one has right.
struct McNemar {
  double exact_p = 1;  // two-sided binomial test
  double mid_p = 1;
  // Edwards' corrected statistic, the plain one, and their p; NaN where nothing differs.
  double chi2_corrected, chi2_corrected_p;
  double chi2, chi2_p;
};
McNemar mcnemar(uint64_t only_first, uint64_t only_second);

// The chance that at least one of k samples passes, where c of n did: 1 - C(n-c, k) / C(n, k), the
// unbiased estimator of Chen et al. 2021. REQUIRES: c <= n, n > 0, k > 0.
double pass_at_k(uint64_t n, uint64_t c, uint64_t k);

// xoshiro256** (Blackman and Vigna 2018), seeded through splitmix64: the same draws everywhere.
class Random {
 public:
  explicit Random(uint64_t seed);
  uint64_t next();
  // Uniform in [0, n), without bias. REQUIRES: n > 0.
  uint64_t below(uint64_t n);

 private:
  uint64_t state_[4];
};

// The order in which a seed puts n things (Fisher and Yates).
std::vector<size_t> shuffled(size_t n, uint64_t seed);

constexpr size_t kResamples = 10000;

// Percentile intervals of figures made of several groups of answers (1 right, 0 wrong), by drawing
// each group again with replacement. `figures` gets the mean of each group (NaN of an empty one)
// and gives the values to be bounded, always as many.
std::vector<Interval> bootstrap_intervals(
    std::span<const std::vector<uint8_t>> groups,
    const std::function<std::vector<double>(std::span<const double> means)>& figures, uint64_t seed,
    size_t resamples = kResamples, double confidence = 0.95);

}  // namespace heng::statistics
