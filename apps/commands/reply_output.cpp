#include "commands/reply_output.h"

#include <fmt/core.h>

#include <cstdio>

#include "base/message.h"
#include "terminal/interrupt.h"
#include "terminal/numbers.h"
#include "terminal/phrases.h"
#include "terminal/progress_bar.h"
#include "terminal/terminal.h"

namespace heng::commands {
namespace {

using terminal::Phrase;

// Writes text as it comes; white space at the ends is held back where it is to be trimmed.
class Screen {
 public:
  explicit Screen(Blank blank)
      : trim_(blank == Blank::kTrim), terminal_(terminal::is_terminal(terminal::Stream::kOut)) {}

  void write(std::string_view text) {
    constexpr const char* kBlanks = " \t\r\n";
    std::string ready = held_ + std::string(text);
    held_.clear();
    if (trim_) {
      if (!started_) ready.erase(0, ready.find_first_not_of(kBlanks));
      const size_t end = ready.find_last_not_of(kBlanks) + 1;
      held_ = ready.substr(end);
      ready.resize(end);
    }
    if (ready.empty()) return;
    started_ = true;
    if (terminal_) ready = terminal::harmless(ready);
    std::fwrite(ready.data(), 1, ready.size(), stdout);
    std::fflush(stdout);
  }

 private:
  const bool trim_, terminal_;
  bool started_ = false;
  std::string held_;
};

// Tokens that were computed one by one: the first comes with the prompt, and the end token counts.
size_t generated_steps(const Completion& completion) {
  const size_t n = completion.ids.size();
  return completion.finish == FinishReason::kStop || n == 0 ? n : n - 1;
}

}  // namespace

Completion run_on_screen(Engine& engine, Request request, Show show, Blank blank) {
  terminal::Interrupt interrupt;
  terminal::ProgressBar bar(text(Phrase::kReadingPrompt), terminal::ProgressBar::Unit::kTokens);
  Screen screen(blank);
  request.on_prompt = [&](size_t done, size_t total) {
    bar.update(done, total);
    return !terminal::Interrupt::asked();
  };
  request.on_token = [&](const TokenEvent& event) {
    bar.clear();
    if (show == Show::kText) screen.write(event.text);
    return !terminal::Interrupt::asked();
  };
  return engine.run(request);
}

double generation_speed(const Completion& completion) {
  if (completion.generation_seconds <= 0) return 0;
  return static_cast<double>(generated_steps(completion)) / completion.generation_seconds;
}

double prompt_speed(const Completion& completion) {
  if (completion.prompt_seconds <= 0) return 0;
  return static_cast<double>(completion.prompt_tokens - completion.reused_tokens) /
         completion.prompt_seconds;
}

std::string figures(const Completion& completion, const ModelInfo& info) {
  const size_t n = completion.ids.size();
  return text(n == 1 ? Phrase::kFiguresOne : Phrase::kFigures, with_commas(n),
              terminal::short_number(generation_speed(completion)),
              terminal::duration(completion.prompt_seconds),
              with_commas(completion.prompt_tokens + n), with_commas(info.context));
}

nlohmann::json to_json(const Completion& completion, const ModelInfo& info) {
  return {{"model", info.name},
          {"dtype", info.computed_as},
          {"ids", completion.ids},
          {"text", completion.text},
          {"finish_reason", finish_reason_name(completion.finish)},
          {"seed", completion.seed},
          {"prompt_tokens", completion.prompt_tokens},
          {"prompt_seconds", completion.prompt_seconds},
          {"prompt_tokens_per_second", prompt_speed(completion)},
          {"generation_tokens", completion.ids.size()},
          {"generation_seconds", completion.generation_seconds},
          {"generation_tokens_per_second", generation_speed(completion)}};
}

}  // namespace heng::commands
