// heng merge: a model and its LoRA adapters -> a model folder of its own.
#include "heng/merge.h"

#include <chrono>
#include <cstdio>

#include "base/message.h"
#include "commands/commands.h"
#include "commands/input.h"
#include "commands/options.h"
#include "heng/auto_model.h"
#include "terminal/interrupt.h"
#include "terminal/numbers.h"
#include "terminal/phrases.h"
#include "terminal/progress_bar.h"

namespace heng::commands {
namespace {

using terminal::Phrase;
using terminal::text;

struct Options {
  std::string base, out;
  std::vector<std::filesystem::path> loras;
  MergeOptions merge;
  bool json = false;
};

json to_json(const Options& o, const MergeResult& r, double seconds) {
  return {{"out", o.out},
          {"tensors", r.n_tensors},
          {"changed", r.n_changed},
          {"weight_files", r.n_weight_files},
          {"weight_bytes", r.weight_bytes},
          {"vocabulary", r.vocabulary},
          {"tokenizer_from", r.tokenizer_from},
          {"seconds", seconds}};
}

int run(const Options& o) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const terminal::Interrupt interrupt;
  terminal::ProgressBar bar(text(Phrase::kMerging), terminal::ProgressBar::Unit::kBytes);
  MergeOptions merge = o.merge;
  merge.on_progress = [&](uint64_t done, uint64_t total) {
    bar.update(done, total);
    return !terminal::Interrupt::asked();
  };
  const MergeResult result = merge_loras(resolve_model(o.base), o.loras, o.out, merge);
  bar.clear();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  if (o.json) {
    print_json(to_json(o, result, seconds));
  } else {
    fmt::print("{}\n", text(Phrase::kMerged, o.out, with_commas(result.n_changed),
                            with_commas(result.n_tensors), terminal::bytes(result.weight_bytes),
                            result.n_weight_files, terminal::duration(seconds)));
  }
  return kDone;
}

}  // namespace

void add_merge(CLI::App& program, Action& action) {
  auto o = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("merge", text(Phrase::kCommandMerge));
  command->add_option("BASE", o->base, text(Phrase::kOptionMergeBase))
      ->required()
      ->option_text(kNoOptionText);
  command->add_option("OUT", o->out, text(Phrase::kOptionMergeOut))
      ->required()
      ->option_text(kNoOptionText);
  add_lora_option(*command, o->loras)->required();
  add_plain_dtype(*command, o->merge.dtype, Phrase::kOptionMergeDtype);
  command->add_option("--shard-size", o->merge.shard_bytes, text(Phrase::kOptionShardSize))
      ->transform(CLI::AsSizeValue(true))
      ->check(CLI::Range(uint64_t{1'000'000}, uint64_t{1} << 50))
      ->option_text("5GB");
  command->add_option("--threads", o->merge.threads, text(Phrase::kOptionThreads))
      ->check(CLI::Range(1, 1024))
      ->option_text("N");
  command->add_flag("--json", o->json, text(Phrase::kOptionJson));
  command->footer(text(Phrase::kExamplesMerge));
  command->callback([o, &action] { action = [o] { return run(*o); }; });
}

}  // namespace heng::commands
