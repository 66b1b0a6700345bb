#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <chrono>

namespace heng {
namespace {

TEST(ThreadPool, EachPieceIsDoneOnceByAThreadOfTheTeam) {
  for (const int threads : {1, 2, 3, 7}) {
    ThreadPool pool(threads);
    for (const size_t n : {size_t{0}, size_t{1}, size_t{5}, size_t{1000}}) {
      std::vector<std::atomic<int>> done(n);
      std::atomic<bool> strange{false};
      pool.for_pieces(n, [&](size_t index, size_t piece) {
        if (index >= static_cast<size_t>(threads)) strange = true;
        ++done[piece];
      });
      EXPECT_FALSE(strange);
      for (size_t i = 0; i < n; ++i) EXPECT_EQ(done[i], 1) << i << " of " << n;
    }
  }
}

TEST(ThreadPool, WhoIsDoneHelpsTheOthers) {
  ThreadPool pool(2);
  std::vector<size_t> by(8, 9);
  pool.for_pieces(8, [&](size_t index, size_t piece) {
    // The first piece keeps its thread until the other has done all the rest of both stretches.
    if (piece == 0) std::this_thread::sleep_for(std::chrono::milliseconds(300));
    by[piece] = index;
  });
  EXPECT_EQ(by, (std::vector<size_t>{by[0], 1 - by[0], 1 - by[0], 1 - by[0], 1 - by[0], 1 - by[0],
                                     1 - by[0], 1 - by[0]}));
}

}  // namespace
}  // namespace heng
