// How strong models are by votes between them: the Bradley-Terry model on Elo's scale, with
// intervals by resampling the votes. Pure functions with a fixed seed: the same votes give the same
// table. Source: Hunter, "MM algorithms for generalized Bradley-Terry models" (2004); Chiang et
// al., "Chatbot Arena" (2024) for votes, ties and bootstrap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace heng::statistics {

// One comparison of two to four different models.
struct Comparison {
  std::vector<size_t> models;  // indices
  int best = -1;               // place in `models`; below 0: none was better
};

struct RatingOptions {
  size_t n_resamples = 400;
  uint64_t seed = 1;
  // Draws of each model against one of rating 1000 that are added to the votes, so that who never
  // lost has a rating too.
  double prior_draws = 1;
};

struct Rating {
  double rating = 1000;                                // 400 points: ten wins to one
  double low = 1000, high = 1000;                      // 95 % of the resampled ratings lie between
  size_t n_votes = 0, wins = 0, ties = 0, losses = 0;  // a win is to be the best of its round
};

// wins [n, n]: how often the row's model was preferred to the column's, a draw counting half to
// both. The strengths p with P(i over j) = p_i / (p_i + p_j); where `prior_draws` is 0 their
// geometric mean is 1, and every model REQUIRES a win and a loss.
std::vector<double> bradley_terry(std::span<const double> wins, size_t n, double prior_draws);

// A rating for each of `n_models`.
std::vector<Rating> rate(std::span<const Comparison> votes, size_t n_models,
                         const RatingOptions& options = {});

}  // namespace heng::statistics
