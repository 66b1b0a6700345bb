// What a model's scores say of the letters A to D. Pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace heng::eval {

struct LetterScores {
  std::vector<float> probs;  // in the softmax over the whole vocabulary, fp32
  // The same as Qwen's published scripts have it: scores in bf16, softmax rounded to bf16.
  std::vector<float> bf16_probs;
};

// `logits` [vocabulary]. REQUIRES: ids lie inside.
LetterScores score_letters(std::span<const float> logits, std::span<const int32_t> ids);

// The index of the best letter; of equals the first. REQUIRES: not empty.
size_t best_letter(std::span<const float> probs);
// As Qwen's scripts choose: softmax over the letters' bf16 probabilities, rounded to bf16 again,
// which makes many of them equal; of equals the first (evaluate_ceval.py).
size_t best_letter_bf16(std::span<const float> bf16_probs);

}  // namespace heng::eval
