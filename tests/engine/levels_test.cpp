// A whole model on every instruction set level that this machine has, and on the reference backend.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "heng/engine.h"
#include "kernels/select.h"
#include "support/golden.h"

namespace heng {
namespace {

std::vector<float> scores_on(const char* level, const std::string& name, Precision dtype,
                             BackendKind backend = BackendKind::kFast) {
  setenv("HENG_FORCE_ISA", level, 1);
  LoadOptions options;
  options.dtype = dtype;
  options.backend = backend;
  const auto model = Model::load(test::golden_dir() / "models" / name, options);
  EXPECT_EQ(model->info().isa, backend == BackendKind::kFast ? level : "reference");
  std::vector<TokenId> ids(90);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<TokenId>(i * 37 % 700);
  auto scores = Engine(model).logits(ids, 5);
  unsetenv("HENG_FORCE_ISA");
  return scores;
}

float largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  float worst = 0;
  for (size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
  return worst;
}

TEST(Levels, Fp32ScoresHaveTheSameBitsOnEveryLevel) {
  HENG_NEEDS_GOLDEN("models/qwen1_tiny_fp32/config.json");
  const auto want = scores_on("scalar", "qwen1_tiny_fp32", Precision::kFp32);
  for (const auto* table : kernels::supported_levels()) {
    EXPECT_EQ(scores_on(table->level, "qwen1_tiny_fp32", Precision::kFp32), want) << table->level;
  }
}

TEST(Levels, Fp16ScoresHaveTheSameBitsOnEveryLevel) {
  HENG_NEEDS_GOLDEN("models/qwen1_tiny_fp16_bin/config.json");
  const auto want = scores_on("scalar", "qwen1_tiny_fp16_bin", Precision::kAuto);
  for (const auto* table : kernels::supported_levels()) {
    EXPECT_EQ(scores_on(table->level, "qwen1_tiny_fp16_bin", Precision::kAuto), want)
        << table->level;
  }
}

// Levels that multiply bf16 round activations to it. The original program in bf16 strays by 0.38
// here.
TEST(Levels, Bf16ScoresStayNearFp32OnEveryLevel) {
  HENG_NEEDS_GOLDEN("models/qwen1_tiny_bf16/config.json");
  const auto want = scores_on("scalar", "qwen1_tiny_bf16", Precision::kFp32);
  for (const auto* table : kernels::supported_levels()) {
    EXPECT_LE(
        largest_difference(scores_on(table->level, "qwen1_tiny_bf16", Precision::kAuto), want),
        0.3f)
        << table->level;
  }
}

TEST(Levels, TheReferenceBackendAgrees) {
  HENG_NEEDS_GOLDEN("models/qwen1_tiny_fp32/config.json");
  const auto want =
      scores_on("scalar", "qwen1_tiny_fp32", Precision::kFp32, BackendKind::kReference);
  EXPECT_LE(largest_difference(scores_on("scalar", "qwen1_tiny_fp32", Precision::kFp32), want),
            5e-5f);
}

}  // namespace
}  // namespace heng
