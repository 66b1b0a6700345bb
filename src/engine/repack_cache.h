// Repacked weights kept on disk, so that the next start maps them instead of packing again: one
// file a model and setting, written whole or not at all, checked before use. What is damaged,
// foreign or out of date is not used; a disk without room only means that nothing is kept. Safe to
// use from several processes at once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/aligned_buffer.h"
#include "base/file_map.h"
#include "base/thread_pool.h"

namespace heng::engine {

class RepackCache {
 public:
  // `folder` need not exist yet. `most_bytes`: of all files in it; the least recently used go
  // first.
  RepackCache(std::filesystem::path folder, uint64_t most_bytes);

  // The kept pieces for `key` as an arena that hands them out again, nullopt where there are none
  // that are whole. `key`: everything that they depend on. Reads all of them once.
  std::optional<Arena> find(const std::string& key, ThreadPool& pool) const;

  // Writes what `memory` handed out. False, with nothing left behind, where that failed: no room,
  // no permission.
  bool keep(const std::string& key, const Arena& memory, ThreadPool& pool) const;

  std::filesystem::path file_of(const std::string& key) const;

 private:
  // Makes room for `bytes` more; false where the folder may not hold that much.
  bool make_room(uint64_t bytes) const;

  std::filesystem::path folder_;
  uint64_t most_bytes_;
};

}  // namespace heng::engine
