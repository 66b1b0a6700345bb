// What a constraint costs a step, over the vocabulary that HENG_BENCH_TOKENIZER (a model folder or
// .gguf file) names.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <vector>

#include "heng/constraint.h"

namespace heng {
namespace {

constexpr std::string_view kSchema = R"({
  "type": "object",
  "properties": {
    "name": {"type": "string", "maxLength": 200},
    "age": {"type": "integer", "minimum": 0, "maximum": 130},
    "tags": {"type": "array", "items": {"enum": ["red", "green", "blue"]}},
    "born": {"type": "string", "format": "date"},
    "note": {"type": "string"}
  },
  "required": ["name", "age", "tags", "born", "note"],
  "additionalProperties": false
})";
constexpr std::string_view kReply =
    R"({"name": "Ada Lovelace 你好", "age": 36, "tags": ["red", "blue"], "born": "1815-12-10", )"
    R"("note": "wrote the first program, for a machine that was never built"})";

struct Model {
  std::shared_ptr<const Tokenizer> tokenizer;
  TokenId end = 0;
  std::unique_ptr<ConstraintCompiler> compiler;
  std::vector<TokenId> reply;
};

const Model* model(benchmark::State& state) {
  static const Model* const kModel = [] {
    const char* path = std::getenv("HENG_BENCH_TOKENIZER");
    if (!path) return static_cast<Model*>(nullptr);
    auto* made = new Model;
    made->tokenizer = Tokenizer::load(path);
    made->end =
        made->tokenizer->eos_id().value_or(static_cast<TokenId>(made->tokenizer->size() - 1));
    made->compiler =
        std::make_unique<ConstraintCompiler>(*made->tokenizer, std::span(&made->end, 1));
    made->reply = made->tokenizer->encode(kReply);
    return made;
  }();
  if (!kModel) state.SkipWithError("HENG_BENCH_TOKENIZER names no tokenizer");
  return kModel;
}

void BM_CompileVocabulary(benchmark::State& state) {
  const Model* m = model(state);
  if (!m) return;
  for (auto _ : state) ConstraintCompiler(*m->tokenizer, std::span(&m->end, 1));
}
BENCHMARK(BM_CompileVocabulary)->Unit(benchmark::kMillisecond);

void BM_CompileSchema(benchmark::State& state) {
  const Model* m = model(state);
  if (!m) return;
  for (auto _ : state) benchmark::DoNotOptimize(m->compiler->json_schema(kSchema));
}
BENCHMARK(BM_CompileSchema)->Unit(benchmark::kMicrosecond);

// The slowest step and the mean of all, of a constraint that was never used before.
void BM_StepsOfAFreshReply(benchmark::State& state) {
  const Model* m = model(state);
  if (!m) return;
  std::vector<float> logits(m->tokenizer->size());
  double slowest = 0, all = 0;
  size_t n = 0;
  for (auto _ : state) {
    ConstrainedReply reply(m->compiler->json_schema(kSchema));
    for (size_t i = 0; i <= m->reply.size(); ++i) {
      std::fill(logits.begin(), logits.end(), 0.0f);
      const auto start = std::chrono::steady_clock::now();
      reply(logits, std::span(m->reply).first(i));
      const double ms =
          std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
              .count();
      slowest = std::max(slowest, ms);
      all += ms;
      ++n;
    }
  }
  state.counters["slowest_ms"] = slowest;
  state.counters["mean_ms"] = all / static_cast<double>(n);
}
BENCHMARK(BM_StepsOfAFreshReply)->Unit(benchmark::kMillisecond);

void BM_StepSeenBefore(benchmark::State& state) {
  const Model* m = model(state);
  if (!m) return;
  std::vector<float> logits(m->tokenizer->size());
  ConstrainedReply reply(m->compiler->json_schema(kSchema));
  for (auto _ : state) reply(logits, std::span(m->reply).first(4));
}
BENCHMARK(BM_StepSeenBefore)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace heng
