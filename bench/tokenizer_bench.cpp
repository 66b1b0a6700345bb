// Encoding of text by one thread, in bytes a second.
//   HENG_BENCH_MODEL=FOLDER HENG_BENCH_TEXTS=FILE build/bench/heng_tokenizer_bench
// FOLDER: a model with its tokenizer; FILE: lines {"text"}, as tools/bench_tokenizer.py makes them;
// without it the text of random tokens.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <fstream>
#include <random>
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

std::vector<std::string> random_texts(const Tokenizer& tokenizer) {
  std::mt19937 random(1);
  std::vector<std::string> texts(100);
  for (std::string& text : texts) {
    std::vector<TokenId> ids(4096);
    for (TokenId& id : ids) id = static_cast<TokenId>(random() % tokenizer.size());
    text = tokenizer.decode(ids, SpecialTokens::kSkip);
  }
  return texts;
}

void encode(benchmark::State& state) {
  const char* model = std::getenv("HENG_BENCH_MODEL");
  const char* file = std::getenv("HENG_BENCH_TEXTS");
  if (model == nullptr) {
    state.SkipWithError("HENG_BENCH_MODEL names the model whose tokenizer is measured");
    return;
  }
  const auto tokenizer = AutoTokenizer::from_pretrained(model, {});
  const auto texts = file == nullptr ? random_texts(*tokenizer) : read_texts(file);
  // Tables that only much text is worth are made by the first round.
  for (const std::string& text : texts) tokenizer->encode(text, SpecialText::kPlain);
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
