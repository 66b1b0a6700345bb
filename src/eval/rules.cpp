#include "eval/rules.h"

#include <array>

#include "eval/scoring/choice.h"
#include "eval/scoring/letters.h"

namespace heng::eval {
namespace {

// The right answer as the data has it; empty where it has none.
const std::string& wanted(const Question& question, const Protocol& protocol) {
  static const std::string kNone;
  const auto found = question.fields.find(protocol.answer);
  return found == question.fields.end() ? kNone : found->second;
}

template <size_t (*Best)(std::span<const float>)>
Verdict read_letter(const Question& question, const Protocol& protocol,
                    const std::vector<float>& scores) {
  if (scores.size() != protocol.choices.size()) return {};
  // Choices may carry the blank they are scored with: " A".
  std::string letter = protocol.choices[Best(scores)];
  letter.erase(0, letter.find_first_not_of(' '));
  return {letter, "", letter == wanted(question, protocol)};
}

Verdict read_logits(const Question& question, const Protocol& protocol, const Kept& kept) {
  return read_letter<best_letter>(question, protocol, kept.answer.letters.probs);
}

Verdict read_bf16(const Question& question, const Protocol& protocol, const Kept& kept) {
  return read_letter<best_letter_bf16>(question, protocol, kept.answer.letters.bf16_probs);
}

std::string_view field(const Question& question, std::string_view name) {
  const auto found = question.fields.find(name);
  return found == question.fields.end() ? std::string_view() : std::string_view(found->second);
}

FourOptions options_of(const Question& question) {
  return {field(question, "A"), field(question, "B"), field(question, "C"), field(question, "D")};
}

Verdict choice_verdict(const ReadChoice& choice, const Question& question,
                       const Protocol& protocol) {
  const std::string letter(1, choice.letter);
  return {letter, std::string(1, choice.step), letter == wanted(question, protocol)};
}

Verdict read_zh(const Question& question, const Protocol& protocol, const Kept& kept) {
  return choice_verdict(
      read_choice_zh(kept.answer.text, field(question, "question"), options_of(question)), question,
      protocol);
}

Verdict read_en(const Question& question, const Protocol& protocol, const Kept& kept) {
  return choice_verdict(read_choice_en(kept.answer.text, options_of(question)), question, protocol);
}

constexpr std::array kRules = {
    Rule{.name = "qwen-bf16",
         .about = "the letter that Qwen's base scripts pick: softmax twice in bf16",
         .reads_letters = true,
         .read = read_bf16},
    Rule{.name = "logits",
         .about = "the letter of the highest probability",
         .reads_letters = true,
         .read = read_logits},
    Rule{.name = "qwen-choice-zh",
         .about = "the letter that Qwen's C-Eval chat script reads out of a reply",
         .read = read_zh},
    Rule{.name = "qwen-choice-en",
         .about = "the letter that Qwen's MMLU chat script reads out of a reply",
         .read = read_en},
};

}  // namespace

const Rule* find_rule(std::string_view name) {
  for (const Rule& rule : kRules) {
    if (rule.name == name) return &rule;
  }
  return nullptr;
}

std::string rule_names() {
  std::string all;
  for (const Rule& rule : kRules) all += (all.empty() ? "" : ", ") + std::string(rule.name);
  return all;
}

}  // namespace heng::eval
