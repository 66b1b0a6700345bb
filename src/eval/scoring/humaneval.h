// Functions out of replies to HumanEval, and its prompts for chat models, as Qwen's
// evaluate_humaneval.py (base) and evaluate_chat_humaneval.py (chat) have them. Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace heng::eval {

// What continues the prompt.
std::string humaneval_base_completion(std::string_view reply);
std::string humaneval_chat_completion(std::string_view reply, std::string_view entry_point);

// "name(arguments) -> type" and the docstring of a prompt, its lines stripped; empty where it has
// none.
std::string humaneval_signature(std::string_view prompt, std::string_view entry_point);
std::string humaneval_docstring(std::string_view prompt);

}  // namespace heng::eval
