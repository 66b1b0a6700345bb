#include "base/file_map.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "heng/error.h"

namespace heng {
namespace {

class Descriptor {
 public:
  explicit Descriptor(const std::filesystem::path& path)
      // Without O_NONBLOCK a named pipe in a model folder would hold us for ever.
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (fd_ < 0) {
      throw Error(ErrorCode::kNotFound,
                  path.string() + ": cannot be opened: " + std::strerror(errno) + ".");
    }
  }
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

size_t plain_file_size(const Descriptor& file, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::kUnsupported, path.string() + ": expected a plain file.");
  }
  return static_cast<size_t>(status.st_size);
}

}  // namespace

FileMap::FileMap(const std::filesystem::path& path) : path_(path) {
  const Descriptor file(path);
  size_ = plain_file_size(file, path);
  if (size_ == 0) return;  // mmap refuses an empty range
  void* data = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.get(), 0);
  if (data == MAP_FAILED) {
    throw Error(ErrorCode::kOutOfMemory,
                path.string() + ": cannot be mapped: " + std::strerror(errno) + ".");
  }
  data_ = static_cast<const std::byte*>(data);
}

FileMap::~FileMap() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

FileMap::FileMap(FileMap&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

FileMap& FileMap::operator=(FileMap&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

void FileMap::read_ahead() const noexcept {
  if (data_) ::madvise(const_cast<std::byte*>(data_), size_, MADV_POPULATE_READ);
}

void FileMap::drop_pages(std::span<const std::byte> part) const noexcept {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto first = (reinterpret_cast<uintptr_t>(part.data()) + page - 1) / page * page;
  const auto last = reinterpret_cast<uintptr_t>(part.data() + part.size()) / page * page;
  if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

std::string read_text_file(const std::filesystem::path& path, size_t limit_bytes) {
  const Descriptor file(path);
  const size_t size = plain_file_size(file, path);
  if (size > limit_bytes) {
    throw Error(ErrorCode::kCorrupt, path.string() + ": " + std::to_string(size) +
                                         " bytes, expected at most " + std::to_string(limit_bytes) +
                                         ".");
  }
  std::string text(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t n = ::read(file.get(), text.data() + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw Error(ErrorCode::kCorrupt, path.string() + ": cannot be read to its end.");
    done += static_cast<size_t>(n);
  }
  return text;
}

}  // namespace heng
