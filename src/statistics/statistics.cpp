#include "statistics/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace heng::statistics {
namespace {

double normal_below(double z) {
  return 0.5 * std::erfc(-z / std::sqrt(2.0));
}

// The chance that a chi-squared variable with one degree of freedom passes `x`.
double chi2_above(double x) {
  return std::erfc(std::sqrt(x / 2));
}

// The chance of at most k heads out of n tosses, and of exactly k.
struct Tosses {
  long double at_most = 0, exactly = 0;
};

Tosses tosses(uint64_t k, uint64_t n) {
  // C(n, i) / 2^n, each out of the one before it; in logarithms, as 2^-n alone may underflow.
  const long double start = -static_cast<long double>(n) * std::log(2.0L);
  long double log_term = start;
  Tosses result;
  for (uint64_t i = 0; i <= k; ++i) {
    if (i > 0) {
      log_term +=
          std::log(static_cast<long double>(n - i + 1)) - std::log(static_cast<long double>(i));
    }
    result.exactly = std::exp(log_term);
    result.at_most += result.exactly;
  }
  return result;
}

}  // namespace

double quantile(std::span<const double> sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const size_t below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

double normal_quantile(double p) {
  // Bisection to a start, then Newton's steps: exact to the last bits, and called a few times a
  // run.
  double low = -40, high = 40;
  for (int i = 0; i < 40; ++i) {
    const double middle = (low + high) / 2;
    (normal_below(middle) < p ? low : high) = middle;
  }
  double z = (low + high) / 2;
  for (int i = 0; i < 3; ++i) {
    const double density = std::exp(-z * z / 2) / std::sqrt(2 * M_PI);
    if (density > 0) z -= (normal_below(z) - p) / density;
  }
  return z;
}

Interval wilson_interval(uint64_t k, uint64_t n, double confidence) {
  const double z = normal_quantile(0.5 + confidence / 2);
  const double count = static_cast<double>(n);
  const double p = static_cast<double>(k) / count;
  const double spread = 1 + z * z / count;
  const double middle = (p + z * z / (2 * count)) / spread;
  const double half = z * std::sqrt(p * (1 - p) / count + z * z / (4 * count * count)) / spread;
  // At the ends rounding must not put the observed share outside.
  return {k == 0 ? 0 : std::max(0.0, middle - half), k == n ? 1 : std::min(1.0, middle + half)};
}

McNemar mcnemar(uint64_t only_first, uint64_t only_second) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  McNemar result{1, 1, kNone, kNone, kNone, kNone};
  const uint64_t n = only_first + only_second;
  if (n == 0) return result;
  const Tosses lower = tosses(std::min(only_first, only_second), n);
  result.exact_p = static_cast<double>(std::min(1.0L, 2 * lower.at_most));
  if (only_first != only_second) {
    result.mid_p = static_cast<double>(2 * lower.at_most - lower.exactly);
  }
  const double difference =
      std::abs(static_cast<double>(only_first) - static_cast<double>(only_second));
  const double count = static_cast<double>(n);
  result.chi2_corrected = (difference - 1) * (difference - 1) / count;
  result.chi2_corrected_p = chi2_above(result.chi2_corrected);
  result.chi2 = difference * difference / count;
  result.chi2_p = chi2_above(result.chi2);
  return result;
}

double pass_at_k(uint64_t n, uint64_t c, uint64_t k) {
  if (n - c < k) return 1;
  double none = 1;
  for (uint64_t i = n - c + 1; i <= n; ++i) {
    none *= 1 - static_cast<double>(k) / static_cast<double>(i);
  }
  return 1 - none;
}

Random::Random(uint64_t seed) {
  for (uint64_t& word : state_) {
    seed += 0x9e3779b97f4a7c15u;
    uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    word = z ^ (z >> 31);
  }
}

uint64_t Random::next() {
  const auto rotate = [](uint64_t x, int k) { return (x << k) | (x >> (64 - k)); };
  const uint64_t result = rotate(state_[1] * 5, 7) * 9;
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = rotate(state_[3], 45);
  return result;
}

uint64_t Random::below(uint64_t n) {
  // The first 2^64 mod n values would come once more often than the others.
  const uint64_t uneven = (0 - n) % n;
  uint64_t value = next();
  while (value < uneven) value = next();
  return value % n;
}

std::vector<size_t> shuffled(size_t n, uint64_t seed) {
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  Random random(seed);
  for (size_t i = n; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

std::vector<Interval> bootstrap_intervals(
    std::span<const std::vector<uint8_t>> groups,
    const std::function<std::vector<double>(std::span<const double> means)>& figures, uint64_t seed,
    size_t resamples, double confidence) {
  Random random(seed);
  std::vector<double> means(groups.size(), std::numeric_limits<double>::quiet_NaN());
  std::vector<std::vector<double>> drawn;  // [figure][resample]
  for (size_t round = 0; round < resamples; ++round) {
    for (size_t g = 0; g < groups.size(); ++g) {
      const auto& group = groups[g];
      if (group.empty()) continue;
      uint64_t right = 0;
      for (size_t i = 0; i < group.size(); ++i) right += group[random.below(group.size())];
      means[g] = static_cast<double>(right) / static_cast<double>(group.size());
    }
    const std::vector<double> values = figures(means);
    drawn.resize(values.size());
    for (size_t f = 0; f < values.size(); ++f) drawn[f].push_back(values[f]);
  }
  std::vector<Interval> intervals;
  for (auto& values : drawn) {
    std::sort(values.begin(), values.end());
    intervals.push_back(
        {quantile(values, (1 - confidence) / 2), quantile(values, (1 + confidence) / 2)});
  }
  return intervals;
}

}  // namespace heng::statistics
