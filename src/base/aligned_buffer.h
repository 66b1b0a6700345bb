// Zeroed memory for weights and caches: 64-byte aligned, on 2 MB pages where the system gives them
// (fewer TLB misses while streaming weights). Owns the memory; movable. Throws Error kOutOfMemory.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

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
  // Throws Error kOutOfMemory.
  std::byte* take(size_t bytes, const char* what);

 private:
  std::vector<AlignedBuffer> buffers_;
  size_t used_ = 0;  // of the last buffer
};

}  // namespace heng
