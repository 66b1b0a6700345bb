// Writes a .safetensors file tensor by tensor: the header first, which is known from the plan, then
// the data in the plan's order, in pieces of any size. Memory does not grow with the file. Owns the
// open file, which has its name only when it is whole. One thread. Layout: see safetensors.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/part_file.h"
#include "base/tensor.h"

namespace heng::checkpoint {

struct TensorPlan {
  std::string name;
  DType dtype = DType::kF32;  // a plain type
  Shape shape;
};

// Length and JSON of the header, with the metadata {"format": "pt"} that transformers asks for.
// Data begins at a multiple of 8 bytes.
std::string safetensors_header(std::span<const TensorPlan> tensors);

class SafetensorsWriter {
 public:
  // Throws as PartFile.
  SafetensorsWriter(const std::filesystem::path& path, std::span<const TensorPlan> tensors);

  // Appends data. Throws as PartFile. REQUIRES: no more than was planned.
  void write(std::span<const std::byte> data) { file_.write(data); }
  // Throws as PartFile, and Error kInternal where data is missing.
  void finish();

 private:
  SafetensorsWriter(const std::filesystem::path& path, const std::string& header, uint64_t total);

  uint64_t total_bytes_;
  PartFile file_;
};

}  // namespace heng::checkpoint
