#include "eval/rules.h"

#include <array>

#include "eval/scoring/choice.h"
#include "eval/scoring/code_points.h"
#include "eval/scoring/gsm8k.h"
#include "eval/scoring/humaneval.h"
#include "eval/scoring/letters.h"

namespace heng::eval {
namespace {

// The right answer as the data has it; empty where it has none.
std::string_view wanted(const Question& question, const Protocol& protocol) {
  return field(question, protocol.answer);
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

Verdict number_verdict(const ReadNumber& number) {
  return {number.read, "", number.right};
}

Verdict read_number_base(const Question& question, const Protocol& protocol, const Kept& kept) {
  return number_verdict(read_gsm8k_base(kept.answer.text, wanted(question, protocol)));
}

Verdict read_number_chat(const Question& question, const Protocol& protocol, const Kept& kept) {
  return number_verdict(read_gsm8k_chat(kept.answer.text, wanted(question, protocol)));
}

// What follows the last of the words that such answers are announced by; else the last line.
Verdict read_exact(const Question& question, const Protocol& protocol, const Kept& kept) {
  constexpr std::string_view kAnnounced = "answer is ";
  std::string_view text = kept.answer.text;
  const size_t at = text.rfind(kAnnounced);
  if (at != std::string_view::npos) {
    text.remove_prefix(at + kAnnounced.size());
    text = text.substr(0, text.find('\n'));
  } else {
    while (text.ends_with('\n')) text.remove_suffix(1);
    text.remove_prefix(text.rfind('\n') + 1);
  }
  std::string read = to_utf8(strip_spaces(to_runes(text)));
  if (read.ends_with('.')) read.pop_back();
  return {read, "", read == wanted(question, protocol)};
}

Verdict read_translation(const Question&, const Protocol&, const Kept& kept) {
  const std::string line = to_utf8(strip_spaces(to_runes(kept.answer.text)));
  return {line.substr(0, line.find('\n')), "", false};
}

Verdict code_verdict(std::string completion, const Kept& kept) {
  return {std::move(completion), kept.verdict, kept.verdict == "passed"};
}

Verdict read_code_base(const Question&, const Protocol&, const Kept& kept) {
  return code_verdict(humaneval_base_completion(kept.answer.text), kept);
}

Verdict read_code_chat(const Question& question, const Protocol&, const Kept& kept) {
  return code_verdict(humaneval_chat_completion(kept.answer.text, field(question, "entry_point")),
                      kept);
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
    Rule{.name = "qwen-gsm8k-base",
         .about = "the last run of digits, as Qwen's base script for GSM8K takes it",
         .read = read_number_base},
    Rule{.name = "qwen-gsm8k-chat",
         .about = "the last number, as Qwen's chat script for GSM8K takes it",
         .read = read_number_chat},
    Rule{.name = "qwen-humaneval-base",
         .about = "the reply as Qwen's base script for HumanEval cuts it, run against the tests",
         .runs_code = true,
         .read = read_code_base},
    Rule{.name = "qwen-humaneval-chat",
         .about = "the function that Qwen's chat script for HumanEval finds, run against the tests",
         .runs_code = true,
         .read = read_code_chat},
    Rule{.name = "exact",
         .about = "what follows the last \"answer is\", else the last line, letter for letter",
         .read = read_exact},
    Rule{.name = "bleu-13a",
         .about = "BLEU of all first lines together, tokens as mteval-v13a",
         .bleu = BleuTokens::k13a,
         .read = read_translation},
    Rule{.name = "bleu-zh",
         .about = "BLEU of all first lines together, each Chinese character a token",
         .bleu = BleuTokens::kZh,
         .read = read_translation},
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
