// Scores -> the next token. First what others may change (on_logits, logit_bias), then in
// transformers' order: repetition penalty, OpenAI's presence and frequency penalties, forbidden
// tokens, temperature, top_k, top_p, softmax, draw. The result is a function of scores, settings,
// seed and step alone: the generator and the exponential are our own arithmetic, so no library
// version or processor changes them. A Sampler serves one reply, from one thread at a time; its
// work space is kept from step to step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "heng/generation.h"

namespace heng::engine {

// Number `step` of the stream `seed`, in [0, 1), a multiple of 2^-53. SplitMix64 (Steele, Lea and
// Flood, "Fast splittable pseudorandom number generators", 2014) read at position `step`; the seed
// goes through the mixer first, so that neighbouring seeds give unrelated streams.
double uniform(uint64_t seed, uint64_t step);

// A seed nobody chose: from the system, below 2^32 so that people can type it again.
uint64_t fresh_seed();

class Sampler {
 public:
  using Adjust = std::function<void(std::span<float> logits)>;

  // `prompt` counts for the repetition penalty. REQUIRES: config.check() passed, vocabulary > 0,
  // ids of prompt and logit_bias in [0, vocabulary).
  Sampler(const GenerationConfig& config, size_t vocabulary, std::span<const TokenId> prompt,
          uint64_t seed);

  // The next token of the reply. `logits` [vocabulary] is used as work space; tokens in `forbidden`
  // (may be outside the vocabulary) cannot come out. `adjust` may be empty; it gets the model's own
  // scores. Throws Error kCorrupt where a score is not finite, kInvalidArgument where every token
  // is forbidden or `adjust` leaves NaN or infinity, and what `adjust` throws.
  TokenId next(std::span<float> logits, std::span<const TokenId> forbidden = {},
               const Adjust& adjust = {});

 private:
  friend std::vector<double> probabilities(std::span<const float>, std::span<const TokenId>,
                                           const GenerationConfig&);
  struct Candidate {
    float score;
    TokenId id;
  };
  // Heap order: the best on top; among equals the higher id, which torch's ascending sort cuts
  // last.
  static bool worse(const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score < b.score : a.id < b.id;
  }

  void see(TokenId id);
  void remember(TokenId id);
  void prepare(std::span<float> logits, std::span<const TokenId> forbidden) const;
  float kth_best(std::span<const float> scores);
  void filter(std::span<float> scores);
  void keep_top_p(std::span<const float> scores, float best);
  TokenId draw() const;

  const double temperature_, top_p_;
  const float penalty_, presence_, frequency_;
  const std::vector<std::pair<TokenId, float>> bias_;
  const size_t top_k_;  // 0: all
  const bool greedy_;
  const uint64_t seed_;
  uint64_t step_ = 0;
  std::vector<uint8_t> seen_;      // [vocabulary]: occurred in prompt or reply; empty: no matter
  std::vector<TokenId> seen_ids_;  // the same as a list
  std::unordered_map<TokenId, uint32_t> drawn_;  // how often in the reply; empty: no matter
  std::vector<float> best_;            // heap of the k best scores, the least of them on top
  std::vector<Candidate> candidates_;  // what is left after filter(), in the order of the draw
  std::vector<double> weights_;        // of candidates_: exp(score - best score)
};

// What `next` would draw from, [vocabulary], as if do_sample were set: 0 for tokens that are
// filtered out. Throws as Sampler::next.
std::vector<double> probabilities(std::span<const float> logits,
                                  std::span<const TokenId> previous_ids,
                                  const GenerationConfig& config);

}  // namespace heng::engine
