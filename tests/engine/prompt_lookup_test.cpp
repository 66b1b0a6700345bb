#include "engine/prompt_lookup.h"

#include <gtest/gtest.h>

#include <vector>

namespace heng::engine {
namespace {

using Ids = std::vector<TokenId>;

Ids found(const Ids& ids, size_t most) {
  const auto guess = look_up(ids, most);
  return {guess.begin(), guess.end()};
}

TEST(PromptLookup, GivesWhatFollowedTheSameEnding) {
  EXPECT_EQ(found({1, 2, 3, 4, 5, 1, 2}, 8), (Ids{3, 4, 5, 1, 2}));
  EXPECT_EQ(found({1, 2, 3, 4, 5, 1, 2}, 2), (Ids{3, 4}));
  EXPECT_EQ(found({7, 7, 7}, 8), (Ids{7}));
}

TEST(PromptLookup, PrefersTheLongerEndingThenTheLaterPlace) {
  EXPECT_EQ(found({9, 1, 2, 3, 8, 1, 2, 4, 9, 1, 2}, 1), (Ids{3}));
  EXPECT_EQ(found({1, 2, 3, 8, 1, 2, 4, 5, 1, 2}, 1), (Ids{4}));
}

TEST(PromptLookup, FindsNothingWhereNothingRepeats) {
  EXPECT_EQ(found({}, 8), Ids{});
  EXPECT_EQ(found({1}, 8), Ids{});
  EXPECT_EQ(found({1, 2, 1}, 8), Ids{});  // one token is too short an ending
  EXPECT_EQ(found({1, 2, 3, 1, 2}, 0), Ids{});
}

}  // namespace
}  // namespace heng::engine
