// A file mapped read-only. Owns the mapping; movable, not copyable; safe to read from many threads.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace heng {

class FileMap {
 public:
  // Throws Error kNotFound where the file cannot be opened, kUnsupported where it is no plain file.
  explicit FileMap(const std::filesystem::path& path);
  ~FileMap();
  FileMap(FileMap&& other) noexcept;
  FileMap& operator=(FileMap&& other) noexcept;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::filesystem::path& path() const { return path_; }

  // Asks for all pages at once, so that reading them meets no page faults.
  void read_ahead() const noexcept;

  // Gives the pages of `part` (within bytes()) back to the system; they are read again when
  // touched. For tensors that were converted and are not needed from the file any more.
  void drop_pages(std::span<const std::byte> part) const noexcept;

 private:
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// A whole small file. Throws Error kNotFound, or kCorrupt where it is over `limit_bytes`.
std::string read_text_file(const std::filesystem::path& path, size_t limit_bytes);

}  // namespace heng
