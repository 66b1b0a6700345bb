#include "statistics/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <numeric>

#include "support/golden.h"

namespace heng::statistics {
namespace {

using nlohmann::json;

json read_golden(const std::string& file) {
  std::ifstream in(test::golden_dir() / "eval" / file);
  return json::parse(in);
}

void expect_close(double value, const json& wanted, const std::string& what) {
  if (wanted.is_null()) {
    EXPECT_TRUE(std::isnan(value)) << what;
  } else {
    EXPECT_NEAR(value, wanted.get<double>(), 1e-9 * std::abs(wanted.get<double>()) + 1e-300)
        << what;
  }
}

TEST(Wilson, IntervalsAreThoseOfStatsmodels) {
  HENG_NEEDS_GOLDEN("eval/wilson.json");
  for (const json& row : read_golden("wilson.json")) {
    const Interval interval = wilson_interval(row["k"], row["n"], row["confidence"]);
    expect_close(interval.low, row["low"], row.dump());
    expect_close(interval.high, row["high"], row.dump());
  }
}

TEST(McNemar, FiguresAreThoseOfStatsmodels) {
  HENG_NEEDS_GOLDEN("eval/mcnemar.json");
  for (const json& row : read_golden("mcnemar.json")) {
    const McNemar result = mcnemar(row["only_first"], row["only_second"]);
    expect_close(result.exact_p, row["exact_p"], row.dump());
    expect_close(result.mid_p, row["mid_p"], row.dump());
    expect_close(result.chi2_corrected, row["chi2_cc"], row.dump());
    expect_close(result.chi2_corrected_p, row["chi2_cc_p"], row.dump());
    expect_close(result.chi2, row["chi2"], row.dump());
    expect_close(result.chi2_p, row["chi2_p"], row.dump());
  }
}

TEST(PassAtK, IsTheUnbiasedEstimatorOfHumanEval) {
  HENG_NEEDS_GOLDEN("eval/passk.json");
  const json all = read_golden("passk.json");
  for (const json& row : all["estimator"]) {
    expect_close(pass_at_k(row["n"], row["c"], row["k"]), row["pass_at_k"], row.dump());
  }
  for (const json& row : all["means"]) {
    double sum = 0;
    for (const json& c : row["c"]) sum += pass_at_k(row["n"], c, row["k"]);
    expect_close(sum / static_cast<double>(row["c"].size()), row["mean"], row.dump());
  }
}

TEST(NormalQuantile, IsTheInverseOfTheDistribution) {
  EXPECT_NEAR(normal_quantile(0.975), 1.959963984540054, 1e-12);
  EXPECT_NEAR(normal_quantile(0.5), 0, 1e-12);
  EXPECT_NEAR(normal_quantile(1e-6), -4.753424308822899, 1e-9);
}

TEST(McNemar, NothingThatDiffersSaysNothing) {
  EXPECT_EQ(mcnemar(0, 0).exact_p, 1);
  EXPECT_TRUE(std::isnan(mcnemar(0, 0).chi2));
  EXPECT_LT(mcnemar(30, 3).exact_p, 0.001);
}

TEST(Random, DrawsAreTheSameEverywhere) {
  // The first outputs of xoshiro256** behind splitmix64 with seed 0, as the authors' code has them.
  Random random(0);
  EXPECT_EQ(random.next(), 0x99ec5f36cb75f2b4u);
  EXPECT_EQ(random.next(), 0xbf6e1f784956452au);
}

TEST(Shuffled, IsAnOrderOfAllThings) {
  auto order = shuffled(50, 7);
  EXPECT_EQ(order, shuffled(50, 7));
  EXPECT_NE(order, shuffled(50, 8));
  std::sort(order.begin(), order.end());
  std::vector<size_t> all(50);
  std::iota(all.begin(), all.end(), size_t{0});
  EXPECT_EQ(order, all);
}

TEST(Bootstrap, IntervalOfOneGroupIsNearWilsons) {
  std::vector<uint8_t> group(400, 0);
  std::fill_n(group.begin(), 240, 1);
  const std::vector<std::vector<uint8_t>> groups = {group};
  const auto mean = [](std::span<const double> means) { return std::vector<double>{means[0]}; };
  const auto intervals = bootstrap_intervals(groups, mean, 1, 4000);
  const Interval wilson = wilson_interval(240, 400);
  EXPECT_NEAR(intervals[0].low, wilson.low, 0.01);
  EXPECT_NEAR(intervals[0].high, wilson.high, 0.01);
  EXPECT_EQ(bootstrap_intervals(groups, mean, 1, 500)[0].low,
            bootstrap_intervals(groups, mean, 1, 500)[0].low);
}

}  // namespace
}  // namespace heng::statistics
