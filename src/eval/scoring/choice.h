// The letter that a chat model's reply means, as Qwen's evaluate_chat_ceval.py and
// evaluate_chat_mmlu.py read it. There is always one. Pure functions.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace heng::eval {

struct ReadChoice {
  char letter = 'A';
  // What found it: a stated choice, b one that is called correct, c one that opens the reply, d a
  // lone letter, e the closest option.
  char step = 'e';
  std::string replaced;  // the reply with the options' texts replaced by their letters
};

using FourOptions = std::array<std::string_view, 4>;

ReadChoice read_choice_zh(std::string_view reply, std::string_view question,
                          const FourOptions& options);
ReadChoice read_choice_en(std::string_view reply, const FourOptions& options);

}  // namespace heng::eval
