// The memory of keys and values: a fixed number of blocks of 64 positions, handed out and taken
// back one by one. The address range is taken at once, so that a budget that cannot be had is
// refused at the start; its pages come from the system as blocks are first written. Owns the
// memory; not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/aligned_buffer.h"
#include "ops/backend.h"

namespace heng::engine {

using BlockId = uint32_t;

class BlockPool {
 public:
  // Throws Error kOutOfMemory.
  BlockPool(const ops::KvLayout& layout, size_t n_blocks);

  const ops::KvLayout& layout() const { return layout_; }
  size_t size() const { return size_; }
  size_t n_free() const { return free_.size(); }

  // A block that nobody has; nullopt where there is none. What stood in it before is still there.
  std::optional<BlockId> take();
  void give_back(BlockId block) { free_.push_back(block); }

  std::byte* data(BlockId block) const { return memory_.data() + block * layout_.block_bytes(); }
  void copy(BlockId from, BlockId to);
  // Zeroes it: numbers that are not finite must not meet the weight 0 of a position nobody sees.
  void clear(BlockId block);

 private:
  ops::KvLayout layout_;
  size_t size_;
  AlignedBuffer memory_;
  std::vector<BlockId> free_;  // taken from the end: what was used last is in the caches still
};

// Blocks that `n` positions take, and their bytes.
inline size_t blocks_for(size_t n) {
  return n / ops::kKvBlockTokens + (n % ops::kKvBlockTokens != 0);
}
inline size_t kv_bytes(const ops::KvLayout& layout, size_t n) {
  return blocks_for(n) * layout.block_bytes();
}

}  // namespace heng::engine
