// ChatGLM2-6B-int4 and -int8, and ChatGLM3's `quantize(4 | 8)` saved: the linear layers of each
// block as signed integers with one scale a row. X.weight is int8 [out, in], or [out, in / 2] with
// two of 4 bits a byte, the first in the upper half; X.weight_scale is fp16 [out]. Source: the
// checkpoints' own quantization.py (QuantizedLinear; int4WeightExtractionHalf of its kernels).
//
// Rows come out as q8_0 and q4_0, whose blocks hold the same numbers: the row's scale in each
// block.
#include <array>
#include <cmath>
#include <cstring>

#include "base/half.h"
#include "formats/q4_0.h"
#include "formats/q8_0.h"
#include "heng/error.h"
#include "models/weight_source.h"

namespace heng::models {
namespace {

using checkpoint::Checkpoint;
using checkpoint::TensorEntry;
using formats::Q4_0;
using formats::Q8_0;

constexpr std::string_view kBitsKey = "quantization_bit";
constexpr uint64_t kBlock = Q8_0::kLength;
static_assert(Q4_0::kLength == kBlock);

std::string name_of(const TensorEntry& entry) {
  return entry.file + ": tensor " + entry.name;
}

struct PackedMatrix {
  const TensorEntry& weight;
  const TensorEntry& scale;
  uint64_t first_row, cols;

  // As fp16. Throws Error kUnsupported where another type holds what fp16 does not.
  uint16_t half_scale(uint64_t row) const {
    const formats::WeightFormat& format = *formats::find_format(scale.view.dtype);
    float value = 0;
    format.decode_row(scale.view.data + (first_row + row) * format.block_bytes, &value, 1);
    if (!std::isfinite(value)) fail_not_finite(name_of(scale));
    const uint16_t half = float_to_half(value);
    if (half_to_float(half) != value) {
      throw Error(ErrorCode::kUnsupported,
                  name_of(scale) +
                      " holds a scale that fp16 cannot hold, expected fp16 scales as "
                      "published.");
    }
    return half;
  }

  void read_int8(uint64_t row, std::byte* out) const {
    Q8_0::Block block{};
    block.d = half_scale(row);
    const std::byte* q = weight.view.data + (first_row + row) * cols;
    for (uint64_t col = 0; col < cols; col += kBlock, out += sizeof(block)) {
      std::memcpy(block.qs, q + col, kBlock);
      std::memcpy(out, &block, sizeof(block));
    }
  }

  void read_int4(uint64_t row, std::byte* out) const {
    Q4_0::Block block{};
    block.d = half_scale(row);
    const std::byte* q = weight.view.data + (first_row + row) * (cols / 2);
    // Of weight i of a block: -8..7 in two's complement -> 0..15.
    const auto level = [&](uint64_t i) {
      const auto two = static_cast<uint8_t>(q[i / 2]);
      return static_cast<uint8_t>((i % 2 == 0 ? two >> 4 : two & 15) ^ 8);
    };
    for (uint64_t col = 0; col < cols; col += kBlock, out += sizeof(block), q += kBlock / 2) {
      for (uint64_t i = 0; i < kBlock / 2; ++i) {
        block.qs[i] = static_cast<uint8_t>(level(i) | level(i + kBlock / 2) << 4);
      }
      std::memcpy(out, &block, sizeof(block));
    }
  }
};

bool suits(const Checkpoint& checkpoint) {
  const JsonObject config(checkpoint.config(), checkpoint.config_file());
  return config.integer_or(kBitsKey, 0, 64, 0) != 0;
}

int64_t bits_of(const Checkpoint& checkpoint) {
  const JsonObject config(checkpoint.config(), checkpoint.config_file());
  const int64_t bits = config.integer(kBitsKey, 1, 64);
  if (bits == 4 || bits == 8) return bits;
  throw Error(ErrorCode::kUnsupported,
              config.where(kBitsKey) + " is " + std::to_string(bits) + ", expected 4 or 8.");
}

const TensorEntry& find_scale(const Checkpoint& checkpoint, const TensorEntry& weight,
                              uint64_t rows) {
  const TensorEntry* scale = checkpoint.find(weight.name + "_scale");
  if (scale == nullptr) {
    throw Error(ErrorCode::kCorrupt, name_of(weight) + ": " + weight.name +
                                         "_scale is missing. The checkpoint is incomplete.");
  }
  check_shape(*scale, {rows});
  const formats::WeightFormat* format = formats::find_format(scale->view.dtype);
  if (format == nullptr || format->block_length != 1) {
    throw Error(
        ErrorCode::kUnsupported,
        name_of(*scale) + " is " + std::string(dtype_name(scale->view.dtype)) + ", expected f16.");
  }
  return *scale;
}

std::optional<WeightSource> find(const Checkpoint& checkpoint, const TensorRef& ref, uint64_t rows,
                                 uint64_t cols) {
  const TensorEntry* weight = checkpoint.find(ref.name);
  if (weight == nullptr || weight->view.dtype != DType::kI8) return std::nullopt;
  const int64_t bits = bits_of(checkpoint);
  if (cols % kBlock != 0) {
    throw Error(ErrorCode::kUnsupported, name_of(*weight) + " has rows of " + std::to_string(cols) +
                                             ", expected a multiple of 32.");
  }
  const uint64_t total_rows = ref.total_rows ? ref.total_rows : rows;
  const uint64_t row_bytes = bits == 8 ? cols : cols / 2;
  check_shape(*weight, {total_rows, row_bytes});
  const TensorEntry& scale = find_scale(checkpoint, *weight, total_rows);

  WeightSource s;
  s.name = name_of(*weight);
  s.format = formats::find_format(bits == 8 ? DType::kQ8_0 : DType::kQ4_0);
  s.rows = rows;
  s.cols = cols;
  s.read_rows = [m = PackedMatrix{*weight, scale, ref.first_row, cols}, bits,
                 out_bytes = s.row_bytes()](uint64_t first, uint64_t n, std::byte* out) {
    for (uint64_t row = first; row < first + n; ++row, out += out_bytes) {
      bits == 8 ? m.read_int8(row, out) : m.read_int4(row, out);
    }
  };
  s.stored_bytes = rows * (row_bytes + dtype_size(scale.view.dtype).block_bytes);
  s.entries = {weight, &scale};
  return s;
}

}  // namespace

extern const PackedLayout kChatGlmPacked;
const PackedLayout kChatGlmPacked{
    .name = "ChatGLM's quantization_bit", .suits = suits, .find = find};

}  // namespace heng::models
