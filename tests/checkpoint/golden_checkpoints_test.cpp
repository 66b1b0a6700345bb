// The folders that the original programs wrote.
#include <gtest/gtest.h>

#include "checkpoint/checkpoint.h"
#include "support/default_model.h"
#include "support/file_bytes.h"
#include "support/golden.h"

namespace heng::checkpoint {
namespace {

std::shared_ptr<const Checkpoint> open_golden(const std::string& name) {
  return Checkpoint::open(test::golden_dir() / "models" / name);
}

// Rounds as the scripts did that wrote the 16-bit folders.
std::vector<float> rounded(std::vector<float> values, DType dtype) {
  for (float& x : values) {
    if (dtype == DType::kF16) x = half_to_float(float_to_half(x));
    if (dtype == DType::kBF16) x = bf16_to_float(float_to_bf16(x));
  }
  return values;
}

// `other` holds the tensors of qwen1_tiny_fp32, rounded to `dtype`.
void expect_same_weights(const std::string& other, DType dtype) {
  const auto a = open_golden("qwen1_tiny_fp32"), b = open_golden(other);
  ASSERT_EQ(a->tensors().size(), 27u);
  ASSERT_EQ(b->tensors().size(), 27u);
  for (const TensorEntry& entry : a->tensors()) {
    const TensorEntry* same = b->find(entry.name);
    ASSERT_NE(same, nullptr) << entry.name;
    EXPECT_EQ(same->view.dtype, dtype) << entry.name;
    EXPECT_EQ(same->view.shape, entry.view.shape) << entry.name;
    EXPECT_EQ(test::plain_floats(same->view), rounded(test::plain_floats(entry.view), dtype))
        << entry.name;
  }
}

TEST(GoldenCheckpoints, EveryFolderWithAConfigurationOpens) {
  HENG_NEEDS_GOLDEN("models");
  size_t n_opened = 0;
  for (const auto& item :
       std::filesystem::recursive_directory_iterator(test::golden_dir() / "models")) {
    if (!std::filesystem::exists(item.path() / "config.json")) continue;
    SCOPED_TRACE(item.path().filename().string());
    const auto checkpoint = Checkpoint::open(item.path());
    EXPECT_GT(checkpoint->tensors().size(), 10u);
    uint64_t file_bytes = 0;
    for (const auto& file : std::filesystem::directory_iterator(item.path())) {
      const auto extension = file.path().extension();
      if (extension == ".bin" || extension == ".safetensors") file_bytes += file.file_size();
    }
    EXPECT_LE(checkpoint->tensor_bytes(), file_bytes);
    EXPECT_GE(checkpoint->tensor_bytes(), file_bytes * 9 / 10);
    ++n_opened;
  }
  EXPECT_GE(n_opened, 16u);
}

TEST(GoldenCheckpoints, Bf16ShardsHoldTheRoundedWeights) {
  HENG_NEEDS_GOLDEN("models/qwen1_tiny_fp32");
  expect_same_weights("qwen1_tiny_bf16", DType::kBF16);
}

TEST(GoldenCheckpoints, Fp16TorchFileHoldsTheRoundedWeights) {
  HENG_NEEDS_GOLDEN("models/qwen1_tiny_fp32");
  expect_same_weights("qwen1_tiny_fp16_bin", DType::kF16);
}

TEST(GoldenCheckpoints, AugustTorchShardsHoldTheSameWeights) {
  HENG_NEEDS_GOLDEN("models/qwen1_tiny_fp32");
  expect_same_weights("qwen1_tiny_aug2023", DType::kF32);
}

TEST(GoldenCheckpoints, DefaultModelHasItsTensorsAndMetadata) {
  HENG_NEEDS_DEFAULT_MODEL();
  const auto checkpoint = Checkpoint::open(test::default_model_path());
  EXPECT_EQ(checkpoint->tensors().size(), 272u);
  EXPECT_EQ(checkpoint->config()["general.architecture"], "llama");
  EXPECT_EQ(checkpoint->config()["tokenizer.ggml.tokens"].size(), 49152u);
  const TensorEntry* embedding = checkpoint->find("token_embd.weight");
  ASSERT_NE(embedding, nullptr);
  EXPECT_EQ(embedding->view.dtype, DType::kQ8_0);
  EXPECT_EQ(embedding->view.shape, (Shape{49152, 576}));
}

TEST(GoldenCheckpoints, MetasFilesAreJoinedWithoutACopy) {
  HENG_NEEDS_GOLDEN("models");
  const auto one = open_golden("llama2_gqa_meta_bf16_mp1");
  EXPECT_EQ(one->kind(), Kind::kMeta);
  EXPECT_EQ(one->config_file(), "params.json");
  EXPECT_EQ(one->find("tok_embeddings.weight")->view.shape, (Shape{32000, 32}));
  EXPECT_NE(one->find("tok_embeddings.weight")->view.data, nullptr);
  EXPECT_EQ(one->find("rope.freqs"), nullptr);
  const auto two = open_golden("llama2_mha_meta_fp16_mp2");
  EXPECT_EQ(two->file_count(), 2u);
  for (const TensorEntry& entry : two->tensors()) {
    EXPECT_EQ(entry.slices.size(), entry.view.shape.size() == 2 ? 2u : 0u) << entry.name;
  }
  EXPECT_EQ(two->find("tok_embeddings.weight")->view.shape, (Shape{32000, 32}));
  EXPECT_EQ(two->find("tok_embeddings.weight")->axis, 1u);
  EXPECT_EQ(two->find("output.weight")->axis, 0u);
}

TEST(GoldenCheckpoints, AdaptersAreRefusedInWords) {
  HENG_NEEDS_GOLDEN("models");
  EXPECT_THROW(open_golden("chinese_alpaca/lora_llama"), Error);
}

}  // namespace
}  // namespace heng::checkpoint
