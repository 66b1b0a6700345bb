#include "engine/block_pool.h"

#include <cstring>

namespace heng::engine {

BlockPool::BlockPool(const ops::KvLayout& layout, size_t n_blocks)
    : layout_(layout), size_(n_blocks), memory_(n_blocks * layout.block_bytes(), "the KV cache") {
  for (size_t i = n_blocks; i-- > 0;) free_.push_back(static_cast<BlockId>(i));
}

std::optional<BlockId> BlockPool::take() {
  if (free_.empty()) return std::nullopt;
  const BlockId block = free_.back();
  free_.pop_back();
  return block;
}

void BlockPool::copy(BlockId from, BlockId to) {
  std::memcpy(data(to), data(from), layout_.block_bytes());
}

void BlockPool::clear(BlockId block) {
  std::memset(data(block), 0, layout_.block_bytes());
}

}  // namespace heng::engine
