#include "text/turn_format.h"

#include "text/message_rules.h"

namespace heng::text {
namespace {

// REQUIRES: `messages` were checked to come in turn.
Dialog read_dialog(std::span<const Message> messages) {
  Dialog dialog;
  for (const Message& message : messages) {
    const std::string_view content = message.content;
    if (message.role == "system") dialog.system = content;
    if (message.role == "user") dialog.query.question = content;
    if (message.role == "input") dialog.query.input = content;
    if (message.role == "assistant") {
      dialog.query.answer = content;
      dialog.turns.push_back(std::exchange(dialog.query, {}));
    }
  }
  return dialog;
}

}  // namespace

Prompt TurnFormat::build(const Tokenizer& tokenizer, std::span<const Message> messages,
                         const PromptOptions& options) const {
  check_messages(messages, options.tools,
                 {.format = style_.name,
                  .system = style_.takes_system,
                  .in_turn = true,
                  .input = style_.takes_input});
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::string problem = problem_with(messages[i].content);
    if (!problem.empty()) refuse_message(i, problem, style_.name);
  }
  Dialog dialog = read_dialog(messages);
  if (!dialog.system && !style_.default_system.empty()) dialog.system = style_.default_system;
  size_t dropped = style_.one_turn ? dialog.turns.size() : 0;
  dialog.turns.erase(dialog.turns.begin(), dialog.turns.begin() + dropped);
  while (true) {
    PromptWriter writer(tokenizer, style_.name);
    write(writer, dialog);
    Piece piece = writer.take();
    const bool fits = !options.max_window_tokens || piece.ids.size() < *options.max_window_tokens;
    if (fits || dialog.turns.empty()) return {std::move(piece.ids), std::move(piece.text), dropped};
    dialog.turns.erase(dialog.turns.begin());
    ++dropped;
  }
}

std::vector<TokenId> TurnFormat::stop_ids(const Tokenizer& tokenizer) const {
  const auto end = tokenizer.eos_id();
  return end ? std::vector{*end} : std::vector<TokenId>();
}

bool draws_by_default(const GenerationConfig& config) {
  const GenerationConfig none;
  return config.do_sample == none.do_sample && config.temperature == none.temperature &&
         config.top_k == none.top_k && config.top_p == none.top_p &&
         config.repetition_penalty == none.repetition_penalty;
}

}  // namespace heng::text
