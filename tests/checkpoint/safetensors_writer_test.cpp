#include "checkpoint/safetensors_writer.h"

#include <gtest/gtest.h>

#include "checkpoint/parse.h"
#include "heng/error.h"
#include "support/file_bytes.h"

namespace heng::checkpoint {
namespace {

const std::vector<TensorPlan> kPlan = {
    {"b.weight", DType::kF16, {2, 3}}, {"a.weight", DType::kF32, {2}}, {"n", DType::kI64, {}}};

TEST(SafetensorsWriter, WhatIsWrittenIsReadBack) {
  const test::TempDir folder;
  SafetensorsWriter writer(folder / "x.safetensors", kPlan);
  const std::vector<float> b = {1, 2, 3, 4, 5, 6}, a = {-0.5f, 1e-3f};
  const std::string data = test::plain_bytes(DType::kF16, b) + test::plain_bytes(DType::kF32, a) +
                           test::little_endian(int64_t{7});
  for (const char byte : data) writer.write(test::as_bytes({&byte, 1}));
  EXPECT_FALSE(std::filesystem::exists(folder / "x.safetensors"));
  writer.finish();
  const std::string file = test::read_file(folder / "x.safetensors");
  const ParsedFile parsed = parse_safetensors(test::as_bytes(file), "x.safetensors");
  ASSERT_EQ(parsed.tensors.size(), 3u);
  EXPECT_EQ(parsed.tensors[0].name, "a.weight");
  EXPECT_EQ(test::plain_floats(parsed.tensors[0].view), a);
  EXPECT_EQ(test::plain_floats(parsed.tensors[1].view), b);
  EXPECT_EQ(parsed.tensors[2].view.dtype, DType::kI64);
  EXPECT_NE(file.find(R"("__metadata__":{"format":"pt"})"), std::string::npos);
}

TEST(SafetensorsWriter, DataBeginsAtAMultipleOfEight) {
  for (size_t n = 1; n < 20; ++n) {
    const std::vector<TensorPlan> plan = {{std::string(n, 'x'), DType::kF32, {1}}};
    EXPECT_EQ(safetensors_header(plan).size() % 8, 0u);
  }
}

TEST(SafetensorsWriter, WithDataMissingThereIsNoFile) {
  const test::TempDir folder;
  {
    SafetensorsWriter writer(folder / "x.safetensors", kPlan);
    writer.write(test::as_bytes("1234"));
    EXPECT_THROW(writer.finish(), Error);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace heng::checkpoint
