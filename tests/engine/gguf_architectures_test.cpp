// What every architecture that reads both folders and GGUF files owes: the same weights give the
// same scores from either.
#include <gtest/gtest.h>

#include <cmath>

#include "heng/engine.h"
#include "support/tiny_gguf.h"

namespace heng {
namespace {

using test::TempDir;
using test::TinyModel;

std::vector<const models::Architecture*> with_both() {
  std::vector<const models::Architecture*> out;
  for (const models::Architecture* a : models::all_architectures()) {
    if (!a->hf_classes.empty() && !a->gguf_name.empty()) out.push_back(a);
  }
  return out;
}

std::vector<float> scores_of(const std::filesystem::path& path) {
  LoadOptions options;
  options.threads = 2;
  std::vector<TokenId> ids(60);
  for (size_t i = 0; i < ids.size(); ++i) {
    ids[i] = static_cast<TokenId>(i * i * 41 % TinyModel::kVocabulary);
  }
  return Engine(Model::load(path, options)).logits(ids, 5);
}

class GgufArchitecture : public ::testing::TestWithParam<const models::Architecture*> {};

TEST_P(GgufArchitecture, GivesTheScoresOfTheFolder) {
  const TinyModel model(*GetParam());
  const TempDir folder;
  // LLaMA's heads have their dimensions in another order, and so has a sum; in 16 bits the KV cache
  // rounds what differs then.
  const bool turned = GetParam()->gguf_name == "llama";
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    if (turned && dtype != DType::kF32) continue;
    model.write(folder.path(), dtype);
    test::write_tiny_gguf(model, *GetParam(), folder / "tiny.gguf", dtype);
    const auto want = scores_of(folder.path()), got = scores_of(folder / "tiny.gguf");
    ASSERT_EQ(want.size(), got.size());
    float worst = 0, most = 0;
    for (size_t i = 0; i < want.size(); ++i) {
      worst = std::max(worst, std::abs(want[i] - got[i]));
      most = std::max(most, std::abs(want[i]));
    }
    EXPECT_GT(most, 1.0f);
    EXPECT_LE(worst, turned ? 5e-5f : 0) << dtype_name(dtype);
  }
}

// Files that are made for measuring have no vocabulary: they run on ids.
TEST_P(GgufArchitecture, RepliesInIdsWithoutAVocabulary) {
  const TempDir folder;
  test::write_tiny_gguf(TinyModel(*GetParam()), *GetParam(), folder / "tiny.gguf");
  Engine engine(Model::load(folder / "tiny.gguf"));
  Request request;
  request.prompt = {1, 2, 3};
  request.generation.max_new_tokens = 4;
  request.generation.ignore_eos = true;
  EXPECT_EQ(engine.run(request).ids.size(), 4u);
  EXPECT_THROW(engine.model().tokenizer(), Error);
}

INSTANTIATE_TEST_SUITE_P(Registry, GgufArchitecture, ::testing::ValuesIn(with_both()),
                         [](const auto& info) { return std::string(info.param->name); });

}  // namespace
}  // namespace heng
