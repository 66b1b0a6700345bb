#include "statistics/ratings.h"

#include <algorithm>
#include <cmath>

#include "statistics/statistics.h"

namespace heng::statistics {
namespace {

constexpr int kMostIterations = 2000;
constexpr double kConverged = 1e-10;  // relative change of a strength

void add(const Comparison& vote, size_t n, std::vector<double>& wins) {
  const auto& models = vote.models;
  for (size_t i = 0; i < models.size(); ++i) {
    for (size_t j = i + 1; j < models.size(); ++j) {
      const size_t a = models[i], b = models[j];
      if (vote.best < 0) {
        wins[a * n + b] += 0.5;
        wins[b * n + a] += 0.5;
      } else if (vote.best == static_cast<int>(i)) {
        wins[a * n + b] += 1;
      } else if (vote.best == static_cast<int>(j)) {
        wins[b * n + a] += 1;
      }
    }
  }
}

std::vector<double> elo(std::span<const double> wins, size_t n, double prior_draws) {
  auto strengths = bradley_terry(wins, n, prior_draws);
  for (double& p : strengths) p = 1000 + 400 * std::log10(p);
  return strengths;
}

void count(const Comparison& vote, std::vector<Rating>& ratings) {
  for (size_t i = 0; i < vote.models.size(); ++i) {
    Rating& rating = ratings[vote.models[i]];
    ++rating.n_votes;
    ++(vote.best < 0                      ? rating.ties
       : vote.best == static_cast<int>(i) ? rating.wins
                                          : rating.losses);
  }
}

}  // namespace

std::vector<double> bradley_terry(std::span<const double> wins, size_t n, double prior_draws) {
  std::vector<double> p(n, 1.0);
  for (int iteration = 0; iteration < kMostIterations; ++iteration) {
    double moved = 0;
    for (size_t i = 0; i < n; ++i) {
      double won = prior_draws / 2, met = prior_draws / (p[i] + 1);
      for (size_t j = 0; j < n; ++j) {
        won += wins[i * n + j];
        met += (wins[i * n + j] + wins[j * n + i]) / (p[i] + p[j]);
      }
      const double next = met > 0 ? won / met : 1.0;
      moved = std::max(moved, std::abs(next / p[i] - 1));
      p[i] = next;
    }
    if (prior_draws == 0) {
      double log_mean = 0;
      for (const double x : p) log_mean += std::log(x) / static_cast<double>(n);
      for (double& x : p) x /= std::exp(log_mean);
    }
    if (moved < kConverged) break;
  }
  return p;
}

std::vector<Rating> rate(std::span<const Comparison> votes, size_t n_models,
                         const RatingOptions& options) {
  std::vector<Rating> ratings(n_models);
  if (votes.empty()) return ratings;
  std::vector<double> wins(n_models * n_models, 0.0);
  for (const Comparison& vote : votes) {
    add(vote, n_models, wins);
    count(vote, ratings);
  }
  const auto best = elo(wins, n_models, options.prior_draws);
  std::vector<std::vector<double>> drawn(n_models);
  Random random(options.seed);
  for (size_t r = 0; r < options.n_resamples; ++r) {
    std::fill(wins.begin(), wins.end(), 0.0);
    for (size_t i = 0; i < votes.size(); ++i)
      add(votes[random.below(votes.size())], n_models, wins);
    const auto sample = elo(wins, n_models, options.prior_draws);
    for (size_t i = 0; i < n_models; ++i) drawn[i].push_back(sample[i]);
  }
  for (size_t i = 0; i < n_models; ++i) {
    ratings[i].rating = ratings[i].low = ratings[i].high = best[i];
    if (drawn[i].empty()) continue;
    std::sort(drawn[i].begin(), drawn[i].end());
    ratings[i].low = quantile(drawn[i], 0.025);
    ratings[i].high = quantile(drawn[i], 0.975);
  }
  return ratings;
}

}  // namespace heng::statistics
