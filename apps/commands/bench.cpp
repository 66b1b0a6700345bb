// heng bench: prompt and generation speed, beside what this machine can do.
#include <cmath>
#include <cstdio>

#include "base/message.h"
#include "commands/bench_measure.h"
#include "commands/commands.h"
#include "commands/input.h"
#include "terminal/numbers.h"
#include "terminal/phrases.h"
#include "terminal/progress_bar.h"
#include "terminal/terminal.h"

namespace heng::commands {
namespace {

using terminal::Phrase;
using terminal::text;

struct Options {
  BenchOptions bench;
  std::string plot;
  bool json = false;
};

void print_row(Phrase name, const BenchRow& row, const char* unit, Phrase of_what) {
  const std::string label = text(name);
  std::string line =
      label + std::string(std::max(11 - terminal::columns(label), 1), ' ') +
      fmt::format("{:>6} {:>8} tokens/s ± {:<6} {:>10}", with_commas(row.n),
                  terminal::short_number(row.speed.mean), terminal::short_number(row.speed.spread),
                  terminal::short_number(row.rate) + " " + unit);
  if (row.share > 0) {
    line += "   " + text(of_what, static_cast<int>(std::lround(row.share * 100)));
    const int room = std::min(terminal::width() - 4 - terminal::columns(line), 20);
    if (room >= 8) line += "   " + terminal::bar(row.share, room);
  }
  line.resize(line.find_last_not_of(' ') + 1);
  fmt::print("{}\n", line);
}

void print(const Options& o, const BenchResult& r) {
  if (r.limits) {
    fmt::print("{}\n", text(Phrase::kBenchMachine, r.info.threads, r.info.isa,
                            terminal::short_number(r.limits->read_gbps),
                            terminal::short_number(r.peak_gops)));
  }
  for (const BenchRow& row : r.prompts) {
    print_row(Phrase::kBenchPrompt, row, "GOP/s", Phrase::kOfPeak);
  }
  const bool batches = o.bench.batches.size() > 1 || o.bench.batches.front() > 1;
  for (const BenchRow& row : r.generations) {
    BenchRow shown = row;
    if (!batches) shown.n = o.bench.generate;
    print_row(batches ? Phrase::kBenchTogether : Phrase::kBenchGeneration, shown, "GB/s",
              Phrase::kOfMemory);
  }
}

json rows_json(const std::vector<BenchRow>& rows, const char* size, const char* rate) {
  json all = json::array();
  for (const BenchRow& row : rows) {
    all.push_back({{size, row.n},
                   {"tokens_per_second", row.speed.mean},
                   {"spread", row.speed.spread},
                   {rate, row.rate}});
    if (row.share > 0) all.back()["share"] = row.share;
  }
  return all;
}

// The first length and batch size by keys of their own, then all of them.
json to_json(const Options& o, const BenchResult& r) {
  const BenchRow &prompt = r.prompts.front(), &generation = r.generations.front();
  json out = {{"model", r.info.name},
              {"dtype", r.info.computed_as},
              {"isa", r.info.isa},
              {"activation_bits", r.info.activation_bits},
              {"kv_type", r.info.kv_type},
              {"repacked", r.info.repacked},
              {"threads", r.info.threads},
              {"prompt_tokens", prompt.n},
              {"generation_tokens", o.bench.generate},
              {"repeat", o.bench.repeat},
              {"prompt_tokens_per_second", prompt.speed.mean},
              {"prompt_tokens_per_second_spread", prompt.speed.spread},
              {"prompt_gops", prompt.rate},
              {"generation_tokens_per_second", generation.speed.mean},
              {"generation_tokens_per_second_spread", generation.speed.spread},
              {"generation_gbps", generation.rate},
              {"prompts", rows_json(r.prompts, "tokens", "gops")},
              {"generations", rows_json(r.generations, "sequences", "gbps")}};
  if (r.limits) {
    out["machine"] = {{"read_gbps", r.limits->read_gbps},
                      {"fp32_gflops", r.limits->fp32_gflops},
                      {"bf16_gflops", r.limits->bf16_gflops},
                      {"int8_gops", r.limits->int8_gops}};
  }
  return out;
}

int run(const Options& o) {
  const BenchResult result = measure_bench(o.bench, o.json ? Announce::kNo : Announce::kYes);
  if (!o.plot.empty()) plot_bench(result, o.plot);
  if (o.json) {
    print_json(to_json(o, result));
  } else {
    print(o, result);
  }
  return kDone;
}

}  // namespace

void add_bench(CLI::App& program, Action& action) {
  auto o = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("bench", text(Phrase::kCommandBench));
  BenchOptions& b = o->bench;
  b.model.add_to(*command);
  command->add_option("--prompt", b.prompts, text(Phrase::kOptionBenchPrompt))
      ->delimiter(',')
      ->check(CLI::Range(1, 1 << 20))
      ->option_text("TOKENS,...");
  command->add_option("--generate", b.generate, text(Phrase::kOptionBenchGenerate))
      ->check(CLI::Range(1, 1 << 20))
      ->option_text("TOKENS");
  command->add_option("--batch", b.batches, text(Phrase::kOptionBenchBatch))
      ->delimiter(',')
      ->check(CLI::Range(1, 1024))
      ->option_text("N,...");
  command->add_option("--repeat", b.repeat, text(Phrase::kOptionRepeat))
      ->check(CLI::Range(1, 1000))
      ->option_text("R");
  command->add_flag("--no-machine", b.no_machine, text(Phrase::kOptionNoMachine));
  command->add_option("--plot", o->plot, text(Phrase::kOptionPlot))->option_text("FILE.svg");
  command->add_flag("--json", o->json, text(Phrase::kOptionJson));
  command->footer(text(Phrase::kExamplesBench));
  command->callback([o, &action] { action = [o] { return run(*o); }; });
}

}  // namespace heng::commands
