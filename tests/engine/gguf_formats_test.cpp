// A tiny LLaMA in GGUF, its matrices in each weight format: the fast path against fp32.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "formats/format.h"
#include "heng/engine.h"
#include "support/gguf_builder.h"
#include "support/weight_blocks.h"

namespace heng {
namespace {

constexpr uint32_t kLayers = 2, kHidden = 256, kFfn = 512, kHeads = 4, kKvHeads = 2,
                   kVocabulary = 300;

// ggml_type numbers.
uint32_t ggml_type(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return 0;
    case DType::kF16:
      return 1;
    case DType::kQ4_0:
      return 2;
    case DType::kQ4_1:
      return 3;
    case DType::kQ5_0:
      return 6;
    case DType::kQ5_1:
      return 7;
    case DType::kQ8_0:
      return 8;
    case DType::kQ2_K:
      return 10;
    case DType::kQ3_K:
      return 11;
    case DType::kQ4_K:
      return 12;
    case DType::kQ5_K:
      return 13;
    case DType::kQ6_K:
      return 14;
    default:
      return 30;  // BF16
  }
}

class TinyGguf {
 public:
  explicit TinyGguf(DType dtype) : format_(*formats::find_format(dtype)) {
    b_.set("general.architecture", "llama")
        .set("llama.block_count", kLayers)
        .set("llama.embedding_length", kHidden)
        .set("llama.feed_forward_length", kFfn)
        .set("llama.attention.head_count", kHeads)
        .set("llama.attention.head_count_kv", kKvHeads)
        .set("llama.context_length", 512u)
        .set("llama.attention.layer_norm_rms_epsilon", 1e-5f);
    matrix("token_embd.weight", kVocabulary, kHidden);
    norm("output_norm.weight");
    for (uint32_t i = 0; i < kLayers; ++i) layer("blk." + std::to_string(i) + ".");
  }

  void write(const std::filesystem::path& path) const { b_.write(path); }

 private:
  void layer(const std::string& block) {
    constexpr uint32_t kKv = kHidden / kHeads * kKvHeads;
    norm(block + "attn_norm.weight");
    norm(block + "ffn_norm.weight");
    matrix(block + "attn_q.weight", kHidden, kHidden);
    matrix(block + "attn_k.weight", kKv, kHidden);
    matrix(block + "attn_v.weight", kKv, kHidden);
    matrix(block + "attn_output.weight", kHidden, kHidden);
    matrix(block + "ffn_gate.weight", kFfn, kHidden);
    matrix(block + "ffn_up.weight", kFfn, kHidden);
    matrix(block + "ffn_down.weight", kHidden, kFfn);
  }
  void norm(const std::string& name) { b_.add(name, {kHidden}, std::vector<float>(kHidden, 1.0f)); }
  void matrix(const std::string& name, uint32_t rows, uint32_t cols) {
    const auto bytes = test::finite_blocks(format_, rows, cols, ++seed_);
    b_.raw_tensor(name, ggml_type(format_.dtype), {rows, cols},
                  {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }

  const formats::WeightFormat& format_;
  test::GgufBuilder b_;
  uint32_t seed_ = 0;
};

std::vector<float> scores(const std::filesystem::path& path, Precision dtype) {
  LoadOptions options;
  options.dtype = dtype;
  const auto model = Model::load(path, options);
  std::vector<TokenId> ids(70);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<TokenId>(i * 41 % kVocabulary);
  return Engine(model).logits(ids, 3);
}

TEST(GgufFormats, TheFastPathOfEveryFormatStaysNearFp32) {
  size_t n = 0;
  for (const formats::WeightFormat* format : formats::all_formats()) {
    const bool in_gguf = format->dtype != DType::kF64 && format->zero != formats::kStoredZero;
    if (!in_gguf) continue;
    const auto path = std::filesystem::temp_directory_path() /
                      ("heng_tiny_" + std::string(format->name) + ".gguf");
    TinyGguf(format->dtype).write(path);
    const auto want = scores(path, Precision::kFp32), got = scores(path, Precision::kAuto);
    std::filesystem::remove(path);
    double square = 0, error = 0;
    for (size_t i = 0; i < want.size(); ++i) {
      square += double{want[i]} * want[i];
      error += (double{want[i]} - got[i]) * (double{want[i]} - got[i]);
    }
    // bf16 rounds activations to 8 bits; the others keep 15, with an fp16 cache: at most 0.003
    // seen.
    const double limit = format->dtype == DType::kBF16 ? 2e-2 : 5e-3;
    EXPECT_GT(square, 0) << format->name;
    EXPECT_LE(std::sqrt(error / square), limit) << format->name;
    ++n;
  }
  EXPECT_EQ(n, 13u);
}

}  // namespace
}  // namespace heng
