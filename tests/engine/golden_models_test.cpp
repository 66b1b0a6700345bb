// The original programs' logits and greedy ids, for every golden checkpoint whose architecture is
// supported: one test instance per reference folder. Tolerances: golden/README.md,
// docs/numerics.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "engine/loaded_model.h"
#include "heng/engine.h"
#include "support/golden.h"
#include "support/npy.h"

namespace heng {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Two independent fp32 programs differ by 2e-5 on these models; measured here: under 3e-5.
constexpr float kLogitTolerance = 1e-4f;
// Of GPTQ and AWQ models as stored, inputs rounded to 15 bits and to 8: 0.02 and 0.65 measured.
constexpr float kPackedTolerance = 0.04f, kPackedTolerance8Bits = 1.0f;

// Folders of ref/ that this build runs; the others belong to architectures and formats still to
// come.
std::vector<std::string> references() {
  return {"qwen1_tiny_fp32",          "qwen1_tiny_bf16",          "qwen1_tiny_fp16_bin",
          "qwen1_tiny_aug2023",       "qwen1_realvocab_bf16",     "qwen2_gqa_tied_bf16",
          "qwen2_gqa_untied_fp32",    "qwen2_mha_untied_fp16",    "llama2_gqa_hf_fp16",
          "llama2_mha_hf_fp16",       "llama2_gqa_meta_bf16_mp1", "llama2_mha_meta_fp16_mp2",
          "chatglm2_tiny_fp16_bin",   "qwen1_gptq_int4",          "qwen1_gptq_int4_asym",
          "qwen1_gptq_int4_desc_act", "qwen1_gptq_int8",          "qwen2_awq_int4_gemm"};
}

// References made by this project's own scripts (tools/make_*_golden.py), checkpoints beside them.
fs::path own_data() {
  return fs::path(HENG_SOURCE_DIR) / "tests/engine/data";
}

std::vector<std::string> own_references() {
  std::vector<std::string> names;
  for (const auto& item : fs::directory_iterator(own_data())) {
    if (fs::exists(item.path() / "cases.json")) names.push_back(item.path().filename().string());
  }
  return names;
}

class GoldenModel : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    checkpoint_ = folder_ = own_data() / GetParam();
    if (!fs::exists(folder_)) {
      HENG_NEEDS_GOLDEN("ref/" + GetParam() + "/cases.json");
      folder_ = test::golden_dir() / "ref" / GetParam();
      checkpoint_ = test::golden_dir() / "models" / GetParam();
    }
    std::ifstream in(folder_ / "cases.json");
    cases_ = json::parse(in)["cases"];
    LoadOptions options;
    options.dtype = Precision::kFp32;
    options.threads = 2;
    model_ = Model::load(checkpoint_, options);
  }

  // Largest difference from the stored scores of a case: all of them, or its columns.
  float difference(const json& c, const std::vector<float>& got) const {
    const size_t vocabulary = static_cast<size_t>(model_->info().vocabulary);
    float worst = 0;
    if (c.contains("logits")) {
      const auto want = test::read_npy<float>(folder_ / c["logits"]);
      EXPECT_EQ(want.size(), got.size());
      for (size_t i = 0; i < std::min(want.size(), got.size()); ++i) {
        worst = std::max(worst, std::abs(want[i] - got[i]));
      }
    }
    if (c.contains("last_logits")) {
      const auto want = test::read_npy<float>(folder_ / c["last_logits"]);
      EXPECT_EQ(want.size(), vocabulary);
      for (size_t i = 0; i < vocabulary; ++i) {
        worst = std::max(worst, std::abs(want[i] - got[got.size() - vocabulary + i]));
      }
    }
    if (c.contains("logits_every_7th_column")) {
      const auto want = test::read_npy<float>(folder_ / c["logits_every_7th_column"]);
      size_t at = 0;
      for (size_t row = 0; row < got.size() / vocabulary; ++row) {
        for (size_t column = 0; column < vocabulary && at < want.size(); column += 7, ++at) {
          worst = std::max(worst, std::abs(want[at] - got[row * vocabulary + column]));
        }
      }
      EXPECT_EQ(at, want.size());
      EXPECT_EQ(want.size(), c["argmax"].size() * ((vocabulary + 6) / 7));
    }
    return worst;
  }

  // The best id of each position and the logarithm of the sum, where the case has them.
  void check_summaries(const json& c, const std::vector<float>& got) const {
    const size_t vocabulary = static_cast<size_t>(model_->info().vocabulary);
    for (size_t row = 0; row < got.size() / vocabulary; ++row) {
      const auto begin = got.begin() + static_cast<ptrdiff_t>(row * vocabulary);
      const auto end = begin + static_cast<ptrdiff_t>(vocabulary);
      const auto best = std::max_element(begin, end);
      if (c.contains("argmax")) {
        EXPECT_EQ(best - begin, c["argmax"][row].get<ptrdiff_t>()) << c["name"] << " " << row;
      }
      if (!c.contains("logsumexp")) continue;
      double sum = 0;
      for (auto x = begin; x != end; ++x) sum += std::exp(static_cast<double>(*x - *best));
      EXPECT_NEAR(*best + std::log(sum), c["logsumexp"][row].get<double>(), kLogitTolerance)
          << c["name"] << " " << row;
    }
  }

  Completion greedy(const json& c, GenerationConfig config) {
    Engine engine(model_);
    Request request;
    request.prompt = c["input_ids"].get<std::vector<TokenId>>();
    request.generation = std::move(config);
    return engine.run(request);
  }

  fs::path folder_, checkpoint_;
  json cases_;
  std::shared_ptr<const Model> model_;
};

TEST_P(GoldenModel, LogitsMatchInOnePrefillAndStepByStep) {
  Engine engine(model_);
  size_t n = 0;
  for (const json& c : cases_) {
    if (!c.contains("logits") && !c.contains("last_logits")) continue;
    const auto ids = c["input_ids"].get<std::vector<TokenId>>();
    const size_t steps = c.contains("first") ? ids.size() - c["first"].get<size_t>() : 0;
    const auto got = engine.logits(ids, steps);
    const float worst = difference(c, got);
    check_summaries(c, got);
    EXPECT_LE(worst, kLogitTolerance) << c["name"];
    RecordProperty(c["name"].get<std::string>(), std::to_string(worst / kLogitTolerance));
    ++n;
  }
  EXPECT_GT(n, 0u);
}

TEST_P(GoldenModel, GreedyIdsAreExact) {
  size_t n = 0;
  for (const json& c : cases_) {
    if (!c.contains("new_ids") || c.contains("stop_words_ids")) continue;
    const auto want = c["new_ids"].get<std::vector<TokenId>>();
    GenerationConfig config;
    config.max_new_tokens = static_cast<int64_t>(want.size());
    config.ignore_eos = true;
    config.repetition_penalty = c.value("repetition_penalty", 1.0);
    EXPECT_EQ(greedy(c, config).ids, want) << c["name"];
    ++n;
  }
  EXPECT_GT(n, 0u);
}

// Upstream forces an end-of-text after a stop word; our reply ends before the stop word.
TEST_P(GoldenModel, StopWordsEndTheReplyWhereUpstreamStops) {
  for (const json& c : cases_) {
    if (!c.contains("stop_words_ids")) continue;
    const auto upstream = c["new_ids"].get<std::vector<TokenId>>();
    GenerationConfig config;
    config.stop_word_ids = c["stop_words_ids"].get<std::vector<std::vector<TokenId>>>();
    config.eos_ids = {c["eos_token_id"].get<TokenId>()};
    config.max_new_tokens = c["max_new_tokens"];
    const Completion done = greedy(c, config);
    auto want = upstream;
    if (!want.empty() && want.back() == config.eos_ids[0]) {
      want.pop_back();
      for (const auto& word : config.stop_word_ids) {
        if (want.size() >= word.size() &&
            std::equal(word.begin(), word.end(), want.end() - word.size())) {
          want.resize(want.size() - word.size());
          break;
        }
      }
      EXPECT_EQ(done.finish, FinishReason::kStop) << c["name"];
    } else {
      EXPECT_EQ(done.finish, FinishReason::kLength) << c["name"];
    }
    EXPECT_EQ(done.ids, want) << c["name"];
  }
}

// Rows of a packed matrix, unpacked by AutoGPTQ and AutoAWQ.
TEST_P(GoldenModel, DequantisedWeightsAreUpstreamsBitForBit) {
  for (const json& c : cases_) {
    if (c["kind"] != "dequantised_weight") continue;
    const auto want = test::read_npy<float>(folder_ / c["array"]);
    const auto& loaded = dynamic_cast<const engine::LoadedModel&>(*model_);
    const ops::Matrix& down = loaded.weights.layers[0].down;
    ASSERT_EQ(down.format->dtype, DType::kF32);
    ASSERT_LE(want.size(), down.rows * down.cols);
    const auto* got = reinterpret_cast<const float*>(down.data);
    EXPECT_EQ(std::vector<float>(got, got + want.size()), want);
  }
}

// GPTQ and AWQ as stored: activations rounded to integers, an fp16 cache.
TEST_P(GoldenModel, PackedWeightsAsStoredStayNear) {
  LoadOptions options;
  options.threads = 2;
  for (const auto& [activations, limit] : {std::pair{Activations::k15Bits, kPackedTolerance},
                                           {Activations::k8Bits, kPackedTolerance8Bits}}) {
    options.activations = activations;
    const auto fast = Model::load(checkpoint_, options);
    if (fast->info().computed_as != "int4" && fast->info().computed_as != "int8") return;
    for (const json& c : cases_) {
      if (!c.contains("logits")) continue;
      const auto ids = c["input_ids"].get<std::vector<TokenId>>();
      const float worst = difference(c, Engine(fast).logits(ids));
      EXPECT_LE(worst, limit) << c["name"];
      RecordProperty(c["name"].get<std::string>(), std::to_string(worst / limit));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Reference, GoldenModel, ::testing::ValuesIn(references()),
                         [](const auto& info) { return info.param; });
INSTANTIATE_TEST_SUITE_P(Own, GoldenModel, ::testing::ValuesIn(own_references()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace heng
