// A file that is either whole or not there: written as PATH.part, checked for room first, and given
// its name when the last byte is on the disk. Owns the open file; not copyable; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace heng {

class PartFile {
 public:
  // `bytes`: what the file will take. Throws Error kNotFound where it cannot be made there,
  // kOutOfMemory where the disk has less room.
  PartFile(std::filesystem::path path, uint64_t bytes);
  // Removes the .part file unless finish() was called.
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  // Appends. Throws Error kOutOfMemory where the disk is full or gone.
  void write(std::span<const std::byte> bytes);
  // Throws as write.
  void finish();

  uint64_t written() const { return written_; }

 private:
  [[noreturn]] void fail_writing() const;

  std::filesystem::path path_, part_;
  int descriptor_ = -1;
  uint64_t written_ = 0;
  bool finished_ = false;
};

}  // namespace heng
