// A weight matrix [rows, cols]: its numbers as the file holds them (or as they were converted),
// and, where a backend prepared it, a packed copy. Weights are immutable after prepare and shared
// by all threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "formats/format.h"
#include "kernels/int_panels.h"

namespace heng::ops {

struct Matrix {
  std::string name;  // for errors
  size_t rows = 0, cols = 0;
  const formats::WeightFormat* format = nullptr;
  const std::byte* data = nullptr;  // [rows, cols] in format's blocks, borrowed
  std::optional<kernels::PackedMatrix> packed;

  size_t row_bytes() const { return cols / format->block_length * format->block_bytes; }
  const std::byte* row(size_t r) const { return data + r * row_bytes(); }
};

}  // namespace heng::ops
