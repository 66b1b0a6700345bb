// heng logits: the scores of every position, as a NumPy file.
#include <cstdio>

#include "base/message.h"
#include "commands/commands.h"
#include "commands/input.h"
#include "commands/npy_writer.h"
#include "commands/options.h"
#include "heng/engine.h"
#include "terminal/phrases.h"
#include "terminal/progress_bar.h"

namespace heng::commands {
namespace {

using terminal::Phrase;
using terminal::text;

struct Options {
  ModelOptions model;
  std::string ids_file, npy_file;
  size_t steps = 0;
  bool json = false;
};

int run(const Options& o) {
  const auto ids = read_ids(o.ids_file);
  const auto model = load_model(o.model, o.json ? Announce::kNo : Announce::kYes);
  Engine engine(model);
  const auto vocabulary = static_cast<size_t>(model->info().vocabulary);
  NpyWriter file(o.npy_file, ids.size(), vocabulary);
  terminal::ProgressBar bar(text(Phrase::kScoring), terminal::ProgressBar::Unit::kTokens);
  size_t done = 0;
  engine.logits(ids, o.steps, [&](std::span<const float> row) {
    file.write(row);
    bar.update(++done, ids.size());
  });
  bar.clear();
  file.finish();
  if (o.json) {
    print_json({{"npy", o.npy_file},
                {"shape", {ids.size(), vocabulary}},
                {"dtype", model->info().computed_as}});
  } else {
    fmt::print("{}\n", text(Phrase::kScoresWritten, o.npy_file, with_commas(ids.size()),
                            with_commas(vocabulary)));
  }
  return kDone;
}

}  // namespace

void add_logits(CLI::App& program, Action& action) {
  auto o = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("logits", text(Phrase::kCommandLogits));
  o->model.add_to(*command);
  command->add_option("--ids", o->ids_file, text(Phrase::kOptionIds))
      ->option_text("FILE")
      ->required();
  command->add_option("--npy", o->npy_file, text(Phrase::kOptionNpy))
      ->option_text("OUT")
      ->required();
  command->add_option("--steps", o->steps, text(Phrase::kOptionSteps))->option_text("K");
  command->add_flag("--json", o->json, text(Phrase::kOptionJson));
  command->footer(text(Phrase::kExamplesLogits));
  command->callback([o, &action] { action = [o] { return run(*o); }; });
}

}  // namespace heng::commands
