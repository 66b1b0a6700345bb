// A NumPy file of float32 rows, written as they come; a file of that name is always whole. Format:
// numpy.lib.format, version 1.0.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "base/part_file.h"

namespace heng::commands {

class NpyWriter {
 public:
  // [rows, columns], C order. Throws Error kNotFound where the file cannot be made, kOutOfMemory
  // where the disk has no room for it.
  NpyWriter(std::filesystem::path path, size_t rows, size_t columns);

  // REQUIRES: row.size() == columns. Throws Error kOutOfMemory where the disk is full.
  void write(std::span<const float> row);
  // REQUIRES: all rows are written. Throws as write.
  void finish();

 private:
  PartFile file_;
};

}  // namespace heng::commands
