// BLEU as sacrebleu 2 computes it: tokenisation 13a or zh, exponential smoothing. Pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace heng::eval {

enum class BleuTokens { k13a, kZh };

// Tokens with one blank between them.
std::string bleu_tokenised(std::string_view text, BleuTokens tokens);

// Of any number of pairs together: sums of their own add up to a corpus.
struct BleuCounts {
  static constexpr size_t kOrders = 4;
  std::array<uint64_t, kOrders> right{}, total{};  // n-grams found, and there are
  uint64_t length = 0, reference_length = 0;       // tokens

  BleuCounts& operator+=(const BleuCounts& other);
};

BleuCounts bleu_counts(std::string_view hypothesis, std::string_view reference, BleuTokens tokens);

struct Bleu {
  double score = 0;  // 0 to 100
  double brevity = 1;
  std::array<double, BleuCounts::kOrders> precisions{};
};

// `effective_order`: orders that no n-gram has are left out, as for single sentences.
Bleu bleu_of(const BleuCounts& counts, bool effective_order);

}  // namespace heng::eval
