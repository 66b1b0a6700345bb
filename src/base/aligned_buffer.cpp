#include "base/aligned_buffer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "heng/error.h"

namespace heng {

namespace {

constexpr size_t kHugePage = 2u << 20;

// `bytes` of zeroed memory that begins on a multiple of 2 MB, which older kernels do not give by
// themselves; nullptr where there is none.
std::byte* map_aligned(size_t bytes) {
  const size_t more = bytes + kHugePage;
  void* data = ::mmap(nullptr, more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return nullptr;
  const auto begin = reinterpret_cast<uintptr_t>(data);
  const uintptr_t aligned = (begin + kHugePage - 1) / kHugePage * kHugePage;
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const uintptr_t end = (aligned + bytes + page - 1) / page * page;
  if (aligned > begin) ::munmap(data, aligned - begin);
  if (end < begin + more) ::munmap(reinterpret_cast<void*>(end), begin + more - end);
  return reinterpret_cast<std::byte*>(aligned);
}

}  // namespace

AlignedBuffer::AlignedBuffer(size_t bytes, const char* what) : bytes_(bytes) {
  if (bytes == 0) return;
  data_ = map_aligned(bytes);
  if (data_ == nullptr) {
    bytes_ = 0;
    throw Error(ErrorCode::kOutOfMemory,
                std::string("no memory for ") + what + ": " + std::to_string(bytes >> 20) +
                    " MiB needed. Close other programs, or use a smaller --ctx or --dtype.");
  }
  if (bytes >= 2 * kHugePage) ::madvise(data_, bytes, MADV_HUGEPAGE);
}

AlignedBuffer::~AlignedBuffer() {
  if (data_) ::munmap(data_, bytes_);
}

Arena::Arena(size_t expected_bytes) {
  if (expected_bytes > 0) buffers_.emplace_back(expected_bytes, "weights");
}

std::span<const std::byte> Arena::contents() const {
  if (file_ || buffers_.size() != 1) return {};
  return {buffers_.front().data(), used_};
}

std::byte* Arena::take(size_t bytes, const char* what) {
  constexpr size_t kBufferBytes = 64u << 20;  // pages of it that are never touched take no memory
  const size_t room = rounded(bytes);
  if (file_) {
    const std::span<const std::byte> all = file_->bytes();
    if (all.size() - used_ < room) {
      throw Error(ErrorCode::kCorrupt, file_->path().string() + ": ends before " + what +
                                           ", expected more. Delete the file.");
    }
    used_ += room;
    return const_cast<std::byte*>(all.data() + used_ - room);
  }
  if (buffers_.empty() || buffers_.back().bytes() - used_ < room) {
    buffers_.emplace_back(std::max(room, kBufferBytes), what);
    used_ = 0;
  }
  std::byte* piece = buffers_.back().data() + used_;
  used_ += room;
  return piece;
}

}  // namespace heng
