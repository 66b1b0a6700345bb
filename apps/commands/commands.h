// The sub-commands: each add_ function puts one on the command line and, when it is called for,
// leaves what it does in `action`. Parsing and printing only; the work is behind the public
// headers.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace heng::commands {

// Returns the exit status. Throws Error.
using Action = std::function<int()>;

// 0 done, 1 a check fell short, 2 wrong usage, 3 bad input file, 4 not enough memory or disk, 5
// network or provider, 130 interrupted.
enum ExitStatus : int {
  kDone = 0,
  kFellShort = 1,
  kUsage = 2,
  kBadInput = 3,
  kNoRoom = 4,
  kInterrupted = 130,
};

void add_chat(CLI::App& program, Action& action);
void add_run(CLI::App& program, Action& action);
void add_tokenize(CLI::App& program, Action& action);
void add_prompt(CLI::App& program, Action& action);
void add_show(CLI::App& program, Action& action);
void add_logits(CLI::App& program, Action& action);
void add_merge(CLI::App& program, Action& action);
void add_bench(CLI::App& program, Action& action);
void add_quantize(CLI::App& program, Action& action);
void add_serve(CLI::App& program, Action& action);
void add_eval(CLI::App& program, Action& action);

}  // namespace heng::commands
