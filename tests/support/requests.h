// Requests for tests of the engine, and what must be equal between two ways to run one.
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "heng/engine.h"

namespace heng::test {

inline std::vector<TokenId> random_ids(std::mt19937& random, size_t n, size_t vocabulary) {
  std::vector<TokenId> ids(n);
  for (TokenId& id : ids) id = static_cast<TokenId>(random() % vocabulary);
  return ids;
}

// Any mixture of settings and tasks; prompts begin with a part of one of `texts`. At most `most`
// tokens with the reply.
inline Request random_request(std::mt19937& random, size_t vocabulary, size_t most,
                              const std::vector<std::vector<TokenId>>& texts) {
  const auto up_to = [&](size_t n) { return static_cast<size_t>(random() % n); };
  Request request;
  const size_t reply = 1 + up_to(up_to(2) ? 150 : 40);
  const auto& text = texts[up_to(texts.size())];
  const size_t shared = std::min(text.size(), most - reply - 20);
  request.prompt.assign(text.begin(), text.begin() + static_cast<ptrdiff_t>(up_to(shared + 1)));
  const auto own = random_ids(random, 1 + up_to(20), vocabulary);
  request.prompt.insert(request.prompt.end(), own.begin(), own.end());
  GenerationConfig& config = request.generation;
  config.max_new_tokens = static_cast<int64_t>(reply);
  if (up_to(4) == 0) config.eos_ids = {static_cast<TokenId>(up_to(vocabulary))};
  config.min_new_tokens = static_cast<int64_t>(up_to(4));
  config.do_sample = up_to(2) == 0;
  config.seed = random();
  config.temperature = 0.5 + 0.25 * static_cast<double>(up_to(4));
  config.top_p = up_to(2) ? 1.0 : 0.9;
  config.top_k = static_cast<int64_t>(up_to(2) * 20);
  config.repetition_penalty = up_to(2) ? 1.0 : 1.2;
  config.presence_penalty = up_to(2) ? 0.0 : 0.5;
  config.frequency_penalty = up_to(2) ? 0.0 : 0.25;
  config.speculate = up_to(2) ? 0 : static_cast<int64_t>(up_to(17));
  if (up_to(3) == 0) config.logit_bias[static_cast<TokenId>(up_to(vocabulary))] = 2.5f;
  if (up_to(2)) request.n_logprobs = up_to(5);
  if (up_to(3) == 0) request.echo_from = up_to(request.prompt.size() + 1);
  request.cache_group = up_to(8) == 0;
  const size_t task = up_to(6);
  if (task == 0) request.task = Task::kEmbed;
  if (task == 1 && request.prompt.size() > 1) {
    request.task = Task::kScore;
    request.echo_from = up_to(request.prompt.size());
  }
  return request;
}

inline void expect_equal(const std::vector<Logprobs>& got, const std::vector<Logprobs>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(got[i].logprob, want[i].logprob) << i;
    ASSERT_EQ(got[i].top.size(), want[i].top.size());
    for (size_t k = 0; k < want[i].top.size(); ++k) {
      EXPECT_EQ(got[i].top[k].id, want[i].top[k].id) << i;
      EXPECT_EQ(got[i].top[k].logprob, want[i].top[k].logprob) << i;
    }
  }
}

// The same bits.
inline void expect_equal(const Completion& got, const Completion& want) {
  EXPECT_EQ(got.ids, want.ids);
  EXPECT_EQ(got.text, want.text);
  EXPECT_EQ(got.finish, want.finish);
  EXPECT_EQ(got.seed, want.seed);
  EXPECT_EQ(got.embedding, want.embedding);
  expect_equal(got.logprobs, want.logprobs);
  expect_equal(got.prompt_logprobs, want.prompt_logprobs);
}

// What stands in `got` stands so at the beginning of `want`.
inline void expect_beginning(Completion got, Completion want) {
  ASSERT_LE(got.ids.size(), want.ids.size());
  ASSERT_TRUE(want.text.starts_with(got.text));
  ASSERT_LE(got.prompt_logprobs.size(), want.prompt_logprobs.size());
  want.ids.resize(got.ids.size());
  want.text = got.text;
  want.logprobs.resize(got.logprobs.size());
  want.prompt_logprobs.resize(got.prompt_logprobs.size());
  want.finish = got.finish;
  want.embedding = got.embedding;
  expect_equal(got, want);
}

}  // namespace heng::test
