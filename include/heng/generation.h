// How a reply is drawn from the model's scores: the settings of generation_config.json, by the
// names transformers gives them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "heng/tokenizer.h"

namespace heng {

struct GenerationConfig {
  bool do_sample = false;    // false: the best token each time (greedy)
  double temperature = 1.0;  // > 0; scores are divided by it
  int64_t top_k = 50;        // keep the k best and ties with the last of them; 0: all
  double top_p = 1.0;        // keep the smallest set of tokens whose probabilities reach it; 1: all
  double repetition_penalty = 1.0;  // > 0; once per distinct token of prompt and reply; 1: none
  // OpenAI's: taken from the score of each token that came in the reply, once and per occurrence.
  double presence_penalty = 0, frequency_penalty = 0;
  std::map<TokenId, float> logit_bias;  // added to the scores of these tokens
  int64_t max_new_tokens = 512;
  int64_t min_new_tokens = 0;  // end tokens cannot come before this many
  std::optional<int64_t>
      max_length;  // prompt + reply; the smaller of this and max_new_tokens holds
  std::optional<int64_t> min_length;  // prompt + reply
  std::optional<uint64_t> seed;       // nullopt: a new one each time
  // Up to this many tokens are guessed each step from earlier places of the same text, and kept
  // where they are what comes out: the reply is the same, sooner where it repeats. 0: none.
  int64_t speculate = 0;
  bool ignore_eos = false;                          // go on through end tokens (for measurements)
  std::vector<TokenId> eos_ids;                     // end tokens, besides the chat format's
  std::vector<std::vector<TokenId>> stop_word_ids;  // sequences that end the reply; not part of it
  std::vector<std::string> stop;                    // texts that end the reply; not part of it
  // Qwen's own: "chatml" or "raw", and the window of its prompts.
  std::string chat_format;
  int64_t max_window_size = 0;  // 0: not set

  // generation_config.json of a folder, or that file itself. A folder without one gives the
  // defaults. Throws Error kCorrupt naming the field.
  static GenerationConfig from_pretrained(const std::filesystem::path& path);
  // Throws Error kInvalidArgument naming the setting, its value and what it may be.
  void check() const;
};

}  // namespace heng
