// Keys and values of one sequence in blocks of 64 positions, taken from the system as the sequence
// grows. Owns the blocks; not thread-safe.
#pragma once

#include <cstddef>
#include <vector>

#include "base/aligned_buffer.h"
#include "ops/backend.h"

namespace heng::engine {

class KvCache {
 public:
  explicit KvCache(const ops::KvLayout& layout) : layout_(layout) {}

  const ops::KvLayout& layout() const { return layout_; }
  // Makes room for positions 0 .. n - 1; what stands there stays. Throws Error kOutOfMemory.
  void reserve(size_t n) {
    while (blocks_.size() * ops::kKvBlockTokens < n) {
      buffers_.emplace_back(layout_.block_bytes(), "the KV cache");
      blocks_.push_back(buffers_.back().data());
    }
  }
  std::byte* const* blocks() const { return blocks_.data(); }

 private:
  ops::KvLayout layout_;
  std::vector<AlignedBuffer> buffers_;
  std::vector<std::byte*> blocks_;
};

// Bytes that `n` positions take.
inline size_t kv_bytes(const ops::KvLayout& layout, size_t n) {
  return (n + ops::kKvBlockTokens - 1) / ops::kKvBlockTokens * layout.block_bytes();
}

}  // namespace heng::engine
