#include "engine/sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "heng/error.h"

namespace heng::engine {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

// The finaliser of SplitMix64 (variant 13 of Stafford's mixers).
uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

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
double sum_of_weights(std::span<const float> scores, float best) {
  constexpr size_t kLanes = 64;
  std::array<double, kLanes> sums{};
  size_t i = 0;
  for (; i + kLanes <= scores.size(); i += kLanes) {
    const float* row = &scores[i];
    for (size_t lane = 0; lane < kLanes; ++lane) {
      sums[lane] += exp_not_positive(static_cast<double>(row[lane]) - best);
    }
  }
  for (; i < scores.size(); ++i) sums[0] += exp_not_positive(static_cast<double>(scores[i]) - best);
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

size_t index_of_best(std::span<const float> scores) {
  const size_t best = std::max_element(scores.begin(), scores.end()) - scores.begin();
  if (scores[best] == kNever) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "every token is forbidden: min_new_tokens or min_length rule out all end tokens, and "
        "the model has no other token.");
  }
  return best;
}

void check_finite(std::span<const float> logits) {
  // x * 0 is 0 for every finite x and NaN otherwise: one sum without branches tells.
  float sum = 0;
  for (const float score : logits) sum += score * 0.0f;
  if (sum == 0.0f) return;
  const auto bad = std::find_if_not(logits.begin(), logits.end(),
                                    [](float score) { return std::isfinite(score); });
  throw Error(ErrorCode::kCorrupt, "the score of token " + std::to_string(bad - logits.begin()) +
                                       " is not a finite number: the weights are damaged, or fp16 "
                                       "overflowed. Try --dtype fp32.");
}

}  // namespace

double uniform(uint64_t seed, uint64_t step) {
  constexpr uint64_t kGamma = 0x9e3779b97f4a7c15u;  // 2^64 / golden ratio, SplitMix64's step
  const uint64_t bits = mix(mix(seed + kGamma) + (step + 1) * kGamma);
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

uint64_t fresh_seed() {
  return std::random_device{}();
}

Sampler::Sampler(const GenerationConfig& config, size_t vocabulary, std::span<const TokenId> prompt,
                 uint64_t seed)
    : temperature_(config.temperature),
      top_p_(config.top_p),
      penalty_(static_cast<float>(config.repetition_penalty)),
      top_k_(static_cast<size_t>(config.top_k)),
      greedy_(!config.do_sample),
      seed_(seed),
      seen_(vocabulary) {
  for (const TokenId id : prompt) remember(id);
}

void Sampler::remember(TokenId id) {
  if (seen_[id]) return;
  seen_[id] = 1;
  seen_ids_.push_back(id);
}

TokenId Sampler::next(std::span<float> logits, std::span<const TokenId> forbidden) {
  prepare(logits, forbidden);
  TokenId id;
  if (greedy_) {
    id = static_cast<TokenId>(index_of_best(logits));
  } else {
    filter(logits);
    id = draw();
  }
  ++step_;
  remember(id);
  return id;
}

void Sampler::prepare(std::span<float> logits, std::span<const TokenId> forbidden) const {
  check_finite(logits);
  if (penalty_ != 1.0f) {
    for (const TokenId id : seen_ids_) {
      float& score = logits[id];
      score = score < 0 ? score * penalty_ : score / penalty_;
    }
  }
  for (const TokenId id : forbidden) {
    if (id >= 0 && static_cast<size_t>(id) < logits.size()) logits[id] = kNever;
  }
}

// The k-th best score; with fewer than k scores the least.
float Sampler::kth_best(std::span<const float> scores) {
  const size_t k = std::min(top_k_, scores.size());
  best_.assign(scores.begin(), scores.begin() + k);
  std::make_heap(best_.begin(), best_.end(), std::greater<>());
  for (const float score : scores.subspan(k)) {
    if (score <= best_.front()) continue;
    std::pop_heap(best_.begin(), best_.end(), std::greater<>());
    best_.back() = score;
    std::push_heap(best_.begin(), best_.end(), std::greater<>());
  }
  return best_.front();
}

// Leaves in candidates_ what may be drawn, with weights_.
void Sampler::filter(std::span<float> scores) {
  if (temperature_ != 1.0) {
    const auto divisor = static_cast<float>(temperature_);
    for (float& score : scores) score /= divisor;
  }
  const float best = scores[index_of_best(scores)];
  if (!std::isfinite(best)) {
    throw Error(ErrorCode::kInvalidArgument,
                "temperature " + std::to_string(temperature_) +
                    " is too low for this model: its scores overflow.");
  }
  candidates_.clear();
  const float least = top_k_ > 0 && top_k_ < scores.size() ? kth_best(scores) : kNever;
  if (least != kNever) {
    for (size_t i = 0; i < scores.size(); ++i) {
      if (scores[i] >= least) candidates_.push_back({scores[i], static_cast<TokenId>(i)});
    }
  }
  if (top_p_ < 1.0) {
    keep_top_p(scores, best);
  } else if (least == kNever) {
    for (size_t i = 0; i < scores.size(); ++i) {
      candidates_.push_back({scores[i], static_cast<TokenId>(i)});
    }
  }
  weights_.clear();
  for (const Candidate& c : candidates_) {
    weights_.push_back(exp_not_positive(static_cast<double>(c.score) - best));
  }
}

// The smallest set of best tokens whose probabilities reach top_p: a token stays while the sum
// before it is below top_p. Tokens under (1 - top_p) / n cannot be in it, as all of them together
// do not fill the part that is cut; so only the others, usually a few hundred, are put in order,
// and only as far as needed.
void Sampler::keep_top_p(std::span<const float> scores, float best) {
  double total = 0;
  if (candidates_.empty()) {
    total = sum_of_weights(scores, best);
    const double share =
        std::max(1.0 - top_p_, 1e-300) * total / static_cast<double>(scores.size());
    const double least =
        best + std::log(share) - 1e-6 * (1.0 + std::abs(best));  // on the safe side
    for (size_t i = 0; i < scores.size(); ++i) {
      if (scores[i] >= least) candidates_.push_back({scores[i], static_cast<TokenId>(i)});
    }
  } else {
    for (const Candidate& c : candidates_) {
      total += exp_not_positive(static_cast<double>(c.score) - best);
    }
  }
  std::make_heap(candidates_.begin(), candidates_.end(), worse);
  auto heap_end = candidates_.end();
  double sum = 0;
  do {
    std::pop_heap(candidates_.begin(), heap_end--, worse);
    sum += exp_not_positive(static_cast<double>(heap_end->score) - best);
  } while (sum < top_p_ * total && heap_end != candidates_.begin());
  candidates_.erase(candidates_.begin(), heap_end);
}

TokenId Sampler::draw() const {
  double total = 0;
  for (const double weight : weights_) total += weight;
  const double target = uniform(seed_, step_) * total;  // < total
  double sum = 0;
  size_t chosen = 0;
  for (size_t i = 0; i < weights_.size() && sum <= target; ++i) {
    sum += weights_[i];
    chosen = i;
  }
  return candidates_[chosen].id;
}

std::vector<double> probabilities(std::span<const float> logits,
                                  std::span<const TokenId> previous_ids,
                                  const GenerationConfig& config) {
  GenerationConfig sampling = config;
  sampling.do_sample = true;
  Sampler sampler(sampling, logits.size(), previous_ids, 0);
  std::vector<float> scores(logits.begin(), logits.end());
  sampler.prepare(scores, {});
  sampler.filter(scores);
  double total = 0;
  for (const double weight : sampler.weights_) total += weight;
  std::vector<double> result(logits.size());
  for (size_t i = 0; i < sampler.candidates_.size(); ++i) {
    result[sampler.candidates_[i].id] = sampler.weights_[i] / total;
  }
  return result;
}

}  // namespace heng::engine
