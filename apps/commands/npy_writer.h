// A NumPy file of float32 rows, written as they come: a .part file first, given its name when the
// last row is in, so that a file of that name is always whole. Format: numpy.lib.format,
// version 1.0.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <span>

namespace heng::commands {

class NpyWriter {
 public:
  // [rows, columns], C order. Throws Error kNotFound where the file cannot be made.
  NpyWriter(std::filesystem::path path, size_t rows, size_t columns);
  // Removes the .part file unless finish() was called.
  ~NpyWriter();
  NpyWriter(const NpyWriter&) = delete;
  NpyWriter& operator=(const NpyWriter&) = delete;

  // REQUIRES: row.size() == columns. Throws Error kOutOfMemory where the disk is full.
  void write(std::span<const float> row);
  // REQUIRES: all rows are written. Throws as write.
  void finish();

 private:
  void check() const;

  std::filesystem::path path_, part_;
  std::ofstream out_;
  bool finished_ = false;
};

}  // namespace heng::commands
