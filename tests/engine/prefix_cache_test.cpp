// Blocks, what the cache finds again of them, and in which order it gives them up.
#include "engine/prefix_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "engine/kv_memory.h"
#include "heng/error.h"

namespace heng::engine {
namespace {

constexpr size_t kBlock = ops::kKvBlockTokens;
constexpr ops::KvLayout kLayout{ops::KvType::kF32, 1, 1, 16};

std::vector<KvEntry> text(size_t n, int first = 0, float base = 10000) {
  std::vector<KvEntry> entries;
  for (size_t i = 0; i < n; ++i) entries.push_back({static_cast<TokenId>(first + i), base});
  return entries;
}

std::vector<KvEntry> joined(std::vector<KvEntry> a, const std::vector<KvEntry>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Begins, as the engine does, with all but the last token from the cache at most.
std::optional<size_t> begin(KvMemory& memory, SequenceKv& kv, const std::vector<KvEntry>& entries) {
  return memory.begin(kv, std::span(entries).first(entries.size() - 1), entries.size(), 0);
}

// Computes a text and leaves it in the cache; returns how much was there.
std::optional<size_t> remember(KvMemory& memory, const std::vector<KvEntry>& entries,
                               uint64_t group = 0) {
  SequenceKv kv;
  kv.group = group;
  const auto reused = begin(memory, kv, entries);
  if (reused) memory.end(kv, entries);
  return reused;
}

TEST(BlockPool, HandsEachBlockOutOnce) {
  BlockPool pool(kLayout, 5);
  std::set<BlockId> taken;
  for (int i = 0; i < 5; ++i) taken.insert(*pool.take());
  EXPECT_EQ(taken.size(), 5u);
  EXPECT_FALSE(pool.take());
  pool.give_back(3);
  EXPECT_EQ(pool.take(), 3u);
}

TEST(BlockPool, BlocksDoNotOverlap) {
  BlockPool pool(kLayout, 3);
  std::fill_n(pool.data(1), kLayout.block_bytes(), std::byte{7});
  pool.copy(1, 2);
  pool.clear(1);
  EXPECT_EQ(pool.data(0)[kLayout.block_bytes() - 1], std::byte{0});
  EXPECT_EQ(pool.data(1)[0], std::byte{0});
  EXPECT_EQ(pool.data(2)[kLayout.block_bytes() - 1], std::byte{7});
}

TEST(BlockPool, ABudgetThatTheSystemDoesNotHaveIsRefused) {
  try {
    BlockPool(kLayout, size_t{1} << 40);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kOutOfMemory);
  }
}

TEST(PrefixCache, FindsTheLongestCommonBeginningToTheToken) {
  KvMemory memory(kLayout, 16);
  EXPECT_EQ(remember(memory, text(150)), 0u);
  EXPECT_EQ(remember(memory, text(150)), 149u);
  EXPECT_EQ(remember(memory, text(200)), 150u);
  for (const size_t n : {1, 20, 63, 64, 65, 128, 140}) {
    EXPECT_EQ(remember(memory, joined(text(n), text(30, 5000))), n) << n;
  }
}

TEST(PrefixCache, AnotherBaseOrGroupIsAnotherText) {
  KvMemory memory(kLayout, 16);
  remember(memory, text(150));
  EXPECT_EQ(remember(memory, text(150, 0, 30000)), 0u);
  EXPECT_EQ(remember(memory, joined(text(100), text(50, 100, 30000))), 100u);
  EXPECT_EQ(remember(memory, text(150), 1), 0u);
  EXPECT_EQ(remember(memory, text(150), 1), 149u);
}

TEST(PrefixCache, ACopyHoldsWhatTheOriginalHeld) {
  KvMemory memory(kLayout, 4);
  const auto entries = text(40);
  SequenceKv first;
  begin(memory, first, entries);
  std::fill_n(first.data[0], kLayout.block_bytes(), std::byte{5});
  memory.end(first, entries);
  SequenceKv second, third;
  const auto longer = joined(entries, text(10, 900));
  EXPECT_EQ(begin(memory, second, longer), 40u);
  EXPECT_EQ(begin(memory, third, longer), 40u);
  EXPECT_NE(second.data[0], third.data[0]);
  for (const SequenceKv* kv : {&second, &third}) {
    EXPECT_EQ(kv->data[0][kLayout.block_bytes() - 1], std::byte{5});
  }
}

// With no other block left the tail itself is taken over.
TEST(PrefixCache, ATailIsUsedWhereTheBudgetHasNoRoomForACopy) {
  KvMemory memory(kLayout, 2);
  remember(memory, text(100));
  EXPECT_EQ(memory.cache().n_idle(), 2u);
  SequenceKv kv;
  EXPECT_EQ(begin(memory, kv, text(120)), 100u);
  EXPECT_EQ(memory.cache().available(), 0u);
}

TEST(PrefixCache, WholeBlocksAreSharedWhileTheyAreInUse) {
  KvMemory memory(kLayout, 8);
  const auto a = joined(text(128), text(20, 1000)), b = joined(text(128), text(20, 2000));
  SequenceKv first, second;
  begin(memory, first, a);
  memory.share(first, a);
  EXPECT_EQ(begin(memory, second, b), 128u);
  EXPECT_EQ(first.data[1], second.data[1]);
  EXPECT_EQ(memory.cache().available(), 8u - 4u);
  memory.end(first, a);
  EXPECT_EQ(memory.cache().available(), 8u - 3u);
}

// Two computed the same at the same time: the second copy is given back.
TEST(PrefixCache, TheSameBlockIsKeptOnce) {
  KvMemory memory(kLayout, 8);
  const auto entries = text(130);
  SequenceKv first, second;
  begin(memory, first, entries);
  begin(memory, second, entries);
  EXPECT_EQ(memory.pool().n_free(), 2u);
  memory.share(first, entries);
  memory.share(second, entries);
  EXPECT_EQ(memory.pool().n_free(), 4u);
  EXPECT_EQ(first.data[0], second.data[0]);
  memory.end(first, entries);
  memory.end(second, entries);
  EXPECT_EQ(memory.cache().n_idle(), 3u);
  EXPECT_EQ(memory.cache().available(), 8u);
}

TEST(PrefixCache, AdoptsABlockThatAnotherComputedMeanwhile) {
  KvMemory memory(kLayout, 8);
  const auto entries = text(130);
  SequenceKv first, second;
  begin(memory, first, entries);
  begin(memory, second, entries);
  const auto block = std::span(entries).first(kBlock);
  EXPECT_FALSE(memory.adopt(second, block));
  memory.share(first, entries);
  EXPECT_TRUE(memory.adopt(second, block));
  EXPECT_EQ(first.data[0], second.data[0]);
  EXPECT_EQ(second.own.size(), 2u);
}

TEST(PrefixCache, WhatWasUsedLongestAgoGoesFirstAndFromItsEnd) {
  KvMemory memory(kLayout, 6);
  remember(memory, text(192, 0));     // 3 blocks
  remember(memory, text(192, 1000));  // 3 blocks
  remember(memory, text(192, 0));     // used again, its last block copied
  remember(memory, text(64, 2000));
  // Of the second text only the end is gone so far.
  SequenceKv kv;
  EXPECT_EQ(begin(memory, kv, text(192, 0)), 191u);
  memory.end(kv, text(191, 0));
  EXPECT_LE(*begin(memory, kv, text(192, 1000)), 128u);
  EXPECT_GT(memory.cache().n_evicted(), 0u);
}

TEST(PrefixCache, DiscardedBlocksAreZeroedAndForgotten) {
  KvMemory memory(kLayout, 1);
  SequenceKv kv;
  begin(memory, kv, text(40));
  std::fill_n(kv.data[0], kLayout.block_bytes(), std::byte{0xff});
  memory.discard(kv);
  EXPECT_EQ(begin(memory, kv, text(40)), 0u);
  EXPECT_EQ(kv.data[0][100], std::byte{0});
}

TEST(PrefixCache, NothingIsTakenWhereThereIsTooLittle) {
  KvMemory memory(kLayout, 4);
  remember(memory, text(100));
  SequenceKv kv;
  EXPECT_FALSE(memory.begin(kv, text(100), 200, 1));
  EXPECT_TRUE(kv.data.empty());
  EXPECT_EQ(memory.cache().available(), 4u);
  EXPECT_FALSE(memory.grow(kv, 300));
  EXPECT_TRUE(memory.grow(kv, 256));
  EXPECT_FALSE(memory.grow(kv, 257));
}

// Against a model that remembers every text: what is found is a true beginning, blocks are neither
// lost nor given out twice, and each holds the text that it was entered with.
TEST(PrefixCache, StaysTrueThroughRandomUse) {
  std::mt19937 random(3);
  const auto up_to = [&](size_t n) { return static_cast<size_t>(random() % n); };
  KvMemory memory(kLayout, 12);
  struct Running {
    SequenceKv kv;
    std::vector<KvEntry> entries;
  };
  std::vector<Running> running;
  // Writes into each block what it stands for, and checks what was found.
  const auto fill = [&](Running& r, size_t from) {
    for (size_t i = 0; i < r.entries.size(); ++i) {
      auto& at = reinterpret_cast<KvEntry*>(r.kv.data[i / kBlock])[i % kBlock];
      if (i < from) {
        ASSERT_EQ(at, r.entries[i]) << i;
      } else {
        at = r.entries[i];
      }
    }
  };
  size_t reused = 0, refused = 0;
  for (int round = 0; round < 4000; ++round) {
    if (up_to(3) > 0 && running.size() < 4) {
      Running r;
      r.entries = joined(text(up_to(200), static_cast<int>(1000 * up_to(3))),
                         text(1 + up_to(60), static_cast<int>(up_to(9000))));
      r.kv.group = up_to(2);
      const auto found = begin(memory, r.kv, r.entries);
      if (!found) {
        ++refused;
        continue;
      }
      reused += *found;
      fill(r, *found);
      if (up_to(2)) memory.share(r.kv, r.entries);
      running.push_back(std::move(r));
    } else if (!running.empty()) {
      const size_t i = up_to(running.size());
      fill(running[i], running[i].entries.size());  // nobody wrote into it
      memory.end(running[i].kv, running[i].entries);
      running.erase(running.begin() + static_cast<ptrdiff_t>(i));
    }
    std::set<std::byte*> used;
    for (const Running& r : running) used.insert(r.kv.data.begin(), r.kv.data.end());
    ASSERT_EQ(used.size() + memory.cache().available(), 12u);
  }
  EXPECT_GT(reused, 10000u);
  EXPECT_GT(refused, 10u);
}

}  // namespace
}  // namespace heng::engine
