#include "statistics/ratings.h"

#include <gtest/gtest.h>

#include <cmath>

namespace heng::statistics {
namespace {

// Two models, three wins to one: strengths 3 to 1, 400 * log10(3) = 190.85 points.
TEST(BradleyTerry, TwoModelsByHand) {
  const std::vector<double> wins = {0, 3, 1, 0};
  const auto p = bradley_terry(wins, 2, 0);
  EXPECT_NEAR(p[0] / p[1], 3, 1e-6);
  EXPECT_NEAR(p[0] * p[1], 1, 1e-9);
}

// Wins in the proportions of the strengths 4, 2 and 1: P(0 over 1) = 4/6, P(1 over 2) = 2/3,
// P(0 over 2) = 4/5.
TEST(BradleyTerry, ThreeModelsByHand) {
  const std::vector<double> wins = {0, 4, 8, 2, 0, 6, 2, 3, 0};
  const auto p = bradley_terry(wins, 3, 0);
  EXPECT_NEAR(p[0] / p[1], 2, 1e-6);
  EXPECT_NEAR(p[1] / p[2], 2, 1e-6);
}

// One win, and a draw of each against strength 1. By symmetry p and 1/p, with x = p^2:
// 1 + 1/2 = x / (x + 1) + p / (p + 1).
TEST(BradleyTerry, WhoNeverLostHasARatingToo) {
  const auto p = bradley_terry(std::vector<double>{0, 1, 0, 0}, 2, 1);
  EXPECT_NEAR(p[0] * p[1], 1, 1e-6);
  EXPECT_NEAR(p[0] * p[0] / (p[0] * p[0] + 1) + p[0] / (p[0] + 1), 1.5, 1e-6);
}

std::vector<Comparison> some_votes() {
  std::vector<Comparison> votes;
  for (int i = 0; i < 30; ++i) votes.push_back({{0, 1}, 0});
  for (int i = 0; i < 10; ++i) votes.push_back({{1, 0}, 0});
  for (int i = 0; i < 20; ++i) votes.push_back({{0, 1}, -1});
  return votes;
}

TEST(Ratings, TiesCountHalf) {
  // 30 + 20/2 to 10 + 20/2: 2 to 1, 120.41 points.
  const auto ratings = rate(some_votes(), 2, {.n_resamples = 0, .seed = 1, .prior_draws = 0});
  EXPECT_NEAR(ratings[0].rating - ratings[1].rating, 400 * std::log10(2.0), 1e-3);
  EXPECT_NEAR(ratings[0].rating + ratings[1].rating, 2000, 1e-6);
  EXPECT_EQ(ratings[0].n_votes, 60u);
  EXPECT_EQ(ratings[0].wins, 30u);
  EXPECT_EQ(ratings[0].ties, 20u);
  EXPECT_EQ(ratings[0].losses, 10u);
}

TEST(Ratings, IntervalsHoldTheRatingAndRepeat) {
  const auto ratings = rate(some_votes(), 2);
  EXPECT_LT(ratings[0].low, ratings[0].rating);
  EXPECT_GT(ratings[0].high, ratings[0].rating);
  // The deviation of the difference by the delta method: the share 2/3 has a standard error of
  // sqrt(var / 60) with var = 30/60 + 20/60 * 0.25 - (2/3)^2 = 0.1389, which is 0.0481; a rating
  // moves by half of 400 / ln 10 / (2/3 * 1/3) of it: 18.8 points. 95 %: 2 * 1.96 * 18.8 = 74 wide.
  EXPECT_NEAR(ratings[0].high - ratings[0].low, 74, 12);
  const auto again = rate(some_votes(), 2);
  EXPECT_EQ(again[0].low, ratings[0].low);
  EXPECT_EQ(again[1].high, ratings[1].high);
}

TEST(Ratings, TheBestOfThreeBeatsBoth) {
  const std::vector<Comparison> votes = {{{0, 1, 2}, 2}};
  const auto ratings = rate(votes, 3);
  EXPECT_GT(ratings[2].rating, ratings[0].rating);
  EXPECT_NEAR(ratings[0].rating, ratings[1].rating, 1e-6);
  EXPECT_EQ(ratings[2].wins, 1u);
  EXPECT_EQ(ratings[0].losses, 1u);
}

TEST(Ratings, NoVotesGiveTheMiddle) {
  EXPECT_EQ(rate({}, 2)[1].rating, 1000);
}

}  // namespace
}  // namespace heng::statistics
