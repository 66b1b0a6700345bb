// Encoding of text by one thread, in bytes a second.
//   HENG_BENCH_MODEL=FOLDER HENG_BENCH_TEXTS=FILE build/bench/heng_tokenizer_bench
// FOLDER: a model with its tokenizer; FILE: lines {"text"}. tools/bench_tokenizer.py makes them.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "base/json.h"
#include "heng/auto_model.h"

namespace heng {
namespace {

std::vector<std::string> read_texts(const char* file) {
  std::vector<std::string> texts;
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    texts.push_back(parse_json(line, file).at("text").get<std::string>());
  }
  return texts;
}

void encode(benchmark::State& state) {
  const char* model = std::getenv("HENG_BENCH_MODEL");
  const char* file = std::getenv("HENG_BENCH_TEXTS");
  if (model == nullptr || file == nullptr) {
    state.SkipWithError("HENG_BENCH_MODEL and HENG_BENCH_TEXTS name what to encode");
    return;
  }
  const auto tokenizer = AutoTokenizer::from_pretrained(model, {});
  const auto texts = read_texts(file);
  size_t bytes = 0, tokens = 0;
  for (auto _ : state) {
    for (const std::string& text : texts) {
      bytes += text.size();
      tokens += tokenizer->encode(text, SpecialText::kPlain).size();
    }
  }
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
  state.SetItemsProcessed(static_cast<int64_t>(tokens));
}

BENCHMARK(encode)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace heng
