// What a request may ask of the engine, and what it gets: log-probabilities, embeddings, hooks,
// refusals, cancelling, errors of its own, and use from several threads.
#include "support/requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <map>
#include <thread>

#include "heng/engine.h"
#include "support/tiny_llama.h"

namespace heng {
namespace {

using test::expect_equal;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr size_t kVocabulary = 32;

std::shared_ptr<const Model> load(const test::TinyLlama& made, size_t context = 0) {
  const test::TempDir folder;
  made.write_hf(folder.path());
  LoadOptions options;
  options.threads = 2;
  options.context = context;
  return Model::load(folder.path(), options);
}

std::shared_ptr<const Model> tiny(size_t context = 0) {
  test::TinyLlama made;
  return load(made.make(), context);
}

std::vector<TokenId> some_ids(size_t n, unsigned seed = 1) {
  std::mt19937 random(seed);
  return test::random_ids(random, n, kVocabulary);
}

Request reply_to(std::vector<TokenId> prompt, int64_t n) {
  Request request;
  request.prompt = std::move(prompt);
  request.generation.max_new_tokens = n;
  return request;
}

// log softmax in double.
std::vector<double> log_softmax(std::span<const float> row) {
  const double best = *std::max_element(row.begin(), row.end());
  double sum = 0;
  for (const float x : row) sum += std::exp(x - best);
  std::vector<double> result;
  for (const float x : row) result.push_back(x - best - std::log(sum));
  return result;
}

std::string problem_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(LogProbs, AreThoseOfTheScores) {
  const auto model = tiny();
  Engine engine(model);
  const auto ids = some_ids(90);
  const auto scores = Engine(model).logits(ids);
  const std::span<const TokenId> all(ids);
  for (const size_t n : {1, 40, 64, 89}) {
    const auto got = engine.log_probs(all.first(n), all.subspan(n));
    ASSERT_EQ(got.size(), ids.size() - n);
    for (size_t i = n; i < ids.size(); ++i) {
      const auto want = log_softmax({&scores[(i - 1) * kVocabulary], kVocabulary});
      EXPECT_NEAR(got[i - n], want[static_cast<size_t>(ids[i])], 1e-6) << i;
    }
  }
  EXPECT_TRUE(engine.log_probs(all, {}).empty());
  EXPECT_THAT(problem_of([&] { engine.log_probs({}, all); }), HasSubstr("empty"));
}

TEST(LogProbs, OfAReplyAreThoseOfItsTokensAndTheBest) {
  const auto model = tiny();
  Request request = reply_to(some_ids(10), 12);
  request.n_logprobs = 4;
  request.generation.repetition_penalty = 1.3;  // changes what is drawn, not the log-probabilities
  std::vector<Logprobs> streamed;
  request.on_token = [&](const TokenEvent& event) {
    if (event.logprobs) streamed.push_back(*event.logprobs);
    return true;
  };
  const Completion done = Engine(model).run(request);
  expect_equal(streamed, done.logprobs);
  ASSERT_EQ(done.logprobs.size(), done.ids.size());
  auto ids = request.prompt;
  ids.insert(ids.end(), done.ids.begin(), done.ids.end());
  const auto scores = Engine(model).logits(ids);
  for (size_t i = 0; i < done.ids.size(); ++i) {
    const auto want = log_softmax({&scores[(9 + i) * kVocabulary], kVocabulary});
    EXPECT_NEAR(done.logprobs[i].logprob, want[static_cast<size_t>(done.ids[i])], 1e-6);
    ASSERT_EQ(done.logprobs[i].top.size(), 4u);
    auto sorted = want;
    std::sort(sorted.rbegin(), sorted.rend());
    for (size_t k = 0; k < 4; ++k) EXPECT_NEAR(done.logprobs[i].top[k].logprob, sorted[k], 1e-6);
  }
}

TEST(LogProbs, AreAbsentWhereNobodyAsks) {
  const auto model = tiny();
  Request request = reply_to(some_ids(10), 3);
  request.on_token = [](const TokenEvent& event) { return event.logprobs == nullptr; };
  const Completion done = Engine(model).run(request);
  EXPECT_EQ(done.ids.size(), 3u);
  EXPECT_TRUE(done.logprobs.empty() && done.prompt_logprobs.empty());
}

// As lm-eval tells whether a choice is the greedy one: exact equality with the best.
TEST(LogProbs, OfAPromptNameTheBestExactly) {
  const auto model = tiny();
  Engine engine(model);
  Request request = reply_to(some_ids(20), 30);
  const Completion greedy = engine.run(request);
  request.prompt.insert(request.prompt.end(), greedy.ids.begin(), greedy.ids.end());
  request.generation.max_new_tokens = 1;
  request.n_logprobs = 1;
  request.echo_from = 20;
  const Completion done = engine.run(request);
  ASSERT_EQ(done.prompt_logprobs.size(), 30u);
  for (size_t i = 0; i < 30; ++i) {
    EXPECT_EQ(done.prompt_logprobs[i].logprob, done.prompt_logprobs[i].top.at(0).logprob);
    EXPECT_EQ(done.prompt_logprobs[i].top[0].id, greedy.ids[i]);
  }
  EXPECT_EQ(done.reused_tokens, 19u);  // the 20th token's scores are the first wanted
  request.echo_from = 0;
  EXPECT_EQ(engine.run(request).prompt_logprobs.size(), 49u);
}

TEST(Scoring, ReusesWhatIsNotScored) {
  const auto model = tiny();
  Engine engine(model);
  const auto shared = some_ids(200);
  engine.log_probs(shared, some_ids(3, 2));
  engine.log_probs(shared, some_ids(3, 3));
  EXPECT_EQ(engine.stats().reused_tokens, 199u);
}

TEST(Embedding, IsTheMeanOfTheFinalHiddenStates) {
  test::TinyLlama made;
  made.make();
  // With the identity as head, scores are the final hidden states.
  made.vocabulary = made.hidden;
  for (auto& t : made.tensors) {
    if (t.name == "model.embed_tokens.weight") {
      t.shape[0] = made.hidden;
      t.values.resize(made.hidden * made.hidden, 0.25f);
    }
    if (t.name == "lm_head.weight") {
      t.shape[0] = made.hidden;
      t.values.assign(made.hidden * made.hidden, 0);
      for (size_t i = 0; i < made.hidden; ++i) t.values[i * made.hidden + i] = 1;
    }
  }
  const auto model = load(made);
  EngineOptions options;
  options.prompt_chunk = 13;
  Engine engine(model, options);
  const auto ids = some_ids(70);
  const auto got = engine.embed(ids);
  const auto rows = engine.logits(ids);
  ASSERT_EQ(got.size(), made.hidden);
  for (size_t d = 0; d < made.hidden; ++d) {
    double mean = 0;
    for (size_t t = 0; t < ids.size(); ++t) mean += rows[t * made.hidden + d];
    EXPECT_NEAR(got[d], mean / 70, 1e-6);
  }
  EXPECT_EQ(got, engine.embed(ids));
}

TEST(OnLogits, DecidesWhatMayCome) {
  const auto model = tiny();
  Request request = reply_to(some_ids(5), 6);
  std::vector<size_t> lengths;
  request.on_logits = [&](std::span<float> logits, std::span<const TokenId> reply) {
    lengths.push_back(reply.size());
    for (size_t i = 0; i < logits.size(); ++i) {
      if (i % 2 != reply.size() % 2) logits[i] = -std::numeric_limits<float>::infinity();
    }
  };
  for (const bool sampled : {false, true}) {
    request.generation.do_sample = sampled;
    lengths.clear();
    const Completion done = Engine(model).run(request);
    ASSERT_EQ(done.ids.size(), 6u);
    for (size_t i = 0; i < 6; ++i) EXPECT_EQ(done.ids[i] % 2, static_cast<TokenId>(i % 2));
    EXPECT_THAT(lengths, ::testing::ElementsAre(0, 1, 2, 3, 4, 5));
  }
  request.on_logits = [](std::span<float> logits, auto) { logits[3] = NAN; };
  EXPECT_THAT(
      problem_of([&] { Engine(model).run(request); }),
      AllOf(HasSubstr("step 1 of the reply"), HasSubstr("on_logits"), HasSubstr("token 3")));
  request.on_logits = [](auto, auto) { throw std::runtime_error("no such rule"); };
  EXPECT_THAT(problem_of([&] { Engine(model).run(request); }), HasSubstr("no such rule"));
}

TEST(Submit, RefusesWhatCanNeverRunWithTheFigures) {
  const auto model = tiny(1024);
  EngineOptions options;
  options.kv_tokens = 256;
  Engine engine(model, options);
  const auto problem = [&](Request request) {
    return problem_of([&] { engine.submit(std::move(request)); });
  };
  EXPECT_THAT(problem(reply_to({}, 1)), HasSubstr("the prompt is empty"));
  EXPECT_THAT(problem(reply_to({1, 32}, 1)), HasSubstr("token 1 of the prompt is 32"));
  EXPECT_THAT(problem(reply_to({1, -1}, 1)), HasSubstr("token 1 of the prompt is -1"));
  EXPECT_THAT(problem(reply_to(some_ids(600), 500)),
              HasSubstr("prompt 600 + max_new_tokens 500 > context 1024"));
  EXPECT_THAT(problem(reply_to(some_ids(200), 57)),
              HasSubstr("prompt 200 + max_new_tokens 57 > KV memory for 256 tokens"));
  EXPECT_EQ(problem(reply_to(some_ids(200), 56)), "");
  Request request = reply_to(some_ids(5), 1);
  request.generation.logit_bias[99] = 1;
  EXPECT_THAT(problem(request), HasSubstr("logit_bias names token 99"));
  request.generation.logit_bias = {{1, NAN}};
  EXPECT_THAT(problem(request), HasSubstr("logit_bias"));
  request.generation.logit_bias.clear();
  request.task = Task::kScore;
  request.echo_from = 5;
  EXPECT_THAT(problem(request), AllOf(HasSubstr("5 tokens"), HasSubstr("echo_from is 5")));
  request.task = Task::kReply;
  request.generation.stop = {"x"};
  EXPECT_NE(problem(request), "");  // this model has no tokenizer
}

TEST(Submit, AFullQueueSaysSo) {
  const auto model = tiny();
  EngineOptions options;
  options.max_queue = 2;
  Engine engine(model, options);
  const Request request = reply_to(some_ids(5), 2);
  engine.submit(request);
  engine.submit(request);
  try {
    engine.submit(request);
    ADD_FAILURE() << "a third request was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kBusy);
    EXPECT_THAT(error.what(), HasSubstr("2 requests wait already"));
  }
  EXPECT_EQ(engine.stats().queued, 2u);
  while (engine.step()) {
  }
  EXPECT_EQ(engine.stats().completed, 2u);
  engine.submit(request);
}

// A request that has begun waits no more, while its first step still runs.
TEST(Queue, IsLeftWhenARequestBegins) {
  EngineOptions options;
  options.max_queue = 1;
  Engine engine(tiny(), options);
  Request first = reply_to(some_ids(3), 2);
  bool has_asked = false;
  first.on_token = [&](const TokenEvent&) {
    if (!std::exchange(has_asked, true)) {
      EXPECT_EQ(engine.stats().queued, 0u);
      engine.submit(reply_to(some_ids(4), 2));
    }
    return true;
  };
  engine.submit(std::move(first));
  while (engine.step()) {
  }
  EXPECT_EQ(engine.stats().completed, 2u);
}

TEST(Options, ThatMakeNoSenseAreRefused) {
  const auto model = tiny();
  const auto problem = [&](EngineOptions options) {
    return problem_of([&] { Engine engine(model, options); });
  };
  EXPECT_THAT(problem({.max_batch = 0}), HasSubstr("at least 1"));
  EXPECT_THAT(problem({.kv_tokens = size_t{1} << 50}),
              AllOf(HasSubstr("1125899906842624 tokens"), HasSubstr("MiB are free")));
  EXPECT_THAT(problem({.kv_tokens = static_cast<size_t>(-1)}), HasSubstr("MiB are free"));
}

TEST(Cancel, TakesEffectAtTheNextStep) {
  const auto model = tiny();
  Engine engine(model);
  std::map<RequestId, Completion> done;
  Request request = reply_to(some_ids(5), 50);
  request.on_done = [&](Completion completion) { done[completion.id] = std::move(completion); };
  const RequestId running = engine.submit(request);
  for (int i = 0; i < 4; ++i) engine.step();
  const RequestId waiting = engine.submit(request);
  engine.cancel(running);
  engine.cancel(waiting);
  engine.cancel(12345);
  EXPECT_FALSE(engine.step());
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[running].finish, FinishReason::kCancelled);
  EXPECT_EQ(done[running].ids.size(), 4u);
  EXPECT_EQ(done[waiting].ids.size(), 0u);
  EXPECT_EQ(engine.stats().cancelled, 2u);
}

TEST(Cancel, EveryRequestIsAnsweredOnceThoughTheEngineGoes) {
  const auto model = tiny();
  int answers = 0;
  {
    Engine engine(model, {.max_batch = 1});
    Request request = reply_to(some_ids(5), 50);
    request.on_done = [&](const Completion& completion) {
      EXPECT_EQ(completion.finish, FinishReason::kCancelled);
      ++answers;
    };
    engine.submit(request);
    engine.submit(request);
    engine.step();
    engine.submit(request);
  }
  EXPECT_EQ(answers, 3);
}

// Token 7 alone reaches a weight that overflows.
test::TinyLlama overflowing() {
  test::TinyLlama made;
  made.layers = 2;
  made.make();
  for (auto& t : made.tensors) {
    if (t.name == "model.embed_tokens.weight") {
      for (size_t id = 0; id < kVocabulary; ++id) t.values[id * made.hidden + 3] = id == 7;
    }
    if (t.name == "model.layers.0.self_attn.v_proj.weight") {
      for (size_t row = 0; row < made.hidden; ++row) t.values[row * made.hidden + 3] = 3e38f;
    }
  }
  return made;
}

TEST(NotFinite, EndsTheOneRequestAndNamesTheStep) {
  const auto model = load(overflowing());
  std::vector<TokenId> clean = some_ids(100);
  std::replace(clean.begin(), clean.end(), 7, 8);
  Request good = reply_to(clean, 20);
  good.generation.seed = 1;
  good.generation.logit_bias[7] = -1000;
  const Completion want = Engine(model).run(good);
  ASSERT_EQ(want.ids.size(), 20u);

  Engine engine(model, {.kv_tokens = 512});
  std::map<RequestId, Completion> done;
  const auto submit = [&](Request request) {
    request.on_done = [&](Completion completion) { done[completion.id] = std::move(completion); };
    return engine.submit(std::move(request));
  };
  const RequestId a = submit(good);
  Request bad = good;
  bad.prompt[80] = 7;
  const RequestId b = submit(bad);
  Request late = good;  // draws token 7 itself
  late.prompt.resize(70);
  late.generation.logit_bias[7] = 0;
  late.on_logits = [](std::span<float> logits, std::span<const TokenId> reply) {
    if (reply.size() == 4) logits[7] = 1e6;
    if (reply.size() < 4) logits[7] = -1e6;
  };
  const RequestId c = submit(late);
  while (engine.step()) {
  }
  expect_equal(done[a], want);
  EXPECT_EQ(done[b].finish, FinishReason::kError);
  ASSERT_TRUE(done[b].error);
  EXPECT_EQ(done[b].error->code(), ErrorCode::kCorrupt);
  EXPECT_THAT(done[b].error->what(),
              AllOf(HasSubstr("step 1 of the reply, from layer 1 of "), HasSubstr("finite")));
  EXPECT_THAT(done[c].error->what(), HasSubstr("step 6 of the reply"));
  EXPECT_EQ(done[c].ids.size(), 5u);
  EXPECT_EQ(engine.stats().failed, 2u);

  // Nothing of it is found again, and its blocks do no harm to others.
  done.clear();
  const RequestId again = submit(bad);
  while (engine.step()) {
  }
  EXPECT_LE(done[again].reused_tokens, 80u);
  for (unsigned seed = 2; seed < 6; ++seed) {
    Request other = good;
    other.prompt = some_ids(150, seed);
    std::replace(other.prompt.begin(), other.prompt.end(), 7, 8);
    expect_equal(engine.run(other), Engine(model).run(other));
  }
  EXPECT_THROW(engine.run(bad), Error);
  EXPECT_THAT(problem_of([&] { engine.embed(bad.prompt); }), HasSubstr("not finite"));
  EXPECT_THAT(problem_of([&] {
                engine.log_probs({clean.data(), 3}, bad.prompt);
              }),
              HasSubstr("of the prompt, from layer 1 of 2 on: the score of token"));
}

TEST(Callbacks, ThatThrowFailTheirRequestAlone) {
  const auto model = tiny();
  Engine engine(model);
  std::map<RequestId, Completion> done;
  Request good = reply_to(some_ids(5), 8);
  good.on_done = [&](Completion completion) { done[completion.id] = std::move(completion); };
  Request bad = good;
  bad.on_token = [n = 0](const TokenEvent&) mutable -> bool {
    if (++n == 3) throw std::runtime_error("the pipe broke");
    return true;
  };
  const RequestId a = engine.submit(good), b = engine.submit(bad);
  while (engine.step()) {
  }
  EXPECT_EQ(done[a].ids.size(), 8u);
  EXPECT_EQ(done[b].finish, FinishReason::kError);
  EXPECT_THAT(done[b].error->what(), HasSubstr("the pipe broke"));
}

TEST(Callbacks, MaySubmitAndCancel) {
  const auto model = tiny();
  Engine engine(model);
  int ended = 0;
  Request request = reply_to(some_ids(5), 4);
  Request follow = request;
  follow.on_done = [&](const Completion&) { ++ended; };
  RequestId other = 0;
  request.on_done = [&](const Completion&) {
    ++ended;
    other = engine.submit(follow);
    engine.cancel(other);
    EXPECT_EQ(engine.stats().queued, 1u);
  };
  engine.submit(request);
  while (engine.step()) {
  }
  EXPECT_EQ(ended, 2);
}

TEST(Progress, OfAPromptIsReportedOnceAndCanStopIt) {
  const auto model = tiny();
  EngineOptions options;
  options.prompt_chunk = 64;
  Engine engine(model, options);
  Request request = reply_to(some_ids(150), 2);
  std::vector<size_t> seen;
  request.on_prompt = [&](size_t done, size_t total) {
    EXPECT_EQ(total, 150u);
    seen.push_back(done);
    return true;
  };
  engine.run(request);
  EXPECT_THAT(seen, ::testing::ElementsAre(64, 128, 150));
  request.prompt = some_ids(150, 2);
  request.on_prompt = [](size_t done, size_t) { return done < 100; };
  const Completion done = engine.run(request);
  EXPECT_EQ(done.finish, FinishReason::kCancelled);
  EXPECT_TRUE(done.ids.empty());
}

TEST(Logits, MakeDoBesideRunningRequestsOrSayWhyNot) {
  const auto model = tiny();
  EngineOptions options;
  options.kv_tokens = 256;
  Engine engine(model, options);
  const auto ids = some_ids(100);
  const auto want = Engine(model).logits(ids);
  Request request = reply_to(some_ids(60), 100);
  request.on_token = [](const TokenEvent&) { return true; };
  engine.submit(request);
  engine.step();
  EXPECT_EQ(engine.logits(ids), want);
  EXPECT_THAT(problem_of([&] { engine.logits(some_ids(250)); }), HasSubstr("running requests"));
  while (engine.step()) {
  }
  EXPECT_EQ(engine.stats().completed, 1u);
}

TEST(Threads, SubmitAndCancelWhileOneSteps) {
  const auto model = tiny();
  EngineOptions options;
  options.kv_tokens = 512;
  options.max_batch = 4;
  Engine engine(model, options);
  constexpr int kThreads = 3, kEach = 30;
  std::atomic<int> answers = 0, running = kThreads;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        Request request = reply_to(some_ids(20 + static_cast<size_t>(i), 100), 5);
        request.on_done = [&](const Completion&) { ++answers; };
        const RequestId id = engine.submit(std::move(request));
        if (i % 4 == t) engine.cancel(id);
        if (engine.stats().kv_blocks != 8) ADD_FAILURE();
      }
      --running;
    });
  }
  while (running > 0 || engine.stats().queued + engine.stats().running > 0) {
    if (engine.wait(std::chrono::milliseconds(1))) engine.step();
  }
  for (std::thread& thread : threads) thread.join();
  while (engine.step()) {
  }
  EXPECT_EQ(answers, kThreads * kEach);
  EXPECT_FALSE(engine.wait(std::chrono::milliseconds(0)));
}

}  // namespace
}  // namespace heng
