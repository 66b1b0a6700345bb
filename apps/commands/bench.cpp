// heng bench: prompt and generation speed, beside what this machine can do.
#include <cmath>
#include <cstdio>
#include <numeric>
#include <optional>
#include <random>

#include "base/message.h"
#include "commands/commands.h"
#include "commands/input.h"
#include "commands/options.h"
#include "commands/reply_output.h"
#include "heng/engine.h"
#include "heng/machine.h"
#include "terminal/numbers.h"
#include "terminal/phrases.h"
#include "terminal/progress_bar.h"
#include "terminal/terminal.h"

namespace heng::commands {
namespace {

using terminal::Phrase;
using terminal::text;

struct Options {
  ModelOptions model;
  size_t prompt = 512, generate = 64;
  int repeat = 3;
  bool no_machine = false, json = false;
};

struct Speed {
  double mean = 0;
  double spread = 0;  // standard deviation of the runs
};

Speed speed_of(const std::vector<double>& runs) {
  const auto n = static_cast<double>(runs.size());
  Speed speed;
  speed.mean = std::accumulate(runs.begin(), runs.end(), 0.0) / n;
  for (const double run : runs) speed.spread += (run - speed.mean) * (run - speed.mean);
  speed.spread = runs.size() > 1 ? std::sqrt(speed.spread / (n - 1)) : 0;
  return speed;
}

// A prompt nobody has run before, so that nothing of it is in the KV cache.
Request random_request(size_t n_tokens, size_t n_reply, int64_t vocabulary, unsigned seed) {
  std::mt19937 random(seed);
  Request request;
  for (size_t i = 0; i < n_tokens; ++i) {
    request.prompt.push_back(static_cast<TokenId>(random() % static_cast<uint64_t>(vocabulary)));
  }
  request.generation.max_new_tokens = static_cast<int64_t>(n_reply);
  request.generation.ignore_eos = true;
  return request;
}

// What the products of a forward pass need, from the model's sizes: embeddings are looked up, not
// multiplied, and a prompt's scores are computed for its last token only.
struct Work {
  double prompt_operations;  // a token
  double generation_bytes;   // a token
};

Work work_of(const ModelInfo& i) {
  const double hidden = i.hidden, kv = static_cast<double>(i.n_kv_heads) * i.head_dim;
  const double queries = static_cast<double>(i.n_heads) * i.head_dim;
  const double layer = hidden * (queries + 2 * kv) + queries * hidden + 3 * hidden * i.ffn;
  const double layers = layer * i.n_layers, head = hidden * static_cast<double>(i.vocabulary);
  const double share = (layers + head) / std::max(static_cast<double>(i.parameters), layers + head);
  return {2 * layers, share * static_cast<double>(i.weight_bytes)};
}

// The peak that the model's kernels could reach, in 1e9 operations a second.
double peak_of(const ModelInfo& i, const MachineLimits& limits) {
  if (i.computed_as.starts_with("q") || i.computed_as.starts_with("int")) return limits.int8_gops;
  if (i.computed_as == "bf16" && limits.bf16_gflops > 0) return limits.bf16_gflops;
  return limits.fp32_gflops;
}

struct Result {
  ModelInfo info;
  Speed prompt, generation;
  Work work;
  std::optional<MachineLimits> limits;

  double prompt_gops() const { return prompt.mean * work.prompt_operations / 1e9; }
  double generation_gbps() const { return generation.mean * work.generation_bytes / 1e9; }
};

// Prompt and generation are measured apart, generation from a prompt of one token, as llama-bench
// does.
Result measure(const Options& o) {
  const auto model = load_model(o.model, o.json ? Announce::kNo : Announce::kYes);
  Result result{model->info(), {}, {}, work_of(model->info()), std::nullopt};
  if (!o.no_machine) result.limits = measure_machine(result.info.threads);
  Engine engine(model);
  unsigned seed = 1;
  const auto once = [&](size_t n_prompt, size_t n_reply) {
    return run_on_screen(engine, random_request(n_prompt, n_reply, result.info.vocabulary, seed++),
                         {.show = Show::kNothing})
        .completion;
  };
  once(std::min<size_t>(o.prompt, 64), 2);  // pages and threads awake
  std::vector<double> prompt, generation;
  for (int i = 0; i < o.repeat; ++i) {
    for (const auto& [n_prompt, n_reply, speeds] :
         {std::tuple{o.prompt, size_t{1}, &prompt}, {size_t{1}, o.generate + 1, &generation}}) {
      const Completion completion = once(n_prompt, n_reply);
      if (completion.finish == FinishReason::kCancelled) {
        throw Error(ErrorCode::kCancelled, "stopped.");
      }
      speeds->push_back(speeds == &prompt ? prompt_speed(completion)
                                          : generation_speed(completion));
    }
  }
  result.prompt = speed_of(prompt);
  result.generation = speed_of(generation);
  return result;
}

void print_speed(Phrase name, size_t tokens, const Speed& speed, const std::string& rate,
                 double share, Phrase of_what) {
  const std::string label = text(name);
  std::string line =
      label + std::string(std::max(11 - terminal::columns(label), 1), ' ') +
      fmt::format("{:>6} {:>8} tokens/s ± {:<6} {:>10}", with_commas(tokens),
                  terminal::short_number(speed.mean), terminal::short_number(speed.spread), rate);
  if (share > 0) {
    line += "   " + text(of_what, static_cast<int>(std::lround(share * 100)));
    const int room = std::min(terminal::width() - 4 - terminal::columns(line), 20);
    if (room >= 8) line += "   " + terminal::bar(share, room);
  }
  line.resize(line.find_last_not_of(' ') + 1);
  fmt::print("{}\n", line);
}

void print(const Options& o, const Result& r) {
  double prompt_share = 0, generation_share = 0;
  if (r.limits) {
    const double peak = peak_of(r.info, *r.limits);
    fmt::print("{}\n",
               text(Phrase::kBenchMachine, r.info.threads, r.info.isa,
                    terminal::short_number(r.limits->read_gbps), terminal::short_number(peak)));
    if (peak > 0) prompt_share = r.prompt_gops() / peak;
    if (r.limits->read_gbps > 0) generation_share = r.generation_gbps() / r.limits->read_gbps;
  }
  print_speed(Phrase::kBenchPrompt, o.prompt, r.prompt,
              terminal::short_number(r.prompt_gops()) + " GOP/s", prompt_share, Phrase::kOfPeak);
  print_speed(Phrase::kBenchGeneration, o.generate, r.generation,
              terminal::short_number(r.generation_gbps()) + " GB/s", generation_share,
              Phrase::kOfMemory);
}

json to_json(const Options& o, const Result& r) {
  json out = {{"model", r.info.name},
              {"dtype", r.info.computed_as},
              {"isa", r.info.isa},
              {"activation_bits", r.info.activation_bits},
              {"kv_type", r.info.kv_type},
              {"threads", r.info.threads},
              {"prompt_tokens", o.prompt},
              {"generation_tokens", o.generate},
              {"repeat", o.repeat},
              {"prompt_tokens_per_second", r.prompt.mean},
              {"prompt_tokens_per_second_spread", r.prompt.spread},
              {"prompt_gops", r.prompt_gops()},
              {"generation_tokens_per_second", r.generation.mean},
              {"generation_tokens_per_second_spread", r.generation.spread},
              {"generation_gbps", r.generation_gbps()}};
  if (r.limits) {
    out["machine"] = {{"read_gbps", r.limits->read_gbps},
                      {"fp32_gflops", r.limits->fp32_gflops},
                      {"bf16_gflops", r.limits->bf16_gflops},
                      {"int8_gops", r.limits->int8_gops}};
  }
  return out;
}

int run(const Options& o) {
  const Result result = measure(o);
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
  o->model.add_to(*command);
  command->add_option("--prompt", o->prompt, text(Phrase::kOptionBenchPrompt))
      ->check(CLI::Range(1, 1 << 20))
      ->option_text("TOKENS");
  command->add_option("--generate", o->generate, text(Phrase::kOptionBenchGenerate))
      ->check(CLI::Range(1, 1 << 20))
      ->option_text("TOKENS");
  command->add_option("--repeat", o->repeat, text(Phrase::kOptionRepeat))
      ->check(CLI::Range(1, 1000))
      ->option_text("R");
  command->add_flag("--no-machine", o->no_machine, text(Phrase::kOptionNoMachine));
  command->add_flag("--json", o->json, text(Phrase::kOptionJson));
  command->footer(text(Phrase::kExamplesBench));
  command->callback([o, &action] { action = [o] { return run(*o); }; });
}

}  // namespace heng::commands
