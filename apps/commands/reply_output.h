// A running reply on the screen: streamed text, a bar while a long prompt is read, Ctrl-C, and the
// line of figures after it. Used from one thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "heng/engine.h"

namespace heng::commands {

enum class Blank {
  kKeep,  // the text exactly
  kTrim,  // without white space at both ends, as chats keep it
};

enum class Show {
  kText,     // on standard output as it comes; control characters made visible on a terminal
  kNothing,  // the caller prints the result
};

// Runs `request` with the callbacks of the screen. Ctrl-C stops it (Completion.finish is
// kCancelled).
Completion run_on_screen(Engine& engine, Request request, Show show, Blank blank);

// Tokens a second after the first: what a reader waits for.
double generation_speed(const Completion& completion);
double prompt_speed(const Completion& completion);

// "9 tokens · 182 tokens/s · first after 31 ms · context 52/2,048"
std::string figures(const Completion& completion, const ModelInfo& info);

// Ids, text, finish reason, timings.
nlohmann::json to_json(const Completion& completion, const ModelInfo& info);

}  // namespace heng::commands
