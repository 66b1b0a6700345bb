// An allocator for tables that are looked up all over: on 2 MB pages where the system gives them,
// so that a look-up does not wait for the address as well.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <vector>

namespace heng {

template <typename T>
struct HugePages {
  using value_type = T;
  HugePages() = default;
  template <typename Other>
  HugePages(const HugePages<Other>&) noexcept {}  // as the standard asks of allocators

  T* allocate(size_t n) {
    const size_t bytes = n * sizeof(T);
    void* data = ::operator new (bytes, std::align_val_t{alignment(bytes)});
    if (bytes >= kPage) ::madvise(data, bytes, MADV_HUGEPAGE);
    return static_cast<T*>(data);
  }
  void deallocate(T* data, size_t n) noexcept {
    ::operator delete (data, std::align_val_t{alignment(n * sizeof(T))});
  }
  bool operator==(const HugePages&) const = default;

 private:
  static constexpr size_t kPage = 2u << 20;
  static size_t alignment(size_t bytes) {
    return bytes >= kPage ? kPage : alignof(std::max_align_t);
  }
};

template <typename T>
using HugeVector = std::vector<T, HugePages<T>>;

}  // namespace heng
