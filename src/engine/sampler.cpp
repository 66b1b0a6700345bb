#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "engine/softmax.h"
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

size_t index_of_best(std::span<const float> scores) {
  const size_t best = std::max_element(scores.begin(), scores.end()) - scores.begin();
  if (scores[best] == kNever) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "every token is forbidden: min_new_tokens or min_length rule out all end tokens, and "
        "the model has no other token, or on_logits left none.");
  }
  return best;
}

// What on_logits may leave: numbers, and -infinity for what must not come.
void check_adjusted(std::span<const float> logits) {
  const auto bad = std::find_if_not(logits.begin(), logits.end(), [](float score) {
    return std::isfinite(score) || score == kNever;
  });
  if (bad == logits.end()) return;
  throw Error(ErrorCode::kInvalidArgument, "on_logits left a score of token " +
                                               std::to_string(bad - logits.begin()) +
                                               " that is neither a number nor -infinity.");
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
      presence_(static_cast<float>(config.presence_penalty)),
      frequency_(static_cast<float>(config.frequency_penalty)),
      bias_(config.logit_bias.begin(), config.logit_bias.end()),
      top_k_(static_cast<size_t>(config.top_k)),
      greedy_(!config.do_sample),
      seed_(seed) {
  if (penalty_ == 1.0f) return;
  seen_.resize(vocabulary);
  for (const TokenId id : prompt) see(id);
}

void Sampler::see(TokenId id) {
  if (seen_[id]) return;
  seen_[id] = 1;
  seen_ids_.push_back(id);
}

void Sampler::remember(TokenId id) {
  if (penalty_ != 1.0f) see(id);
  if (presence_ != 0.0f || frequency_ != 0.0f) ++drawn_[id];
}

TokenId Sampler::next(std::span<float> logits, std::span<const TokenId> forbidden,
                      const Adjust& adjust) {
  check_finite(logits);
  if (adjust) {
    adjust(logits);
    check_adjusted(logits);
  }
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
  for (const auto& [id, bias] : bias_) logits[id] += bias;
  if (penalty_ != 1.0f) {
    for (const TokenId id : seen_ids_) {
      float& score = logits[id];
      score = score < 0 ? score * penalty_ : score / penalty_;
    }
  }
  for (const auto& [id, count] : drawn_) {
    logits[id] -= frequency_ * static_cast<float>(count) + presence_;
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
  check_finite(scores);
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
