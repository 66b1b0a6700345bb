// A weight matrix [rows, cols]: its numbers as the file holds them (or as they were converted),
// and, where a backend prepared it, a packed copy. Weights are immutable after prepare and shared
// by all threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "formats/format.h"
#include "kernels/int_panels.h"

namespace heng::ops {

// A permutation of a matrix's inputs: column j of the matrix multiplies input order[j].
using InputOrder = std::vector<uint32_t>;

struct Matrix {
  std::string name;  // for errors
  size_t rows = 0, cols = 0;
  const formats::WeightFormat* format = nullptr;
  const std::byte* data = nullptr;  // [rows, cols] in format's blocks, borrowed
  std::optional<kernels::PackedMatrix> packed;
  // GPTQ's act-order: columns are stored by group, not as the inputs come; nullptr where they come
  // so. Only of quantised formats. Matrices of the same order share one object.
  std::shared_ptr<const InputOrder> input_order;

  size_t row_bytes() const { return cols / format->block_length * format->block_bytes; }
  const std::byte* row(size_t r) const { return data + r * row_bytes(); }
};

}  // namespace heng::ops
