#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/parse.h"
#include "support/safetensors_builder.h"

namespace heng::checkpoint {
namespace {

using test::as_bytes;
using test::SafetensorsBuilder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<float> kSix{1, -2, 3.5, 4, 5, 6};

ParsedFile parse(const std::string& bytes) {
  return parse_safetensors(as_bytes(bytes), "model.safetensors");
}

std::string error_of(const std::string& bytes) {
  try {
    parse(bytes);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Safetensors, GivesEachTensorItsOwnNumbers) {
  const std::string bytes = SafetensorsBuilder()
                                .add("b", {2, 3}, kSix)
                                .add("a", {3, 2}, kSix, DType::kBF16)
                                .add("h", {6}, kSix, DType::kF16)
                                .bytes();
  const ParsedFile file = parse(bytes);
  ASSERT_EQ(file.tensors.size(), 3u);
  for (const TensorEntry& entry : file.tensors) {
    EXPECT_EQ(test::plain_floats(entry.view), kSix) << entry.name;
    EXPECT_EQ(entry.file, "model.safetensors");
  }
}

TEST(Safetensors, ReadsEveryDTypeOfTheFormat) {
  const std::vector<std::pair<const char*, DType>> types{
      {"F64", DType::kF64}, {"F32", DType::kF32},  {"F16", DType::kF16}, {"BF16", DType::kBF16},
      {"I64", DType::kI64}, {"I32", DType::kI32},  {"I16", DType::kI16}, {"I8", DType::kI8},
      {"U8", DType::kU8},   {"BOOL", DType::kBool}};
  for (const auto& [name, dtype] : types) {
    const std::string data(3 * dtype_size(dtype).block_bytes, '\1');
    const std::string bytes = SafetensorsBuilder().raw("t", name, {3}, data).bytes();
    EXPECT_EQ(parse(bytes).tensors.at(0).view.dtype, dtype) << name;
  }
}

TEST(Safetensors, TakesScalarsAndEmptyTensors) {
  const std::string bytes = SafetensorsBuilder()
                                .add("scalar", {}, std::vector<float>{7})
                                .add("empty", {0, 4}, {})
                                .bytes();
  const ParsedFile file = parse(bytes);
  ASSERT_EQ(file.tensors.size(), 2u);
  EXPECT_THAT(file.tensors[0].view.shape, ElementsAre(0, 4));
  EXPECT_THAT(test::plain_floats(file.tensors[1].view), ElementsAre(7));
}

TEST(Safetensors, TakesPaddingAfterTheHeader) {
  SafetensorsBuilder file;
  file.add("a", {6}, kSix);
  const std::string bytes = file.bytes_with_header(file.header().dump() + "      ");
  EXPECT_EQ(test::plain_floats(parse(bytes).tensors.at(0).view), kSix);
}

TEST(Safetensors, SaysWhereATruncatedTensorShouldEnd) {
  const std::string bytes = SafetensorsBuilder()
                                .add("first", {1000}, std::vector<float>(1000))
                                .add("last", {6}, kSix)
                                .bytes();
  EXPECT_EQ(error_of(bytes.substr(0, bytes.size() - 5)),
            "model.safetensors: tensor last ends at byte " + std::to_string(bytes.size() / 1000) +
                "," + std::to_string(bytes.size() % 1000) + ", the file has " +
                std::to_string((bytes.size() - 5) / 1000) + "," +
                std::to_string((bytes.size() - 5) % 1000) +
                ". The download is incomplete: fetch this file again.");
}

TEST(Safetensors, NamesTheFieldWithExpectedAndFound) {
  SafetensorsBuilder file;
  file.add("wte.weight", {2, 3}, kSix);
  file.header()["wte.weight"]["shape"] = {2, 4};
  EXPECT_EQ(error_of(file.bytes()),
            "model.safetensors: wte.weight.data_offsets: span 24 bytes, shape [2, 4] of f32 takes "
            "32. The file is damaged.");
  file.header()["wte.weight"]["dtype"] = "F8_E4M3";
  EXPECT_EQ(error_of(file.bytes()),
            "model.safetensors: wte.weight.dtype: \"F8_E4M3\" is not supported. Supported: F64 F32 "
            "F16 BF16 I64 I32 I16 I8 U8 BOOL.");
}

TEST(Safetensors, ShowsHostileNamesAsPlainText) {
  SafetensorsBuilder file;
  file.add("\x1b[31mred\n", {6}, kSix);
  file.header()["\x1b[31mred\n"]["dtype"] = "\x1b]0;title\a";
  EXPECT_THAT(error_of(file.bytes()), HasSubstr("\\x1b[31mred\\x0a.dtype: \"\\x1b]0;title\\x07\""));
}

}  // namespace
}  // namespace heng::checkpoint
