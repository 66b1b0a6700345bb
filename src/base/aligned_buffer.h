// Zeroed memory for weights and caches: 64-byte aligned, on 2 MB pages where the system gives them
// (fewer TLB misses while streaming weights). Owns the memory; movable. Throws Error kOutOfMemory.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/file_map.h"

namespace heng {

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  // `what` is named in the error: "the KV cache".
  AlignedBuffer(size_t bytes, const char* what);
  ~AlignedBuffer();
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  std::byte* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(data_);
  }

 private:
  std::byte* data_ = nullptr;
  size_t bytes_ = 0;
};

// Hands out 64-byte aligned pieces of large buffers, so that small matrices share 2 MB pages too.
// The pieces live as long as the arena. Not thread-safe.
class Arena {
 public:
  Arena() = default;
  // One buffer for the first `expected_bytes`, pieces rounded up to 64. Throws Error kOutOfMemory.
  explicit Arena(size_t expected_bytes);
  // An arena whose pieces are made already: they lie in `file` behind `offset` bytes as contents()
  // of another had them, are handed out in the same order, and are read-only.
  Arena(FileMap file, size_t offset) : file_(std::move(file)), used_(offset) {}

  // What a piece of `bytes` takes.
  static constexpr size_t rounded(size_t bytes) { return (bytes + 63) / 64 * 64; }
  // Whether take() gives pieces that were made before.
  bool is_made() const { return file_.has_value(); }
  // Throws Error kOutOfMemory; kCorrupt where a file that holds the pieces has no more.
  std::byte* take(size_t bytes, const char* what);
  // All pieces so far, where one buffer was enough for them; else empty.
  std::span<const std::byte> contents() const;

 private:
  std::optional<FileMap> file_;
  std::vector<AlignedBuffer> buffers_;
  size_t used_ = 0;  // of the file or the last buffer
};

}  // namespace heng
