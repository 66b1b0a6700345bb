#include "checkpoint/ggml_types.h"

#include <array>
#include <string_view>

#include "heng/error.h"

namespace heng::checkpoint {
namespace {

struct Row {
  uint32_t type;
  std::string_view name;
  std::optional<DType> dtype = std::nullopt;
};

// Source: enum ggml_type in ggml/include/ggml.h. Types 4 and 5 left the format before GGUF began.
constexpr std::array<Row, 38> kRows{{
    {0, "F32", DType::kF32},
    {1, "F16", DType::kF16},
    {30, "BF16", DType::kBF16},
    {8, "Q8_0", DType::kQ8_0},
    {2, "Q4_0", DType::kQ4_0},
    {3, "Q4_1", DType::kQ4_1},
    {6, "Q5_0", DType::kQ5_0},
    {7, "Q5_1", DType::kQ5_1},
    {10, "Q2_K", DType::kQ2_K},
    {11, "Q3_K", DType::kQ3_K},
    {12, "Q4_K", DType::kQ4_K},
    {13, "Q5_K", DType::kQ5_K},
    {14, "Q6_K", DType::kQ6_K},
    {24, "I8", DType::kI8},
    {25, "I16", DType::kI16},
    {26, "I32", DType::kI32},
    {27, "I64", DType::kI64},
    {28, "F64", DType::kF64},
    {9, "Q8_1"},
    {15, "Q8_K"},
    {16, "IQ2_XXS"},
    {17, "IQ2_XS"},
    {18, "IQ3_XXS"},
    {19, "IQ1_S"},
    {20, "IQ4_NL"},
    {21, "IQ3_S"},
    {22, "IQ2_S"},
    {23, "IQ4_XS"},
    {29, "IQ1_M"},
    {31, "Q4_0_4_4"},
    {32, "Q4_0_4_8"},
    {33, "Q4_0_8_8"},
    {34, "TQ1_0"},
    {35, "TQ2_0"},
    {36, "IQ4_NL_4_4"},
    {37, "IQ4_NL_4_8"},
    {38, "IQ4_NL_8_8"},
    {39, "MXFP4"},
}};

const Row* find(uint32_t type) {
  for (const Row& row : kRows) {
    if (row.type == type) return &row;
  }
  return nullptr;
}

}  // namespace

std::optional<DType> dtype_of_ggml_type(uint32_t type) {
  const Row* row = find(type);
  return row ? row->dtype : std::nullopt;
}

uint32_t ggml_type_of(DType dtype) {
  for (const Row& row : kRows) {
    if (row.dtype == dtype) return row.type;
  }
  throw Error(ErrorCode::kInternal, std::string(dtype_name(dtype)) + " is no type of GGUF files.");
}

std::string ggml_type_text(uint32_t type) {
  const Row* row = find(type);
  return row ? std::string(row->name) : "number " + std::to_string(type);
}

std::string supported_ggml_types() {
  std::string text;
  for (const Row& row : kRows) {
    if (row.dtype) text.append(text.empty() ? "" : " ").append(row.name);
  }
  return text;
}

}  // namespace heng::checkpoint
