// The KV blocks of sequences: which they share with the prefix cache, which they write themselves.
// Owns pool and cache; not thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "engine/block_pool.h"
#include "engine/prefix_cache.h"

namespace heng::engine {

// The blocks of one sequence: first those that are in the cache, then its own.
struct SequenceKv {
  uint64_t group = 0;
  std::vector<CachedBlock*> shared;  // whole blocks; only read
  std::vector<BlockId> own;
  std::vector<std::byte*> data;  // of all, as models::SequenceInput takes them

  size_t capacity() const { return data.size() * ops::kKvBlockTokens; }  // positions
  CachedBlock* last_shared() const { return shared.empty() ? nullptr : shared.back(); }
};

class KvMemory {
 public:
  // Throws Error kOutOfMemory.
  KvMemory(const ops::KvLayout& layout, size_t n_blocks) : pool_(layout, n_blocks), cache_(pool_) {}

  const BlockPool& pool() const { return pool_; }
  const PrefixCache& cache() const { return cache_; }

  // Room for `positions`, the first of them from the cache where it holds a beginning of
  // `entries` (at most `positions`): returns how many those are. nullopt, and nothing taken, where
  // fewer than `spare` blocks would be left for others. REQUIRES: kv is empty but for its group.
  std::optional<size_t> begin(SequenceKv& kv, std::span<const KvEntry> entries, size_t positions,
                              size_t spare);
  // More room; false, and nothing taken, where all blocks are in use.
  bool grow(SequenceKv& kv, size_t positions);
  // Replaces the sequence's first own block, not written yet, by the cached one that holds
  // `entries` [64]. False: there is none.
  bool adopt(SequenceKv& kv, std::span<const KvEntry> entries);
  // Whole blocks among `entries`, all computed, go into the cache, where others find them.
  void share(SequenceKv& kv, std::span<const KvEntry> entries);
  // Gives up all blocks; what `entries` stand in stays in the cache.
  void end(SequenceKv& kv, std::span<const KvEntry> entries);
  // The same with nothing kept of the sequence's own blocks: they are zeroed.
  void discard(SequenceKv& kv);

 private:
  void append(SequenceKv& kv, BlockId block);
  void release_shared(SequenceKv& kv);

  BlockPool pool_;
  PrefixCache cache_;
};

}  // namespace heng::engine
