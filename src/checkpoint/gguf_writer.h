// Writes a .gguf file, version 3 (layout: gguf.cpp): metadata and tensor names are collected first,
// then the data follows tensor by tensor, so that no more than a piece of it is ever in memory.
// Used from one thread. Source: ggml docs/gguf.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/part_file.h"
#include "base/tensor.h"
#include "checkpoint/checkpoint.h"

namespace heng::checkpoint {

class GgufWriter {
 public:
  // Each sets one key of the metadata, in the order of the calls; a later call for the same key
  // takes the place of the earlier.
  void set(std::string_view key, uint32_t value);
  void set(std::string_view key, float value);
  void set(std::string_view key, bool value);
  void set(std::string_view key, std::string_view value);
  void set(std::string_view key, const char* value) { set(key, std::string_view(value)); }
  void set(std::string_view key, const std::vector<std::string>& values);
  void set(std::string_view key, const std::vector<int32_t>& values);
  void set(std::string_view key, const std::vector<float>& values);
  // As another file has it.
  void set(const MetadataRecord& record);
  bool has(std::string_view key) const;

  // Announces the next tensor. `shape` is outermost first. REQUIRES: dtype is one that GGUF has;
  // the last size is a multiple of its block.
  void add_tensor(std::string_view name, const Shape& shape, DType dtype);

  // What the whole file will take.
  uint64_t file_bytes() const;

  // Writes everything in front of the data. No set or add_tensor after it. Throws as PartFile.
  void open(const std::filesystem::path& path);
  // The next bytes of data: all of the first tensor's, then the second's, in pieces of any size;
  // what lies between tensors is filled in. Throws as PartFile.
  void write(std::span<const std::byte> bytes);
  // REQUIRES: every tensor was written whole.
  void finish();

 private:
  struct Record {
    std::string key;
    std::string value;  // type number and bytes
  };
  void put(std::string_view key, std::string value);
  std::string head() const;
  void pad();

  std::vector<Record> records_;
  std::string tensors_;  // the table of names, sizes, types and offsets
  std::vector<uint64_t> sizes_;
  uint64_t data_bytes_ = 0;  // up to the end of the last tensor
  std::unique_ptr<PartFile> file_;
  size_t current_ = 0;  // of sizes_
  uint64_t done_ = 0;   // bytes of the current tensor
};

}  // namespace heng::checkpoint
