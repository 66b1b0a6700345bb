// Repacked weights on disk: whole or not used, bounded, and the same bits as packing anew.
#include "engine/repack_cache.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "heng/error.h"
#include "support/file_bytes.h"

namespace heng::engine {
namespace {

namespace fs = std::filesystem;

class RepackCacheTest : public ::testing::Test {
 protected:
  // An arena of two pieces, `bytes` and 100 long, that repeat `seed`.
  static Arena filled(size_t bytes, int seed) {
    Arena arena(Arena::rounded(bytes) + Arena::rounded(100));
    std::memset(arena.take(bytes, "test"), seed, bytes);
    std::memset(arena.take(100, "test"), seed + 1, 100);
    return arena;
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> all;
    for (const auto& entry : fs::directory_iterator(folder_.path())) all.push_back(entry.path());
    return all;
  }

  test::TempDir folder_;
  ThreadPool pool_{2};
  RepackCache cache_{folder_.path(), 64u << 20};
};

TEST_F(RepackCacheTest, GivesThePiecesBackInTheirOrder) {
  ASSERT_TRUE(cache_.keep("model a", filled(3'000'000, 7), pool_));
  auto ready = cache_.find("model a", pool_);
  ASSERT_TRUE(ready);
  EXPECT_TRUE(ready->is_made());
  const std::byte* first = ready->take(3'000'000, "test");
  EXPECT_EQ(first[0], std::byte{7});
  EXPECT_EQ(first[2'999'999], std::byte{7});
  EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % 64, 0u);
  EXPECT_EQ(ready->take(100, "test")[99], std::byte{8});
  EXPECT_THROW(ready->take(1, "test"), Error);
  EXPECT_FALSE(cache_.find("model b", pool_));
}

TEST_F(RepackCacheTest, ADamagedByteAnywhereMeansNotFound) {
  ASSERT_TRUE(cache_.keep("model", filled(2'100'000, 3), pool_));
  const fs::path file = cache_.file_of("model");
  const auto size = static_cast<int64_t>(fs::file_size(file));
  for (const int64_t at : {int64_t{0}, int64_t{9}, int64_t{20}, int64_t{33}, int64_t{45},
                           int64_t{4096}, int64_t{1'100'000}, size - 1}) {
    std::fstream change(file, std::ios::in | std::ios::out | std::ios::binary);
    change.seekg(at);
    const char was = static_cast<char>(change.get());
    change.seekp(at);
    change.put(static_cast<char>(was ^ 0x10));
    change.close();
    EXPECT_FALSE(cache_.find("model", pool_)) << at;
    change.open(file, std::ios::in | std::ios::out | std::ios::binary);
    change.seekp(at);
    change.put(was);
    change.close();
  }
  EXPECT_TRUE(cache_.find("model", pool_));
}

TEST_F(RepackCacheTest, AFileCutShortMeansNotFound) {
  ASSERT_TRUE(cache_.keep("model", filled(500'000, 3), pool_));
  for (const uintmax_t bytes : {500'000, 4096, 4095, 39, 0}) {
    fs::resize_file(cache_.file_of("model"), bytes);
    EXPECT_FALSE(cache_.find("model", pool_)) << bytes;
  }
}

TEST_F(RepackCacheTest, AnotherKeysFileUnderItsNameIsNotUsed) {
  ASSERT_TRUE(cache_.keep("one", filled(1000, 1), pool_));
  fs::copy_file(cache_.file_of("one"), cache_.file_of("two"));
  EXPECT_FALSE(cache_.find("two", pool_));
}

TEST_F(RepackCacheTest, TheLeastRecentlyUsedGoFirst) {
  const RepackCache small(folder_.path(), 3'500'000);
  ASSERT_TRUE(small.keep("a", filled(1'000'000, 1), pool_));
  ASSERT_TRUE(small.keep("b", filled(1'000'000, 2), pool_));
  ASSERT_TRUE(small.keep("c", filled(1'000'000, 3), pool_));
  const auto hour = std::chrono::hours(1);
  const auto now = fs::file_time_type::clock::now();
  fs::last_write_time(small.file_of("a"), now - 3 * hour);
  fs::last_write_time(small.file_of("b"), now - 2 * hour);
  fs::last_write_time(small.file_of("c"), now - hour);
  ASSERT_TRUE(small.find("a", pool_));  // used just now
  ASSERT_TRUE(small.keep("d", filled(1'000'000, 4), pool_));
  EXPECT_TRUE(small.find("a", pool_));
  EXPECT_FALSE(small.find("b", pool_));
  EXPECT_TRUE(small.find("c", pool_));
  EXPECT_TRUE(small.find("d", pool_));
}

TEST_F(RepackCacheTest, WhatCannotBeKeptLeavesNothing) {
  const RepackCache tiny(folder_.path(), 1000);
  EXPECT_FALSE(tiny.keep("a", filled(1'000'000, 1), pool_));
  EXPECT_TRUE(files().empty());
  test::write_file(folder_ / "plain", "a file, no folder");
  EXPECT_FALSE(RepackCache(folder_ / "plain", 64u << 20).keep("a", filled(1000, 1), pool_));
}

TEST_F(RepackCacheTest, AnArenaOfSeveralBuffersIsNotKept) {
  Arena arena(64);
  arena.take(64, "test");
  arena.take(64, "test");
  EXPECT_FALSE(cache_.keep("a", arena, pool_));
}

}  // namespace
}  // namespace heng::engine
