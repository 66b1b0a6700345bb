#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "heng/error.h"
#include "support/golden.h"

namespace heng::engine {
namespace {

std::vector<float> floats(const nlohmann::json& values) {
  return values.get<std::vector<float>>();
}

GenerationConfig settings(const nlohmann::json& row) {
  GenerationConfig config;
  config.repetition_penalty = row.value("repetition_penalty", 1.0);
  config.temperature = row.at("temperature");
  config.top_k = row.value("top_k", 0);
  config.top_p = row.at("top_p");
  return config;
}

void expect_golden_probabilities(const std::string& file) {
  for (const auto& row : test::read_jsonl(test::golden_dir() / file)) {
    const std::vector<TokenId> previous = row.value("previous_ids", std::vector<TokenId>());
    const auto found = probabilities(floats(row.at("logits")), previous, settings(row));
    const auto& expected = row.at("probs");
    ASSERT_EQ(found.size(), expected.size());
    double worst = 0;
    for (size_t i = 0; i < found.size(); ++i) {
      worst = std::max(worst, std::abs(found[i] - expected[i].get<double>()));
    }
    EXPECT_LE(worst, 1e-6) << row.value("what", file);
  }
}

// The same by a full sort, as the rules are written down: the oracle of the partial selection.
std::vector<double> by_full_sort(std::vector<float> logits, const GenerationConfig& config) {
  for (float& score : logits) score /= static_cast<float>(config.temperature);
  std::vector<size_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a > b;
  });
  size_t kept = order.size();
  if (config.top_k > 0 && static_cast<size_t>(config.top_k) < kept) {
    const float least = logits[order[config.top_k - 1]];
    kept = std::count_if(logits.begin(), logits.end(), [&](float x) { return x >= least; });
  }
  const double best = logits[order[0]];
  double total = 0, sum = 0;
  for (size_t i = 0; i < kept; ++i) total += std::exp(logits[order[i]] - best);
  size_t nucleus = 0;
  while (nucleus < kept && (nucleus == 0 || sum < config.top_p * total || config.top_p >= 1)) {
    sum += std::exp(logits[order[nucleus++]] - best);
  }
  std::vector<double> result(logits.size());
  for (size_t i = 0; i < nucleus; ++i) {
    result[order[i]] = std::exp(logits[order[i]] - best) / sum;
  }
  return result;
}

std::vector<float> random_logits(size_t n, float spread, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> logits(n);
  for (float& x : logits) x = normal(random);
  return logits;
}

TEST(Sampler, ProbabilitiesMatchTransformers) {
  HENG_NEEDS_GOLDEN("sampling/transformers_chain.jsonl");
  expect_golden_probabilities("sampling/transformers_chain.jsonl");
}

// Meta keeps a token while the sum before it is <= p, transformers while it is < p: the same but
// for sums that hit p exactly, so one rule serves both.
TEST(Sampler, NucleusMatchesMetas) {
  HENG_NEEDS_GOLDEN("sampling/meta_top_p.jsonl");
  expect_golden_probabilities("sampling/meta_top_p.jsonl");
}

TEST(Sampler, DefaultTopKIsTransformers) {
  HENG_NEEDS_GOLDEN("sampling/transformers_order.jsonl");
  const auto row = test::read_jsonl(test::golden_dir() / "sampling/transformers_order.jsonl").at(0);
  EXPECT_EQ(GenerationConfig().top_k, row.at("top_k_in_effect"));
  EXPECT_EQ(GenerationConfig().repetition_penalty, row.at("repetition_penalty_in_effect"));
}

TEST(Sampler, PartialSelectionEqualsFullSort) {
  struct Case {
    size_t n;
    float spread;
    int64_t top_k;
    double top_p;
  };
  const Case cases[] = {{151936, 4, 0, 0.8},  {151936, 0.1f, 0, 0.95}, {151936, 4, 0, 0.999999},
                        {151936, 4, 1000, 1}, {5000, 1, 50, 0.5},      {5000, 0, 0, 0.5},
                        {5000, 3, 0, 1},      {1, 1, 0, 0.5},          {7, 1, 3, 0}};
  for (const Case& c : cases) {
    GenerationConfig config;
    config.top_k = c.top_k;
    config.top_p = c.top_p;
    config.temperature = 0.9;
    const auto logits = random_logits(c.n, c.spread, 11);
    const auto expected = by_full_sort(logits, config);
    const auto found = probabilities(logits, {}, config);
    size_t other_support = 0;
    double worst = 0;
    for (size_t i = 0; i < c.n; ++i) {
      other_support += (found[i] > 0) != (expected[i] > 0);
      worst = std::max(worst, std::abs(found[i] - expected[i]));
    }
    EXPECT_EQ(other_support, 0u) << c.n << " top_k " << c.top_k << " top_p " << c.top_p;
    EXPECT_LE(worst, 1e-12) << c.n << " top_k " << c.top_k << " top_p " << c.top_p;
  }
}

TEST(Sampler, ExponentialIsExactOverItsRange) {
  GenerationConfig config;
  config.top_k = 0;
  std::vector<float> logits;
  for (float x = 0; x > -690; x -= 0.37f) logits.push_back(x);
  const auto found = probabilities(logits, {}, config);
  for (size_t i = 0; i < logits.size(); ++i) {
    const double expected = std::exp(static_cast<double>(logits[i]));
    EXPECT_NEAR(found[i] / found[0] / expected, 1.0, 2e-15) << logits[i];
  }
}

TEST(Sampler, DrawsByProbability) {
  GenerationConfig config;
  config.do_sample = true;
  config.top_k = 0;
  const std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.2f)};
  std::vector<int> counts(3);
  Sampler sampler(config, 3, {}, 7);
  for (int i = 0; i < 30000; ++i) {
    auto scores = logits;
    ++counts[sampler.next(scores)];
  }
  EXPECT_NEAR(counts[0] / 30000.0, 0.5, 0.01);  // 3.5 standard deviations
  EXPECT_NEAR(counts[1] / 30000.0, 0.3, 0.01);
  EXPECT_NEAR(counts[2] / 30000.0, 0.2, 0.01);
}

TEST(Sampler, GeneratorIsSplitMix64) {
  // Worked out once with Python integers from the definition in sampler.h.
  EXPECT_EQ(uniform(0, 0), 0x1.4e0dba5e9a32fp-1);
  EXPECT_EQ(uniform(1234567, 3), 0x1.ddf5dedc0fe27p-1);
  EXPECT_NE(uniform(1, 0), uniform(0, 1));
}

TEST(Sampler, SameSeedDrawsTheSame) {
  GenerationConfig config;
  config.do_sample = true;
  const auto draw = [&](uint64_t seed) {
    Sampler sampler(config, 1000, {}, seed);
    std::vector<TokenId> ids;
    for (unsigned step = 0; step < 20; ++step) {
      auto logits = random_logits(1000, 1, step);
      ids.push_back(sampler.next(logits));
    }
    return ids;
  };
  EXPECT_EQ(draw(5), draw(5));
  EXPECT_NE(draw(5), draw(6));
}

TEST(Sampler, GreedyTakesTheFirstOfEqualScores) {
  Sampler sampler({}, 4, {}, 0);
  std::vector<float> logits = {0.5f, 2, 2, 1};
  EXPECT_EQ(sampler.next(logits), 1);
}

TEST(Sampler, PenaltyCountsPromptAndReplyOnce) {
  GenerationConfig config;
  config.repetition_penalty = 2;
  const std::vector<TokenId> prompt = {0, 0, 0};
  Sampler sampler(config, 3, prompt, 0);
  const std::vector<float> logits = {4, 3, 1.8f};  // token 0 counts 2 from the start
  auto scores = logits;
  EXPECT_EQ(sampler.next(scores), 1);
  scores = logits;
  EXPECT_EQ(sampler.next(scores), 0);  // 2, 1.5, 1.8: punished once, not once an occurrence
}

// OpenAI's: score - count * frequency - (count > 0) * presence, of the reply alone.
TEST(Sampler, PresenceAndFrequencyCountTheReplyAlone) {
  GenerationConfig config;
  config.presence_penalty = 1;
  config.frequency_penalty = 0.5;
  const std::vector<TokenId> prompt = {0, 0};
  Sampler sampler(config, 2, prompt, 0);
  // Token 0 counts 3, 1.5, 1, 1 at the four steps, token 1 1.25 until it came.
  std::vector<TokenId> drawn;
  for (int i = 0; i < 4; ++i) {
    std::vector<float> scores = {3, 1.25f};
    drawn.push_back(sampler.next(scores));
  }
  EXPECT_EQ(drawn, (std::vector<TokenId>{0, 0, 1, 0}));
}

TEST(Sampler, BiasComesBeforeTheRepetitionPenalty) {
  GenerationConfig config;
  config.logit_bias = {{1, 2.0f}};
  config.repetition_penalty = 2;
  const std::vector<TokenId> prompt = {1};
  std::vector<float> scores = {1.4f, 1};
  EXPECT_EQ(Sampler(config, 2, prompt, 0).next(scores), 1);  // (1 + 2) / 2
  EXPECT_EQ(scores, (std::vector<float>{1.4f, 1.5f}));
}

TEST(Sampler, AnAdjustmentSeesTheModelsScoresAndMayForbid) {
  for (const bool do_sample : {false, true}) {
    GenerationConfig config;
    config.do_sample = do_sample;
    config.logit_bias = {{0, 5.0f}};
    Sampler sampler(config, 3, {}, 1);
    for (int i = 0; i < 20; ++i) {
      std::vector<float> scores = {1, 2, 3};
      const TokenId id = sampler.next(scores, {}, [](std::span<float> x) {
        EXPECT_EQ(x[0], 1);
        x[0] = x[2] = -std::numeric_limits<float>::infinity();
      });
      EXPECT_EQ(id, 1);
    }
  }
}

TEST(Sampler, ForbiddenTokensCannotComeOut) {
  GenerationConfig config;
  config.do_sample = true;
  for (const bool do_sample : {false, true}) {
    config.do_sample = do_sample;
    Sampler sampler(config, 2, {}, 1);
    const std::vector<TokenId> forbidden = {0, 99};
    for (int i = 0; i < 50; ++i) {
      std::vector<float> logits = {9, 1};
      EXPECT_EQ(sampler.next(logits, forbidden), 1);
    }
  }
}

TEST(Sampler, RefusesToForbidEverything) {
  Sampler sampler({}, 1, {}, 0);
  std::vector<float> logits = {1};
  const std::vector<TokenId> forbidden = {0};
  try {
    sampler.next(logits, forbidden);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  }
}

TEST(Sampler, RefusesScoresThatAreNotFinite) {
  for (const float bad : {std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity(), std::nanf("")}) {
    Sampler sampler({}, 4, {}, 0);
    std::vector<float> logits = {1, 2, bad, 3};
    try {
      sampler.next(logits);
      FAIL() << bad;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
      EXPECT_NE(std::string(error.what()).find("token 2"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace heng::engine
