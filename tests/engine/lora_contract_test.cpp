// What every architecture owes to adapters: one on all its matrices gives the same scores whether
// it is loaded beside the base or merged first, and beside a GGUF file of the same base.
#include <gtest/gtest.h>

#include <cmath>

#include "heng/engine.h"
#include "heng/merge.h"
#include "support/golden.h"
#include "support/tiny_gguf.h"
#include "support/tiny_lora.h"

namespace heng {
namespace {

namespace fs = std::filesystem;
using test::TinyModel;

std::vector<const models::Architecture*> with_folders() {
  std::vector<const models::Architecture*> out;
  for (const models::Architecture* a : models::all_architectures()) {
    if (!a->hf_classes.empty()) out.push_back(a);
  }
  return out;
}

std::vector<float> scores_of(const fs::path& path, const std::vector<fs::path>& loras = {},
                             Precision dtype = Precision::kAuto) {
  LoadOptions options;
  options.threads = 2;
  options.loras = loras;
  options.dtype = dtype;
  std::vector<TokenId> ids(24);
  for (size_t i = 0; i < ids.size(); ++i) {
    ids[i] = static_cast<TokenId>(i * i * 41 % 97);
  }
  return Engine(Model::load(path, options)).logits(ids, 2);
}

float worst_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  float worst = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    worst = std::max(worst, std::abs(a[i] - b[i]));
  }
  return worst;
}

// A pair for each matrix in a layer.
test::TinyLora lora_on(const TinyModel& model) {
  test::TinyLora lora;
  for (const test::TinyTensor& t : model.tensors) {
    const bool in_layer =
        t.name.find(".0.") != std::string::npos || t.name.find(".1.") != std::string::npos;
    if (t.shape.size() != 2 || !in_layer) continue;
    lora.pair(t.name.substr(0, t.name.size() - 7), t.shape[0], t.shape[1]);
  }
  return lora;
}

class LoraContract : public ::testing::TestWithParam<const models::Architecture*> {};

TEST_P(LoraContract, LoadedOrMergedTheScoresAreTheSame) {
  const TinyModel model(*GetParam());
  const test::TempDir dir;
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    const std::string name(dtype_name(dtype));
    fs::create_directory(dir / name);
    model.write(dir / name, dtype);
    lora_on(model).write(dir / "lora");
    merge_loras(dir / name, {dir / "lora"}, dir / (name + "-merged"));
    const auto got = scores_of(dir / name, {dir / "lora"});
    EXPECT_EQ(got, scores_of(dir / (name + "-merged"))) << name;
    EXPECT_GT(worst_difference(got, scores_of(dir / name)), 0.1f);
  }
}

TEST_P(LoraContract, AGgufFileTakesTheSameAdapter) {
  if (GetParam()->gguf_name.empty()) return;
  const TinyModel model(*GetParam());
  const test::TempDir dir;
  fs::create_directory(dir / "base");
  model.write(dir / "base");
  lora_on(model).write(dir / "lora");
  test::write_tiny_gguf(model, *GetParam(), dir / "tiny.gguf");
  const auto want = scores_of(dir / "base", {dir / "lora"});
  EXPECT_LT(worst_difference(scores_of(dir / "tiny.gguf", {dir / "lora"}), want), 1e-4f);
}

INSTANTIATE_TEST_SUITE_P(Registry, LoraContract, ::testing::ValuesIn(with_folders()),
                         [](const auto& info) { return std::string(info.param->name); });

// On packed integers sums are kept in fp16: an adapter that adds nothing leaves what --dtype fp16
// makes of the base, also where columns are stored in another order.
void expect_sums_in_fp16(const fs::path& base, const std::vector<std::string>& modules) {
  const auto files = checkpoint::Checkpoint::open(base);
  const test::TempDir dir;
  test::TinyLora lora;
  for (const std::string& module : modules) {
    uint64_t rows = 0, cols = 0;
    if (const auto* t = files->find(module + ".qweight")) {  // [in / 8, out]
      rows = t->view.shape[1];
      cols = 8 * t->view.shape[0];
    } else {
      const auto* plain = files->find(module + ".weight");
      ASSERT_NE(plain, nullptr) << module;
      rows = plain->view.shape[0];
      cols = plain->view.shape[1];
    }
    lora.pair(module, rows, cols);
  }
  lora.write(dir / "lora");
  EXPECT_GT(worst_difference(scores_of(base, {dir / "lora"}), scores_of(base)), 0.1f);
  for (auto& t : lora.tensors) {
    if (t.name.ends_with("lora_B.weight")) t.values.assign(t.values.size(), 0.0f);
  }
  lora.write(dir / "lora");
  EXPECT_EQ(scores_of(base, {dir / "lora"}), scores_of(base, {}, Precision::kFp16));
}

TEST(LoraOnIntegers, SumsAreInFp16) {
  std::vector<std::string> modules;
  for (const char* layer : {"0", "1"}) {
    const std::string block = "transformer.encoder.layers." + std::string(layer) + ".";
    for (const char* name : {"self_attention.query_key_value", "self_attention.dense",
                             "mlp.dense_h_to_4h", "mlp.dense_4h_to_h"}) {
      modules.push_back(block + name);
    }
  }
  expect_sums_in_fp16(fs::path(HENG_SOURCE_DIR) / "tests/engine/data/chatglm_int8", modules);
}

TEST(LoraOnIntegers, ColumnsInActOrderMeetTheirOwnDeltas) {
  HENG_NEEDS_GOLDEN("models/qwen1_gptq_int4_desc_act/config.json");
  std::vector<std::string> modules;
  for (const char* layer : {"0", "1"}) {
    const std::string block = "transformer.h." + std::string(layer) + ".";
    for (const char* name : {"attn.c_attn", "attn.c_proj", "mlp.w1", "mlp.w2", "mlp.c_proj"}) {
      modules.push_back(block + name);
    }
  }
  expect_sums_in_fp16(test::golden_dir() / "models/qwen1_gptq_int4_desc_act", modules);
}

}  // namespace
}  // namespace heng
