#include "base/tensor.h"

#include <array>
#include <limits>

#include "heng/error.h"

namespace heng {
namespace {

struct Row {
  DType dtype;
  std::string_view name;
  DTypeSize size;
};

// Block sizes as in ggml's block_q* structs and formats/int_group.h.
constexpr std::array<Row, 24> kRows{{
    {DType::kF64, "f64", {1, 8}},
    {DType::kF32, "f32", {1, 4}},
    {DType::kF16, "f16", {1, 2}},
    {DType::kBF16, "bf16", {1, 2}},
    {DType::kI64, "i64", {1, 8}},
    {DType::kI32, "i32", {1, 4}},
    {DType::kI16, "i16", {1, 2}},
    {DType::kI8, "i8", {1, 1}},
    {DType::kU8, "u8", {1, 1}},
    {DType::kBool, "bool", {1, 1}},
    {DType::kQ8_0, "q8_0", {32, 34}},
    {DType::kQ4_0, "q4_0", {32, 18}},
    {DType::kQ4_1, "q4_1", {32, 20}},
    {DType::kQ5_0, "q5_0", {32, 22}},
    {DType::kQ5_1, "q5_1", {32, 24}},
    {DType::kQ2_K, "q2_k", {256, 84}},
    {DType::kQ3_K, "q3_k", {256, 110}},
    {DType::kQ4_K, "q4_k", {256, 144}},
    {DType::kQ5_K, "q5_k", {256, 176}},
    {DType::kQ6_K, "q6_k", {256, 210}},
    {DType::kInt4G32, "int4_g32", {32, 20}},
    {DType::kInt4G128, "int4_g128", {128, 68}},
    {DType::kInt8G32, "int8_g32", {32, 36}},
    {DType::kInt8G128, "int8_g128", {128, 132}},
}};

constexpr bool rows_in_order() {
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<size_t>(kRows[i].dtype) != i) return false;
  }
  return true;
}
static_assert(rows_in_order(), "kRows is indexed by DType");

const Row& row(DType dtype) {
  return kRows[static_cast<size_t>(dtype)];
}

}  // namespace

std::string_view dtype_name(DType dtype) {
  return row(dtype).name;
}

DTypeSize dtype_size(DType dtype) {
  return row(dtype).size;
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    text += (i ? ", " : "") + std::to_string(shape[i]);
  }
  return text + "]";
}

uint64_t element_count(const Shape& shape, std::string_view what) {
  uint64_t count = 1;
  for (uint64_t size : shape) {
    if (__builtin_mul_overflow(count, size, &count) ||
        count > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      throw Error(ErrorCode::kCorrupt, std::string(what) + ": shape " + to_string(shape) +
                                           " holds more than 2^63 elements. The file is damaged.");
    }
  }
  return count;
}

uint64_t byte_count(const Shape& shape, DType dtype, std::string_view what) {
  const DTypeSize size = dtype_size(dtype);
  const uint64_t count = element_count(shape, what);
  const uint64_t row_length = shape.empty() ? 1 : shape.back();
  if (row_length % size.block_length != 0) {
    throw Error(ErrorCode::kCorrupt, std::string(what) + ": rows of " + std::to_string(row_length) +
                                         " elements, expected a multiple of " +
                                         std::to_string(size.block_length) + " for " +
                                         std::string(dtype_name(dtype)) + ". The file is damaged.");
  }
  uint64_t bytes = 0;
  if (__builtin_mul_overflow(count / size.block_length, uint64_t{size.block_bytes}, &bytes)) {
    throw Error(ErrorCode::kCorrupt, std::string(what) + ": shape " + to_string(shape) +
                                         " takes more than 2^64 bytes. The file is damaged.");
  }
  return bytes;
}

}  // namespace heng
