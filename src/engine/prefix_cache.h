// What the blocks of the pool hold, so that a sequence that begins like an earlier one need not
// compute its beginning again. A tree: a node is one block, its children are the blocks that
// followed it; a path from the root spells a text. Nodes are compared by what they hold, not by a
// hash: no two texts can ever be taken for each other.
//
// Keys are rotated, so a block is known by its tokens and the rope base of each (rope.h): with
// another base it is another block. Groups share nothing.
//
// Whole blocks are shared and counted; a block that is not full belongs to one text only and is
// copied by whoever goes on from it. Blocks that nobody uses stay until their memory is wanted,
// least recently used first. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "engine/block_pool.h"
#include "heng/tokenizer.h"

namespace heng::engine {

// What one position of the cache depends on, beside the positions before it.
struct KvEntry {
  TokenId id;
  float rope_base;

  bool operator==(const KvEntry&) const = default;
};

struct CachedBlock;
struct CachedBlockOrder {  // by entries, as words in a dictionary
  using is_transparent = void;
  using Owned = std::unique_ptr<CachedBlock>;
  bool operator()(const Owned& a, const Owned& b) const;
  bool operator()(const Owned& a, std::span<const KvEntry> b) const;
  bool operator()(std::span<const KvEntry> a, const Owned& b) const;
};

// A node of the tree. Everybody but PrefixCache only reads it.
struct CachedBlock {
  // No child is the beginning of another.
  using Children = std::set<std::unique_ptr<CachedBlock>, CachedBlockOrder>;

  CachedBlock* parent = nullptr;  // nullptr: a root, which is no block
  uint64_t group = 0;
  std::vector<KvEntry> entries;  // 64, fewer in a tail
  BlockId block = 0;
  size_t users = 0;
  Children children;
  std::list<CachedBlock*>::iterator place;  // among the idle, where there are no users
};

class PrefixCache {
 public:
  using Entries = std::span<const KvEntry>;

  explicit PrefixCache(BlockPool& pool) : pool_(pool) {}
  ~PrefixCache();
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  struct Match {
    std::vector<CachedBlock*> blocks;  // whole blocks, in order
    // The block after them that begins with the most of what follows, and how many entries agree.
    CachedBlock* tail = nullptr;
    size_t tail_entries = 0;
  };
  // The longest beginning of `entries` that is there.
  Match find(uint64_t group, Entries entries);
  // The whole block `entries` [64] after `parent` (nullptr: at the beginning); nullptr: none.
  CachedBlock* find_block(uint64_t group, CachedBlock* parent, Entries entries);

  // Users of a node use all nodes before it too; they release a path from its end.
  void use(CachedBlock* node);
  void release(CachedBlock* node);
  // Puts a node that nobody uses last in the order of eviction.
  void touch(CachedBlock* node);

  // Enters a whole block, `entries` [64] after `parent`, which the caller uses; the caller becomes
  // a user of the node that is returned. Where the same is there already, `block` is given back.
  CachedBlock* add(uint64_t group, CachedBlock* parent, Entries entries, BlockId block);
  // Enters a block that holds `entries` (1 to 63) and that nobody uses any more.
  void add_tail(uint64_t group, CachedBlock* parent, Entries entries, BlockId block);

  // A block to write into: a free one, or the one whose text was not used for the longest time.
  // nullopt: all are in use.
  std::optional<BlockId> take();
  size_t available() const { return pool_.n_free() + idle_.size(); }
  size_t n_idle() const { return idle_.size(); }
  uint64_t n_evicted() const { return n_evicted_; }

 private:
  CachedBlock* root(uint64_t group);
  CachedBlock* insert(CachedBlock* parent, Entries entries, BlockId block);
  void remove(CachedBlock* node);

  BlockPool& pool_;
  std::map<uint64_t, CachedBlock> roots_;  // by group
  // Nodes without users, least recently used first. A node is released after those that follow it,
  // so the first never has children.
  std::list<CachedBlock*> idle_;
  uint64_t n_evicted_ = 0;
};

}  // namespace heng::engine
