// A running reply on the screen: streamed text, a bar while a long prompt is read, a thought folded
// into one line, Ctrl-C, and the line of figures after it. Used from one thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "heng/engine.h"
#include "terminal/terminal.h"

namespace heng::commands {

enum class Show {
  kText,     // on standard output as it comes; control characters made visible on a terminal
  kNothing,  // the caller prints the result
};

enum class Thoughts {
  kFold,  // one line: "thought for 213 tokens / 4.1 s"
  kShow,  // dim, in front of the answer
};

struct Screen {
  Show show = Show::kText;
  // The reply is parted and trimmed as its chat keeps it; nullptr: shown exactly as it is.
  const ChatFormat* format = nullptr;
  Thoughts thoughts = Thoughts::kFold;
  // Where notes beside the answer go, if that is a terminal.
  terminal::Stream notes = terminal::Stream::kErr;
};

struct Reply {
  Completion completion;
  std::string text;     // completion.text, or the answer alone
  std::string thought;  // what came before the answer, where the model thinks
  size_t thought_tokens = 0;
  double thought_seconds = 0;
};

// Runs `request` with the callbacks of the screen. Ctrl-C stops it (Completion.finish is
// kCancelled).
Reply run_on_screen(Engine& engine, Request request, const Screen& screen);

// Tokens a second after the first: what a reader waits for.
double generation_speed(const Completion& completion);
double prompt_speed(const Completion& completion);

// "9 tokens · 182 tokens/s · first after 31 ms · context 52/2,048"
std::string figures(const Completion& completion, const ModelInfo& info);

// Ids, text, finish reason, timings; the thought where `thinks`.
nlohmann::json to_json(const Reply& reply, const ModelInfo& info, bool thinks);

}  // namespace heng::commands
