// ChatGLM's int4 and int8 checkpoints as they are stored: multiplied as integers, near fp32.
#include <gtest/gtest.h>

#include <cmath>

#include "heng/engine.h"

namespace heng {
namespace {

std::shared_ptr<const Model> load(const std::string& name, Precision dtype) {
  LoadOptions options;
  options.dtype = dtype;
  options.threads = 2;
  return Model::load(HENG_SOURCE_DIR "/tests/engine/data/" + name, options);
}

TEST(ChatGlmPackedModel, TheFastPathStaysNearFp32) {
  std::vector<TokenId> ids(60);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<TokenId>(i * i * 13 % 128);
  for (const auto& [name, stored] : {std::pair{"chatglm_int4", "q4_0"}, {"chatglm_int8", "q8_0"}}) {
    const auto model = load(name, Precision::kAuto);
    EXPECT_EQ(model->info().stored_as, stored);
    EXPECT_EQ(model->info().computed_as, stored);
    const auto got = Engine(model).logits(ids, 7);
    const auto want = Engine(load(name, Precision::kFp32)).logits(ids, 7);
    double square = 0, error = 0;
    ASSERT_EQ(want.size(), got.size());
    for (size_t i = 0; i < want.size(); ++i) {
      square += double{want[i]} * want[i];
      error += (double{want[i]} - got[i]) * (double{want[i]} - got[i]);
    }
    EXPECT_GT(square, 0);
    EXPECT_LE(std::sqrt(error / square), 5e-3) << name;  // as for every format of GGUF
  }
}

}  // namespace
}  // namespace heng
