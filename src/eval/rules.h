// How answers are read: each rule makes a verdict of what a model gave, as one published script
// does. A run is scored under every rule of its protocol.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "eval/questions.h"
#include "eval/scoring/bleu.h"
#include "eval/store.h"

namespace heng::eval {

struct Verdict {
  std::string read;  // what the rule took for the answer: "C", "42", a function's body
  std::string step;  // which of the rule's steps found it; may be empty
  bool right = false;
};

struct Rule {
  std::string_view name, about;
  bool reads_letters = false;  // needs probabilities of choices
  // What is read continues the question's prompt as a program: right is what the sandbox said.
  bool runs_code = false;
  // A figure of all answers together: what is read is a hypothesis, right is not said.
  std::optional<BleuTokens> bleu = std::nullopt;
  Verdict (*read)(const Question& question, const Protocol& protocol, const Kept& kept) = nullptr;
};

const Rule* find_rule(std::string_view name);  // nullptr where there is none
std::string rule_names();                      // "logits, qwen-bf16, ..."

}  // namespace heng::eval
