#include "base/tensor.h"

#include <gtest/gtest.h>

#include <functional>

#include "heng/error.h"

namespace heng {
namespace {

std::string error_of(const std::function<void()>& read) {
  try {
    read();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
    return error.what();
  }
  return "no error";
}

TEST(Tensor, CountsElementsAndBytes) {
  EXPECT_EQ(element_count({}, "t"), 1u);
  EXPECT_EQ(element_count({2, 3, 4}, "t"), 24u);
  EXPECT_EQ(element_count({5, 0}, "t"), 0u);
  EXPECT_EQ(byte_count({2, 3}, DType::kF32, "t"), 24u);
  EXPECT_EQ(byte_count({2, 3}, DType::kBF16, "t"), 12u);
  EXPECT_EQ(byte_count({2, 64}, DType::kQ4_1, "t"), 2 * 2 * 20u);
  EXPECT_EQ(byte_count({2, 256}, DType::kQ6_K, "t"), 2 * 210u);
  EXPECT_EQ(byte_count({}, DType::kF64, "t"), 8u);
}

TEST(Tensor, ProductsThatOverflowAreErrors) {
  constexpr uint64_t kBig = uint64_t{1} << 62;
  EXPECT_EQ(element_count({kBig, 1}, "t"), kBig);
  for (const Shape& shape : {Shape{kBig, 2}, Shape{kBig, 4}, Shape{kBig, 8, 1}, Shape{UINT64_MAX},
                             Shape{uint64_t{1} << 32, uint64_t{1} << 32}}) {
    EXPECT_NE(error_of([&] { element_count(shape, "x: tensor t"); }).find("x: tensor t: shape ["),
              std::string::npos);
  }
  EXPECT_NE(error_of([&] { byte_count({kBig}, DType::kF64, "t"); }), "no error");
}

TEST(Tensor, RowsMustHoldWholeBlocks) {
  EXPECT_EQ(
      error_of([] {
        byte_count({32, 48}, DType::kQ8_0, "x.gguf: tensor t");
      }),
      "x.gguf: tensor t: rows of 48 elements, expected a multiple of 32 for q8_0. The file is "
      "damaged.");
  EXPECT_NE(error_of([] { byte_count({}, DType::kQ4_K, "t"); }), "no error");
}

TEST(Tensor, HasANameForEveryType) {
  EXPECT_EQ(dtype_name(DType::kF64), "f64");
  EXPECT_EQ(dtype_name(DType::kBF16), "bf16");
  EXPECT_EQ(dtype_name(DType::kBool), "bool");
  EXPECT_EQ(dtype_name(DType::kQ6_K), "q6_k");
  EXPECT_EQ(to_string(Shape{32000, 4096}), "[32000, 4096]");
  EXPECT_EQ(to_string(Shape{}), "[]");
}

}  // namespace
}  // namespace heng
