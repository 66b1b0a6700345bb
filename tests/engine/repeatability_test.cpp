// The same request gives the same bits: whatever the threads, the chunking, what ran before, and
// what was found in the cache.
#include <gtest/gtest.h>

#include "heng/engine.h"
#include "support/default_model.h"
#include "support/golden.h"

namespace heng {
namespace {

std::shared_ptr<const Model> load(const std::filesystem::path& path, int threads,
                                  Precision dtype = Precision::kAuto) {
  LoadOptions options;
  options.threads = threads;
  options.dtype = dtype;
  return Model::load(path, options);
}

std::vector<TokenId> some_ids(const Model& model, size_t n, uint32_t seed) {
  std::vector<TokenId> ids(n);
  for (TokenId& id : ids) {
    seed = seed * 1664525u + 1013904223u;
    id = static_cast<TokenId>(seed >> 8) % static_cast<TokenId>(model.info().vocabulary);
  }
  return ids;
}

Request greedy(std::vector<TokenId> prompt, int64_t n) {
  Request request;
  request.prompt = std::move(prompt);
  request.generation.max_new_tokens = n;
  request.generation.ignore_eos = true;
  return request;
}

class Repeatability : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    HENG_NEEDS_GOLDEN("models/" + GetParam() + "/config.json");
    path_ = test::golden_dir() / "models" / GetParam();
  }
  std::filesystem::path path_;
};

INSTANTIATE_TEST_SUITE_P(Model, Repeatability,
                         ::testing::Values("qwen1_tiny_fp32", "qwen1_tiny_bf16",
                                           "qwen1_tiny_fp16_bin"),
                         [](const auto& info) { return info.param; });

TEST_P(Repeatability, ScoresDoNotDependOnThreads) {
  const auto one = load(path_, 1), three = load(path_, 3);
  const auto ids = some_ids(*one, 100, 1);
  EXPECT_EQ(Engine(one).logits(ids), Engine(three).logits(ids));
}

// Within the trained length the rotation does not depend on the prefill's length.
TEST_P(Repeatability, ScoresDoNotDependOnHowThePromptIsCut) {
  const auto model = load(path_, 2);
  const auto ids = some_ids(*model, 60, 2);
  const auto whole = Engine(model).logits(ids);
  for (const size_t steps : {1, 20, 59})
    EXPECT_EQ(Engine(model).logits(ids, steps), whole) << steps;
}

TEST_P(Repeatability, RepliesDoNotDependOnWhatIsInTheCache) {
  const auto model = load(path_, 2);
  const auto first = some_ids(*model, 30, 3);
  auto second = first;
  second.resize(20);
  const auto more = some_ids(*model, 10, 4);
  second.insert(second.end(), more.begin(), more.end());

  Engine fresh(model), used(model);
  const Completion want = fresh.run(greedy(second, 16));
  used.run(greedy(first, 16));
  const Completion got = used.run(greedy(second, 16));
  EXPECT_EQ(got.reused_tokens, 20u);
  EXPECT_EQ(got.ids, want.ids);
}

// Past the trained length dynamic NTK rotates by the prefill's length: keys of another base are not
// reused.
TEST_P(Repeatability, AnotherRopeBaseIsNotReused) {
  const auto model = load(path_, 2);
  const auto ids = some_ids(*model, 150, 5);
  Engine used(model);
  used.run(greedy({ids.begin(), ids.begin() + 60}, 2));
  const Completion got = used.run(greedy(ids, 16));
  EXPECT_EQ(got.reused_tokens, 0u);
  EXPECT_EQ(got.ids, Engine(model).run(greedy(ids, 16)).ids);
}

TEST_P(Repeatability, ASeedGivesTheSameReply) {
  const auto model = load(path_, 2);
  Request request = greedy(some_ids(*model, 10, 6), 24);
  request.generation.do_sample = true;
  request.generation.seed = 42;
  const auto a = Engine(model).run(request), b = Engine(model).run(request);
  EXPECT_EQ(a.ids, b.ids);
  EXPECT_EQ(a.seed, 42u);
  request.generation.seed = 43;
  EXPECT_NE(Engine(model).run(request).ids, a.ids);
}

TEST(RepeatabilityOfTheDefaultModel, ScoresDoNotDependOnThreadsOrCuts) {
  HENG_NEEDS_DEFAULT_MODEL();
  const auto one = load(test::default_model_path(), 1), two = load(test::default_model_path(), 2);
  const auto ids = some_ids(*one, 70, 7);
  const auto want = Engine(one).logits(ids);
  EXPECT_EQ(Engine(two).logits(ids), want);
  EXPECT_EQ(Engine(two).logits(ids, 33), want);
}

}  // namespace
}  // namespace heng
