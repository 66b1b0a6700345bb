// Where the numbers of one matrix come from: rows as they lie in a file, or rows that are made of
// what a checkpoint stores in another shape (slices of model-parallel files, words of packed
// integers, a LoRA on a base). Borrows the checkpoint. Functions are pure and safe from many
// threads.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "formats/format.h"
#include "models/architecture.h"

namespace heng::models {

// What is asked of a checkpoint's weights.
struct WeightRequest {
  const Architecture& architecture;
  const DecoderSpec& spec;
  const checkpoint::Checkpoint& checkpoint;
  // F32, F16, BF16, Q8_0 or Q4_0: matrices are converted to it, as far as type_for says; what is
  // quantised to as few bits stays. nullopt: used as stored.
  std::optional<DType> convert_to;
};

struct WeightSource {
  std::string name;  // "model.safetensors: tensor lm_head.weight", for errors
  const formats::WeightFormat* format = nullptr;  // of the rows
  uint64_t rows = 0, cols = 0;
  const std::byte* data = nullptr;  // [rows, cols] in format's blocks; nullptr: read_rows has them
  // Writes rows [first, first + n) in format's blocks, without padding. Throws Error kCorrupt.
  std::function<void(uint64_t first, uint64_t n, std::byte* out)> read_rows;
  uint64_t stored_bytes = 0;                            // in the files
  std::vector<const checkpoint::TensorEntry*> entries;  // what it is read from

  uint64_t row_bytes() const { return cols / format->block_length * format->block_bytes; }
};

// The matrix [rows, cols] of a part. Throws Error kCorrupt, kUnsupported naming file and tensor:
// missing, of another shape, of no weight type.
WeightSource find_matrix(const WeightRequest& request, Part part, size_t layer, uint64_t rows,
                         uint64_t cols);

// The values of a part that is a vector [n], in fp32. Throws as find_matrix, and kCorrupt for a
// value that is not finite.
std::vector<float> read_vector(const WeightRequest& request, Part part, size_t layer, uint64_t n);

// One published way to store the matrices of linear layers as packed integers. A new one is a file
// that defines its row and a line in packed_layouts.inc.
struct PackedLayout {
  std::string_view name;  // as config.json calls it: "gptq"
  // Whether the checkpoint says that it is stored so.
  bool (*suits)(const JsonObject& config);
  // The matrix that stands for tensor `ref` of [rows, cols]; nullopt where this one is stored
  // plain. Throws as find_matrix.
  std::optional<WeightSource> (*find)(const checkpoint::Checkpoint& checkpoint,
                                      const TensorRef& ref, uint64_t rows, uint64_t cols);
};

std::span<const PackedLayout* const> all_packed_layouts();

// Throws Error kUnsupported where config.json names a quantisation that no layout reads.
void check_quantization(const checkpoint::Checkpoint& checkpoint);

// For errors that several readers share.
[[noreturn]] void fail_not_finite(const std::string& name);
// `entry` must have this shape. Throws Error kCorrupt.
void check_shape(const checkpoint::TensorEntry& entry, const Shape& expected);

}  // namespace heng::models
