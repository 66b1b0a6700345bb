// Names and sizes of tensors as files hold them: element types, shapes, views. No arithmetic.
// A TensorView owns nothing and may point into a mapped file, so its data need not be aligned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace heng {

// Element types of checkpoints. The q* are GGUF block formats (ggml's ggml_type), the int* what
// GPTQ and AWQ tensors become; what their blocks hold is described in src/formats.
enum class DType : uint8_t {
  kF64,
  kF32,
  kF16,
  kBF16,
  kI64,
  kI32,
  kI16,
  kI8,
  kU8,
  kBool,
  kQ8_0,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ2_K,
  kQ3_K,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kInt4G32,
  kInt4G128,
  kInt8G32,
  kInt8G128,
};

// "f32", "bf16", "q4_k", ...
std::string_view dtype_name(DType dtype);

// Elements per block (1 for plain types) and bytes per block.
struct DTypeSize {
  uint32_t block_length;
  uint32_t block_bytes;
};
DTypeSize dtype_size(DType dtype);

// Sizes, outermost first; the last index is contiguous. A scalar has no sizes.
using Shape = std::vector<uint64_t>;

// "[32000, 4096]"
std::string to_string(const Shape& shape);

// Product of the sizes; throws Error kCorrupt naming `what` where it passes 2^63.
uint64_t element_count(const Shape& shape, std::string_view what);

// Bytes that `shape` takes in `dtype`; throws Error kCorrupt naming `what` on overflow, or where
// the last size is no multiple of the block length.
uint64_t byte_count(const Shape& shape, DType dtype, std::string_view what);

// Borrowed tensor: `data` holds byte_count(shape, dtype) bytes, row-major, with no padding.
struct TensorView {
  DType dtype = DType::kF32;
  Shape shape;
  const std::byte* data = nullptr;
};

}  // namespace heng
