// Where the numbers of one matrix come from: rows as they lie in a file, or rows that are made of
// what a checkpoint stores in another shape (slices of model-parallel files, words of packed
// integers, a LoRA on a base). Borrows the checkpoint. Functions are pure and safe from many
// threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "formats/format.h"
#include "models/architecture.h"
#include "ops/matrix.h"

namespace heng::models {

struct LoraStack;  // models/lora.h

// What is asked of a checkpoint's weights.
struct WeightRequest {
  const Architecture& architecture;
  const DecoderSpec& spec;
  const checkpoint::Checkpoint& checkpoint;
  // F32, F16, BF16, Q8_0 or Q4_0: matrices are converted to it, as far as type_for says; what is
  // quantised to as few bits stays. nullopt: used as stored.
  std::optional<DType> convert_to;
  const LoraStack* loras = nullptr;  // adapters on the checkpoint's weights; nullptr: none
};

struct WeightSource {
  std::string name;  // "model.safetensors: tensor lm_head.weight", for errors
  const formats::WeightFormat* format = nullptr;  // of the rows
  uint64_t rows = 0, cols = 0;
  const std::byte* data = nullptr;  // [rows, cols] in format's blocks; nullptr: read_rows has them
  // Writes rows [first, first + n) in format's blocks, without padding. Throws Error kCorrupt.
  std::function<void(uint64_t first, uint64_t n, std::byte* out)> read_rows;
  // Where the rows' columns do not come as the inputs do (ops::Matrix); nullptr where they do.
  std::shared_ptr<const ops::InputOrder> input_order;
  uint64_t stored_bytes = 0;                            // in the files
  std::vector<const checkpoint::TensorEntry*> entries;  // what it is read from

  uint64_t row_bytes() const { return cols / format->block_length * format->block_bytes; }
};

// One row in the source's format -> fp32 [cols], columns in the order of the inputs.
void decode_row(const WeightSource& source, const std::byte* row, float* out);

// The matrix [rows, cols] of a part. Throws Error kCorrupt, kUnsupported naming file and tensor:
// missing, of another shape, of no weight type.
WeightSource find_matrix(const WeightRequest& request, Part part, size_t layer, uint64_t rows,
                         uint64_t cols);

// A part that is a vector [n], as n rows of one number. Throws as find_matrix.
WeightSource find_vector(const WeightRequest& request, Part part, size_t layer, uint64_t n);

// Its values in fp32. Throws as find_vector, and kCorrupt for a value that is not finite.
std::vector<float> read_vector(const WeightRequest& request, Part part, size_t layer, uint64_t n);

// One published way to store the matrices of linear layers as packed integers. A new one is a file
// that defines its row and a line in packed_layouts.inc.
struct PackedLayout {
  std::string_view name;  // as config.json calls it: "gptq"
  // Whether the checkpoint says that it is stored so.
  bool (*suits)(const checkpoint::Checkpoint& checkpoint);
  // The matrix that stands for tensor `ref` of [rows, cols]; nullopt where this one is stored
  // plain. Throws as find_matrix.
  std::optional<WeightSource> (*find)(const checkpoint::Checkpoint& checkpoint,
                                      const TensorRef& ref, uint64_t rows, uint64_t cols);
  // For people: "gptq int4, group 128, act-order". nullptr: the format's name says enough.
  std::string (*describe)(const checkpoint::Checkpoint& checkpoint) = nullptr;
};

std::span<const PackedLayout* const> all_packed_layouts();

// Throws Error kUnsupported where the checkpoint names a quantisation that no layout reads.
void check_quantization(const checkpoint::Checkpoint& checkpoint);

// What the weights are stored in, for people; `stored`: what most of them become.
std::string describe_stored(const checkpoint::Checkpoint& checkpoint, DType stored);

// For errors that several readers share.
[[noreturn]] void fail_not_finite(const std::string& name);
// `entry` must have this shape. Throws Error kCorrupt.
void check_shape(const checkpoint::TensorEntry& entry, const Shape& expected);

}  // namespace heng::models
