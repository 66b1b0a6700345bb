// Requests in company: whatever runs beside them, begins alike, is cancelled or takes memory away,
// each gets what it gets alone in a new Engine, bit for bit.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "heng/engine.h"
#include "support/default_model.h"
#include "support/requests.h"
#include "support/tiny_llama.h"
#include "support/tiny_model.h"

namespace heng {
namespace {

using test::expect_beginning;
using test::expect_equal;

std::shared_ptr<const Model> load(const std::filesystem::path& path, size_t context = 0) {
  LoadOptions options;
  options.threads = 2;
  options.context = context;
  return Model::load(path, options);
}

// A model, as a test makes it, and the longest sequence to try with it.
struct Kind {
  const char* name;
  size_t most;
};

std::shared_ptr<const Model> make(const Kind& kind) {
  const test::TempDir folder;
  if (std::string(kind.name) == "qwen") {  // NTK by the prefill's length past 64, LogN
    for (const models::Architecture* a : models::all_architectures()) {
      if (a->name == "qwen") test::TinyModel(*a).write(folder.path());
    }
    return load(folder.path());
  }
  test::TinyLlama model;
  model.layers = 2;
  if (std::string(kind.name) == "dynamic") {  // another base for each token past 64
    model.config = {{"max_position_embeddings", 64},
                    {"rope_scaling", {{"type", "dynamic"}, {"factor", 4.0}}}};
  }
  model.make().write_hf(folder.path(), DType::kF16);
  return load(folder.path());
}

class Company : public ::testing::TestWithParam<Kind> {};

INSTANTIATE_TEST_SUITE_P(Model, Company,
                         ::testing::Values(Kind{"plain", 330}, Kind{"dynamic", 180},
                                           Kind{"qwen", 180}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(Company, RandomMixturesGiveEachRequestWhatItGetsAlone) {
  const auto model = make(GetParam());
  const auto vocabulary = static_cast<size_t>(model->info().vocabulary);
  EngineStats total;
  for (const unsigned seed : {1, 2, 3}) {
    std::mt19937 random(seed);
    std::vector<std::vector<TokenId>> texts;
    for (int i = 0; i < 3; ++i) texts.push_back(test::random_ids(random, 250, vocabulary));
    std::vector<Request> requests;
    std::vector<Completion> alone;
    for (int i = 0; i < 40; ++i) {
      requests.push_back(test::random_request(random, vocabulary, GetParam().most, texts));
      Request plain = requests.back();
      plain.generation.speculate = 0;
      alone.push_back(Engine(model).run(std::move(plain)));
    }

    EngineOptions options;
    const size_t n_blocks = 4 + 3 * seed;
    options.kv_tokens = n_blocks * 64;
    options.max_batch = 8;
    options.prompt_chunk = 70;
    Engine engine(model, options);
    std::map<RequestId, size_t> index;
    std::map<size_t, Completion> together;
    for (size_t next = 0; next < requests.size() || together.size() < requests.size();) {
      while (next < requests.size() && random() % 3 > 0) {
        Request request = requests[next];
        request.on_done = [&together, next](Completion done) {
          EXPECT_TRUE(together.emplace(next, std::move(done)).second);
        };
        index[engine.submit(std::move(request))] = next++;
      }
      if (random() % 60 == 0 && next > 0) engine.cancel(1 + random() % next);
      engine.step();
    }
    for (const auto& [id, i] : index) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", request " + std::to_string(i));
      EXPECT_EQ(together[i].id, id);
      if (together[i].finish == FinishReason::kCancelled) {
        expect_beginning(together[i], alone[i]);
      } else {
        expect_equal(together[i], alone[i]);
      }
    }
    const EngineStats stats = engine.stats();
    EXPECT_EQ(stats.completed + stats.cancelled, requests.size());
    EXPECT_EQ(stats.free_blocks + stats.cached_blocks, n_blocks);
    total.evicted_blocks += stats.evicted_blocks;
    total.reused_tokens += stats.reused_tokens;
    total.cancelled += stats.cancelled;
  }
  // The mixtures were hard enough to say something.
  EXPECT_GT(total.evicted_blocks, 100u);
  EXPECT_GT(total.reused_tokens, 100u);
  EXPECT_GT(total.cancelled, 3u);
}

// A reply that is made to repeat its prompt for a while and then goes its own way.
TEST_P(Company, GuessesThatComeOutAreKeptAndOthersLeaveNothing) {
  const auto model = make(GetParam());
  Request request;
  for (TokenId i = 0; i < 40; ++i) request.prompt.push_back(3 + i % 5);
  request.generation.max_new_tokens = 60;
  request.generation.seed = 1;
  request.n_logprobs = 1;
  request.on_logits = [](std::span<float> logits, std::span<const TokenId> reply) {
    const size_t n = reply.size();
    logits[n < 20 ? 3 + n % 5 : (7 * n) % logits.size()] += 1e6f;
  };
  const Completion alone = Engine(model).run(request);
  request.generation.speculate = 8;
  Engine engine(model);
  expect_equal(engine.run(request), alone);
  const EngineStats stats = engine.stats();
  EXPECT_GE(stats.kept_guesses, 10u);
  EXPECT_GT(stats.guessed_tokens, stats.kept_guesses);
  EXPECT_LT(stats.steps, 52u);
  expect_equal(engine.run(request), alone);  // what is in the cache now was computed well
}

// Long replies that all fit at first, in memory for a third of them.
TEST_P(Company, RepliesThatGiveTheirMemoryUpComeOutTheSame) {
  const auto model = make(GetParam());
  const auto vocabulary = static_cast<size_t>(model->info().vocabulary);
  std::mt19937 random(7);
  std::vector<Request> requests(8);
  std::map<size_t, Completion> together;
  EngineOptions options;
  options.kv_tokens = 9 * 64;
  Engine engine(model, options);
  for (size_t i = 0; i < requests.size(); ++i) {
    Request& request = requests[i];
    request.prompt = test::random_ids(random, 5 + 3 * i, vocabulary);
    request.generation.max_new_tokens = 150;
    request.generation.do_sample = i % 2;
    request.generation.seed = i;
    request.generation.repetition_penalty = 1.1;
    request.n_logprobs = 2;
    Request copy = request;
    copy.on_done = [&together, i](Completion done) { together[i] = std::move(done); };
    engine.submit(std::move(copy));
  }
  while (engine.step()) {
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    SCOPED_TRACE(i);
    expect_equal(together[i], Engine(model).run(requests[i]));
  }
  EXPECT_GE(engine.stats().preemptions, 2u);
}

TEST(CompanyOfTheDefaultModel, EightRepliesAtOnceAreTheRepliesAlone) {
  HENG_NEEDS_DEFAULT_MODEL();
  const auto model = load(test::default_model_path(), 1024);
  std::mt19937 random(4);
  const auto text = test::random_ids(random, 100, 40000);
  std::vector<Request> requests(8);
  for (size_t i = 0; i < requests.size(); ++i) {
    Request& request = requests[i];
    request.prompt.assign(text.begin(), text.begin() + static_cast<ptrdiff_t>(10 + 11 * i));
    request.generation.max_new_tokens = 24;
    request.generation.ignore_eos = true;
    request.generation.do_sample = i % 2;
    request.generation.seed = i;
    request.n_logprobs = 2;
  }
  std::map<size_t, Completion> together;
  Engine engine(model);
  for (size_t i = 0; i < requests.size(); ++i) {
    Request request = requests[i];
    request.on_done = [&together, i](Completion done) { together[i] = std::move(done); };
    engine.submit(std::move(request));
  }
  while (engine.step()) {
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    SCOPED_TRACE(i);
    expect_equal(together[i], Engine(model).run(requests[i]));
  }
  EXPECT_GT(engine.stats().reused_tokens, 64u);
}

// A turn of a conversation computes what is new in it, to the token.
TEST(Conversation, AFollowingTurnComputesItsNewTokensOnly) {
  const auto model = make({"plain", 0});
  Engine engine(model);
  std::mt19937 random(5);
  Request request;
  request.prompt = test::random_ids(random, 30, 32);
  request.generation.max_new_tokens = 20;
  for (int turn = 0; turn < 8; ++turn) {
    const Completion done = engine.run(request);
    // The last token of a reply was never put through the layers.
    EXPECT_EQ(done.reused_tokens, turn == 0 ? 0 : request.prompt.size() - 8);
    request.prompt.insert(request.prompt.end(), done.ids.begin(), done.ids.end());
    const auto more = test::random_ids(random, 7, 32);
    request.prompt.insert(request.prompt.end(), more.begin(), more.end());
  }
}

// Another conversation in between does not push the first one out while there is room.
TEST(Conversation, TwoTakeTurnsWithoutComputingAgain) {
  const auto model = make({"plain", 0});
  Engine engine(model);
  std::mt19937 random(6);
  Request a, b;
  a.prompt = test::random_ids(random, 100, 32);
  b.prompt = test::random_ids(random, 100, 32);
  a.generation.max_new_tokens = b.generation.max_new_tokens = 5;
  engine.run(a);
  engine.run(b);
  EXPECT_EQ(engine.run(a).reused_tokens, 99u);
  EXPECT_EQ(engine.run(b).reused_tokens, 99u);
}

}  // namespace
}  // namespace heng
