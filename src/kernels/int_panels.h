// Repacks a quantised matrix from blocks of its format into the panels that the integer products
// read (kernel_table.h draws them). Lossless: q, scale, min and zero are the file's own; K-quants,
// whose scales are products of two factors, keep them in fp32.
#pragma once

#include <cstddef>

#include "formats/format.h"
#include "kernels/kernel_table.h"

namespace heng::kernels {

// Whether rows of k weights of `format` can be packed: a quantised format, whole blocks and groups
// of 32.
bool can_pack(const formats::WeightFormat& format, size_t k);

// Bytes that pack_panels will take.
size_t packed_bytes(const formats::WeightFormat& format, size_t rows, size_t k);

class PackedMatrix {
 public:
  PackedMatrix() = default;
  // `memory`: packed_bytes(format, rows, k) zeroed bytes, 64-byte aligned, borrowed; filled by
  // pack().
  PackedMatrix(const formats::WeightFormat& format, size_t rows, size_t k, std::byte* memory);

  const IntPanels& panels() const { return panels_; }
  size_t rows() const { return rows_; }
  size_t n_panels() const { return (rows_ + kPanelRows - 1) / kPanelRows; }
  size_t bytes() const;

  // Packs the panels [begin, end) from `rows`: theirs, row-major in format blocks. Safe to call
  // from many threads on different panels. Returns false where a scale or minimum is not
  // finite.
  bool pack(const std::byte* rows, size_t begin, size_t end);

 private:
  const formats::WeightFormat* format_ = nullptr;
  size_t rows_ = 0;
  IntPanels panels_{};
  uint8_t* memory_ = nullptr;
};

}  // namespace heng::kernels
