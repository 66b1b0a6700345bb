#include "engine/softmax.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace heng::engine {
namespace {

// The n best scores, best first; among equals the lower id, as a greedy choice takes it.
std::vector<TokenLogprob> best_scores(std::span<const float> logits, size_t n) {
  const auto better = [](const TokenLogprob& a, const TokenLogprob& b) {
    return a.logprob != b.logprob ? a.logprob > b.logprob : a.id < b.id;
  };
  n = std::min(n, logits.size());
  std::vector<TokenLogprob> best;  // a heap with the least of them on top
  if (n == 0) return best;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (best.size() == n && logits[i] <= best.front().logprob) continue;
    if (best.size() == n) {
      std::pop_heap(best.begin(), best.end(), better);
      best.pop_back();
    }
    best.push_back({static_cast<TokenId>(i), logits[i]});
    std::push_heap(best.begin(), best.end(), better);
  }
  std::sort(best.begin(), best.end(), better);
  return best;
}

}  // namespace

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

// x * 0 is 0 for every finite x and NaN otherwise: sums without branches tell, in lanes for
// vectors.
bool all_finite(std::span<const float> values) {
  constexpr size_t kLanes = 16;
  std::array<float, kLanes> sums{};
  size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    const float* row = &values[i];
    for (size_t lane = 0; lane < kLanes; ++lane) sums[lane] += row[lane] * 0.0f;
  }
  for (; i < values.size(); ++i) sums[0] += values[i] * 0.0f;
  return std::accumulate(sums.begin(), sums.end(), 0.0f) == 0.0f;
}

void check_finite(std::span<const float> logits) {
  if (all_finite(logits)) return;
  const auto bad = std::find_if_not(logits.begin(), logits.end(),
                                    [](float score) { return std::isfinite(score); });
  throw Error(ErrorCode::kCorrupt, "the score of token " + std::to_string(bad - logits.begin()) +
                                       " is not a finite number: the weights are damaged, or fp16 "
                                       "overflowed. Try --dtype fp32.");
}

Logprobs log_softmax(std::span<const float> logits, TokenId token, size_t n_top) {
  const float best = *std::max_element(logits.begin(), logits.end());
  const double log_sum = std::log(sum_of_weights(logits, best));
  const auto logprob = [&](float score) {
    return static_cast<float>(static_cast<double>(score) - best - log_sum);
  };
  Logprobs result{logprob(logits[static_cast<size_t>(token)]), best_scores(logits, n_top)};
  for (TokenLogprob& of_token : result.top) of_token.logprob = logprob(of_token.logprob);
  return result;
}

}  // namespace heng::engine
