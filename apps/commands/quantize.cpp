// heng quantize: a model as one GGUF file with smaller weights.
#include "heng/quantize.h"

#include <chrono>
#include <cstdio>

#include "commands/commands.h"
#include "commands/input.h"
#include "commands/options.h"
#include "heng/auto_model.h"
#include "terminal/interrupt.h"
#include "terminal/numbers.h"
#include "terminal/phrases.h"
#include "terminal/progress_bar.h"
#include "terminal/terminal.h"

namespace heng::commands {
namespace {

using terminal::Phrase;
using terminal::text;

struct Options {
  std::string model, out;
  QuantizeOptions quantize;
  bool json = false;
};

json to_json(const Options& o, const QuantizeReport& r, double seconds) {
  return {{"file", o.out},
          {"architecture", r.architecture},
          {"type", o.quantize.type},
          {"tensors", r.n_tensors},
          {"parameters", r.parameters},
          {"bits_per_weight", r.bits_per_weight},
          {"file_bytes", r.file_bytes},
          {"seconds", seconds},
          {"notes", r.notes}};
}

void print(const Options& o, const QuantizeReport& r, double seconds) {
  fmt::print("{}\n", text(Phrase::kQuantized, o.out, r.architecture, r.n_tensors,
                          fmt::format("{:.2f}", r.bits_per_weight), terminal::bytes(r.file_bytes),
                          terminal::duration(seconds)));
  for (const std::string& line : r.notes) terminal::note(line, terminal::Stream::kErr);
}

int run(const Options& o) {
  const auto path = resolve_model(o.model);
  const auto start = std::chrono::steady_clock::now();
  QuantizeOptions options = o.quantize;
  terminal::ProgressBar bar(text(Phrase::kQuantizing), terminal::ProgressBar::Unit::kBytes);
  const terminal::Interrupt interrupt;
  options.on_progress = [&](uint64_t done, uint64_t total) {
    bar.update(done, total);
    return !terminal::Interrupt::asked();
  };
  const QuantizeReport report = quantize(path, o.out, options);
  bar.clear();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  if (o.json) {
    print_json(to_json(o, report, seconds.count()));
  } else {
    print(o, report, seconds.count());
  }
  return kDone;
}

}  // namespace

void add_quantize(CLI::App& program, Action& action) {
  auto o = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("quantize", text(Phrase::kCommandQuantize));
  add_model_argument(*command, o->model);
  command->add_option("OUT", o->out, text(Phrase::kOptionQuantizeOut))
      ->required()
      ->option_text(kNoOptionText);
  std::string types;
  for (const std::string_view name : quantize_types()) {
    types += (types.empty() ? "" : "|") + std::string(name);
  }
  command->add_option("--type", o->quantize.type, text(Phrase::kOptionQuantizeType))
      ->option_text(types);
  command->add_option("--threads", o->quantize.threads, text(Phrase::kOptionThreads))
      ->check(CLI::Range(1, 1024))
      ->option_text("N");
  command->add_flag("--json", o->json, text(Phrase::kOptionJson));
  command->footer(text(Phrase::kExamplesQuantize));
  command->callback([o, &action] { action = [o] { return run(*o); }; });
}

}  // namespace heng::commands
