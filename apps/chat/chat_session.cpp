#include "chat/chat_session.h"

#include <cstdio>

#include "commands/commands.h"
#include "terminal/phrases.h"
#include "terminal/terminal.h"

namespace heng::chat {
namespace {

using terminal::Phrase;
using terminal::Stream;
using terminal::Style;
using terminal::text;

constexpr const char* kPrompt = "> ";
constexpr const char* kMorePrompt = "… ";
constexpr std::string_view kBlockMark = "\"\"\"";
constexpr int kFiguresColumn = 100;  // right edge of the figures on a wide terminal

}  // namespace

ChatSession::ChatSession(std::shared_ptr<const Model> model,
                         std::shared_ptr<const ChatFormat> format, GenerationConfig generation,
                         std::string system, bool think)
    : model_(std::move(model)),
      format_(std::move(format)),
      initial_(std::move(generation)),
      generation_(initial_),
      conversation_{std::move(system), {}},
      engine_(model_),
      editor_(terminal::chat_history_file()),
      think_(think) {}

int ChatSession::run() {
  terminal::note(text(Phrase::kChatHint), Stream::kOut);
  while (true) {
    fmt::print("\n");
    const std::optional<std::string> message = read_message();
    if (!message && ended_) break;
    if (!message) continue;
    if (strip(*message).empty()) continue;
    editor_.remember(*message);
    try {
      if (message->starts_with(':')) {
        if (obey(*message) == Next::kLeave) break;
      } else {
        ask(*message);
      }
    } catch (const Error& error) {
      terminal::print_error(error.what());
    }
  }
  return commands::kDone;
}

std::optional<std::string> ChatSession::read_message() {
  std::string line;
  const auto outcome = editor_.read(kPrompt, line);
  if (outcome == terminal::LineEditor::Outcome::kEnd) {
    fmt::print("\n");
    ended_ = true;
    return std::nullopt;
  }
  if (outcome == terminal::LineEditor::Outcome::kInterrupted) {
    ended_ = on_interrupted(line) == Next::kLeave;
    return std::nullopt;
  }
  warned_ = false;
  if (line.starts_with(kBlockMark)) return read_block(line.substr(kBlockMark.size()));
  while (line.ends_with('\\')) {
    line.back() = '\n';
    std::string more;
    if (editor_.read(kMorePrompt, more) != terminal::LineEditor::Outcome::kLine)
      return std::nullopt;
    line += more;
  }
  return line;
}

// Lines up to the closing mark; `text` is what followed the opening one.
std::optional<std::string> ChatSession::read_block(std::string text) {
  while (text.find(kBlockMark) == std::string::npos) {
    std::string more;
    if (editor_.read(kMorePrompt, more) != terminal::LineEditor::Outcome::kLine)
      return std::nullopt;
    if (!text.empty()) text += '\n';
    text += more;
  }
  text.resize(text.find(kBlockMark));
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

ChatSession::Next ChatSession::on_interrupted(const std::string& typed) {
  if (!typed.empty()) return Next::kGoOn;  // the line is given up
  if (warned_) return Next::kLeave;
  warned_ = true;
  terminal::note(text(Phrase::kAgainToLeave), Stream::kOut);
  return Next::kGoOn;
}

commands::Reply ChatSession::reply_to(const std::string& question, Stream notes,
                                      size_t& dropped_turns) {
  const auto messages = conversation_.messages(question);
  ChatRequest chat = chat_request(*format_, model_->tokenizer(), messages, generation_,
                                  model_->info().context, {.think = think_});
  dropped_turns = chat.dropped_turns;
  return commands::run_on_screen(engine_, std::move(chat.request),
                                 {.format = format_.get(), .thoughts = thoughts_, .notes = notes});
}

void ChatSession::ask(const std::string& question) {
  size_t dropped_turns = 0;
  const commands::Reply reply = reply_to(question, Stream::kOut, dropped_turns);
  fmt::print("\n");
  last_seed_ = reply.completion.seed;
  conversation_.turns.emplace_back(question, reply.text);  // the thought is not kept
  print_notes(reply.completion, dropped_turns);
}

void ChatSession::print_notes(const Completion& completion, size_t dropped_turns) const {
  if (completion.finish == FinishReason::kCancelled)
    terminal::note(text(Phrase::kStopped), Stream::kOut);
  if (completion.finish == FinishReason::kLength) {
    terminal::note(text(Phrase::kCutByLength, completion.ids.size()), Stream::kOut);
  }
  if (dropped_turns > 0) {
    terminal::note(
        text(dropped_turns == 1 ? Phrase::kDroppedTurn : Phrase::kDroppedTurns, dropped_turns),
        Stream::kOut);
  }
  terminal::note(
      terminal::right_aligned(commands::figures(completion, model_->info()), kFiguresColumn),
      Stream::kOut);
}

int ChatSession::answer_once(const std::string& question) {
  size_t dropped_turns = 0;
  const Completion completion = reply_to(question, Stream::kErr, dropped_turns).completion;
  fmt::print("\n");
  if (terminal::is_terminal(Stream::kErr)) {
    terminal::note(commands::figures(completion, model_->info()), Stream::kErr);
  }
  return completion.finish == FinishReason::kCancelled ? commands::kInterrupted : commands::kDone;
}

}  // namespace heng::chat
