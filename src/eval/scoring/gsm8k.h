// Numbers out of replies to GSM8K, as Qwen's evaluate_gsm8k.py (base) and evaluate_chat_gsm8k.py
// (chat) take them. Pure functions.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace heng::eval {

// `text` up to the first of `stops`.
std::string_view cut_at(std::string_view text, std::span<const std::string_view> stops);

struct ReadNumber {
  std::string read;  // the number as it is compared; empty: none that can be
  bool right = false;
};

// The last run of digits: no signs, commas or decimals. `answer` is the data's solution with its
// "#### 42". Throws Error kCorrupt where that has no number.
ReadNumber read_gsm8k_base(std::string_view reply, std::string_view answer);
// The reply as far as the base script looks at it.
std::string_view gsm8k_base_completion(std::string_view reply);

// The last number with sign, thousands' commas and decimals, against the solution's last.
ReadNumber read_gsm8k_chat(std::string_view reply, std::string_view answer);

// The last number of a text as the chat script writes it; nullopt: there is none.
std::optional<std::string> last_number(std::string_view text);

}  // namespace heng::eval
