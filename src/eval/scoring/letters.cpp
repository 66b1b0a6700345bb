#include "eval/scoring/letters.h"

#include <algorithm>
#include <cmath>

#include "base/half.h"

namespace heng::eval {
namespace {

float as_bf16(float value) {
  return bf16_to_float(float_to_bf16(value));
}

template <typename Round>
std::vector<float> softmax_at(std::span<const float> logits, std::span<const int32_t> ids,
                              const Round& round) {
  float top = round(logits[0]);
  for (const float x : logits) top = std::max(top, round(x));
  double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<double>(round(x)) - top);
  std::vector<float> probs;
  for (const int32_t id : ids) {
    const double p = std::exp(static_cast<double>(round(logits[id])) - top) / sum;
    probs.push_back(round(static_cast<float>(p)));
  }
  return probs;
}

}  // namespace

LetterScores score_letters(std::span<const float> logits, std::span<const int32_t> ids) {
  return {softmax_at(logits, ids, [](float x) { return x; }), softmax_at(logits, ids, as_bf16)};
}

size_t best_letter(std::span<const float> probs) {
  return std::max_element(probs.begin(), probs.end()) - probs.begin();
}

size_t best_letter_bf16(std::span<const float> bf16_probs) {
  std::vector<int32_t> all(bf16_probs.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int32_t>(i);
  return best_letter(softmax_at(bf16_probs, all, as_bf16));
}

}  // namespace heng::eval
