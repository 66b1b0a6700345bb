// A chat format of questions and answers in turn: what LLaMA's, ChatGLM's and Alpaca's have in
// common. A format says how a checked conversation is written.
#pragma once

#include <string_view>
#include <vector>

#include "heng/chat.h"
#include "text/prompt_writer.h"

namespace heng::text {

struct Turn {
  std::string_view question, input, answer;  // input: Alpaca's, empty where there is none
};

// Views into the messages it was made of.
struct Dialog {
  std::optional<std::string_view> system;
  std::vector<Turn> turns;  // answered, oldest first
  Turn query;               // its answer is empty
};

struct TurnStyle {
  std::string_view name;
  std::string_view default_system = "";
  bool takes_system = true;
  bool takes_input = false;
  // Past turns are left out of a prompt, and counted as dropped: the model was trained without.
  bool one_turn = false;
};

class TurnFormat : public ChatFormat {
 public:
  explicit TurnFormat(TurnStyle style) : style_(style) {}

  std::string_view name() const final { return style_.name; }
  std::string_view default_system() const final { return style_.default_system; }
  Prompt build(const Tokenizer& tokenizer, std::span<const Message> messages,
               const PromptOptions& options) const final;
  // The tokenizer's end token, which all these formats have.
  std::vector<TokenId> stop_ids(const Tokenizer& tokenizer) const override;

 protected:
  virtual void write(PromptWriter& writer, const Dialog& dialog) const = 0;
  // Why a message with this content is refused; empty: it is not.
  virtual std::string problem_with(std::string_view) const { return ""; }

 private:
  const TurnStyle style_;
};

// Whether neither a checkpoint nor a user said how to draw tokens: all is as GenerationConfig has
// it.
bool draws_by_default(const GenerationConfig& config);

}  // namespace heng::text
