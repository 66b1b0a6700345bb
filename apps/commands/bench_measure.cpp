#include "commands/bench_measure.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <random>

#include "commands/reply_output.h"
#include "heng/engine.h"
#include "terminal/interrupt.h"

namespace heng::commands {
namespace {

using Clock = std::chrono::steady_clock;

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
  double step_bytes;         // of weights, a step, however many sequences it takes
  double kv_bytes;           // a position of one sequence
};

Work work_of(const ModelInfo& i) {
  const double hidden = i.hidden, kv = static_cast<double>(i.n_kv_heads) * i.head_dim;
  const double queries = static_cast<double>(i.n_heads) * i.head_dim;
  const double layer = hidden * (queries + 2 * kv) + queries * hidden + 3 * hidden * i.ffn;
  const double layers = layer * i.n_layers, head = hidden * static_cast<double>(i.vocabulary);
  const double share = (layers + head) / std::max(static_cast<double>(i.parameters), layers + head);
  return {2 * layers, share * static_cast<double>(i.weight_bytes),
          static_cast<double>(i.kv_bytes) / static_cast<double>(i.context)};
}

// The peak that the model's kernels could reach, in 1e9 operations a second.
double peak_of(const ModelInfo& i, const MachineLimits& limits) {
  if (i.activation_bits > 0) return limits.int8_gops;
  if (i.computed_as == "bf16" && limits.bf16_gflops > 0) return limits.bf16_gflops;
  return limits.fp32_gflops;
}

class Bench {
 public:
  Bench(const BenchOptions& options, std::shared_ptr<const Model> model)
      : options_(options), model_(std::move(model)) {
    size_t most = 0;
    for (const size_t batch : options.batches) most = std::max(most, batch);
    EngineOptions engine;
    engine.max_batch = most;
    // Every sequence's tokens in whole blocks of 64, or the longest prompt.
    const size_t each = (options.generate + 2 + 63) / 64 * 64;
    engine.kv_tokens = std::max(model_->info().context, most * each);
    engine_ = std::make_unique<Engine>(model_, engine);
  }

  // Tokens a second of one prompt.
  double prompt(size_t n) {
    const Completion done =
        run_on_screen(*engine_, request(n, 1), {.show = Show::kNothing}).completion;
    if (done.finish == FinishReason::kCancelled) throw Error(ErrorCode::kCancelled, "stopped.");
    return prompt_speed(done);
  }

  // Tokens a second of `n` sequences together, from prompts of one token, as llama-bench does it.
  double generation(size_t n) {
    const terminal::Interrupt interrupt;
    for (size_t i = 0; i < n; ++i) engine_->submit(request(1, options_.generate + 1));
    step();  // the first token of each
    const auto start = Clock::now();
    while (step()) {
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    return static_cast<double>(n * options_.generate) / seconds;
  }

 private:
  Request request(size_t n_prompt, size_t n_reply) {
    return random_request(n_prompt, n_reply, model_->info().vocabulary, seed_++);
  }
  bool step() {
    if (terminal::Interrupt::asked()) throw Error(ErrorCode::kCancelled, "stopped.");
    return engine_->step();
  }

  const BenchOptions& options_;
  std::shared_ptr<const Model> model_;
  std::unique_ptr<Engine> engine_;
  unsigned seed_ = 1;
};

template <typename Run>
std::vector<BenchRow> rows_of(const std::vector<size_t>& sizes, int repeat, const Run& run) {
  std::vector<std::vector<double>> runs(sizes.size());
  for (int i = 0; i < repeat; ++i) {
    for (size_t s = 0; s < sizes.size(); ++s) runs[s].push_back(run(sizes[s]));
  }
  std::vector<BenchRow> rows;
  for (size_t s = 0; s < sizes.size(); ++s) rows.push_back({sizes[s], speed_of(runs[s])});
  return rows;
}

void add_rates(BenchResult& r, const BenchOptions& o) {
  const Work work = work_of(r.info);
  if (r.limits) r.peak_gops = peak_of(r.info, *r.limits);
  for (BenchRow& row : r.prompts) {
    row.rate = row.speed.mean * work.prompt_operations / 1e9;
    if (r.peak_gops > 0) row.share = row.rate / r.peak_gops;
  }
  for (BenchRow& row : r.generations) {
    const auto batch = static_cast<double>(row.n);
    const double context = static_cast<double>(o.generate) / 2;  // seen on the average
    const double bytes = work.step_bytes + batch * context * work.kv_bytes;
    row.rate = row.speed.mean / batch * bytes / 1e9;
    if (r.limits && r.limits->read_gbps > 0) row.share = row.rate / r.limits->read_gbps;
  }
}

}  // namespace

BenchResult measure_bench(const BenchOptions& o, Announce announce) {
  ModelOptions with_room = o.model;
  // The context that is planned for has to hold the longest prompt.
  const size_t longest = *std::max_element(o.prompts.begin(), o.prompts.end()) + 1;
  if (with_room.load.context == 0 && longest > 8192) with_room.load.context = longest;
  const auto model = load_model(with_room, announce);
  BenchResult result{model->info(), std::nullopt, 0, {}, {}};
  if (!o.no_machine) result.limits = measure_machine(result.info.threads);
  Bench bench(o, model);
  bench.prompt(std::min<size_t>(o.prompts.front(), 64));  // pages and threads awake
  result.prompts = rows_of(o.prompts, o.repeat, [&](size_t n) { return bench.prompt(n); });
  result.generations = rows_of(o.batches, o.repeat, [&](size_t n) { return bench.generation(n); });
  add_rates(result, o);
  return result;
}

}  // namespace heng::commands
