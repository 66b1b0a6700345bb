// A folder that is either whole or not there: filled under another name beside its place, and given
// its own when everything is in it. Owns the folder until then; not copyable; one thread.
#pragma once

#include <cstdint>
#include <filesystem>

namespace heng {

class PartFolder {
 public:
  // `bytes`: what its files will take. Throws Error kInvalidArgument where `path` exists and is no
  // empty folder, kNotFound where it cannot be made, kOutOfMemory where the disk has less room.
  PartFolder(std::filesystem::path path, uint64_t bytes);
  // Removes the folder unless finish() was called.
  ~PartFolder();
  PartFolder(const PartFolder&) = delete;
  PartFolder& operator=(const PartFolder&) = delete;

  // Where the files go.
  const std::filesystem::path& path() const { return part_; }
  // Throws Error kOutOfMemory where the name cannot be given.
  void finish();

 private:
  std::filesystem::path path_, part_;
  bool finished_ = false;
};

}  // namespace heng
