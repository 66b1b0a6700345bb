#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/parse.h"
#include "support/gguf_builder.h"

namespace heng::checkpoint {
namespace {

using test::as_bytes;
using test::GgufBuilder;
using test::little_endian;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<float> kSix{1, -2, 3.5, 4, 5, 6};

ParsedFile parse(const std::string& bytes) {
  return parse_gguf(as_bytes(bytes), "model.gguf");
}

std::string error_of(const GgufBuilder& file) {
  try {
    parse(file.bytes());
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Gguf, ReadsVersionsTwoAndThree) {
  for (const uint32_t version : {2u, 3u}) {
    GgufBuilder file;
    file.version = version;
    const std::string bytes = file.add("a", {6}, kSix).bytes();
    EXPECT_EQ(test::plain_floats(parse(bytes).tensors.at(0).view), kSix) << version;
  }
}

TEST(Gguf, TurnsShapesOutermostFirst) {
  // As the file has them: innermost 3 first, then 2.
  const std::string bytes = GgufBuilder().add("a", {2, 3}, kSix).bytes();
  const std::string dims = little_endian(uint64_t{3}) + little_endian(uint64_t{2});
  ASSERT_NE(bytes.find(dims), std::string::npos);
  EXPECT_THAT(parse(bytes).tensors.at(0).view.shape, ElementsAre(2, 3));
}

TEST(Gguf, KeepsEveryMetadataType) {
  using Type = GgufBuilder::ValueType;
  GgufBuilder file;
  file.raw("u8", Type::kU8, little_endian(uint8_t{200}))
      .raw("i8", Type::kI8, little_endian(int8_t{-100}))
      .raw("u16", Type::kU16, little_endian(uint16_t{60000}))
      .raw("i16", Type::kI16, little_endian(int16_t{-30000}))
      .set("u32", 4'000'000'000u)
      .set("i32", -2'000'000'000)
      .set("u64", uint64_t{18'000'000'000'000'000'000u})
      .raw("i64", Type::kI64, little_endian(int64_t{-9'000'000'000'000'000'000}))
      .set("f32", 0.5f)
      .raw("f64", Type::kF64, little_endian(1e-300))
      .set("yes", true)
      .set("no", false)
      .set("text", "\xE4\xBD\xA0\xE5\xA5\xBD")
      .set("bytes", std::string_view("\xff\0\x80", 3))
      .set("texts", std::vector<std::string>{"a", "", "\xff"})
      .set("floats", std::vector<float>{1, 2.5})
      .set("numbers", std::vector<int32_t>{})
      .raw("flags", Type::kArray,
           little_endian(uint32_t{Type::kBool}) + little_endian(uint64_t{2}) +
               std::string("\1\0", 2));
  const Json m = parse(file.bytes()).metadata;
  EXPECT_EQ(m.size(), 18u);
  EXPECT_EQ(m["u8"], 200);
  EXPECT_EQ(m["i8"], -100);
  EXPECT_EQ(m["u16"], 60000);
  EXPECT_EQ(m["i16"], -30000);
  EXPECT_EQ(m["u32"], 4'000'000'000u);
  EXPECT_EQ(m["i32"], -2'000'000'000);
  EXPECT_EQ(m["u64"], uint64_t{18'000'000'000'000'000'000u});
  EXPECT_EQ(m["i64"], int64_t{-9'000'000'000'000'000'000});
  EXPECT_EQ(m["f32"], 0.5);
  EXPECT_EQ(m["f64"], 1e-300);
  EXPECT_EQ(m["yes"], true);
  EXPECT_EQ(m["no"], false);
  EXPECT_EQ(m["text"], "\xE4\xBD\xA0\xE5\xA5\xBD");
  EXPECT_EQ(m["bytes"].get<std::string>(), std::string("\xff\0\x80", 3));
  EXPECT_EQ(m["texts"], Json::array({"a", "", "\xff"}));
  EXPECT_EQ(m["floats"], Json::array({1.0, 2.5}));
  EXPECT_EQ(m["numbers"], Json::array());
  EXPECT_EQ(m["flags"], Json::array({true, false}));
}

TEST(Gguf, ReadsEverySupportedTensorType) {
  struct Row {
    uint32_t type;
    DType dtype;
  };
  for (const Row row : std::vector<Row>{{0, DType::kF32},
                                        {1, DType::kF16},
                                        {30, DType::kBF16},
                                        {8, DType::kQ8_0},
                                        {2, DType::kQ4_0},
                                        {3, DType::kQ4_1},
                                        {6, DType::kQ5_0},
                                        {7, DType::kQ5_1},
                                        {10, DType::kQ2_K},
                                        {11, DType::kQ3_K},
                                        {12, DType::kQ4_K},
                                        {13, DType::kQ5_K},
                                        {14, DType::kQ6_K},
                                        {24, DType::kI8},
                                        {25, DType::kI16},
                                        {26, DType::kI32},
                                        {27, DType::kI64},
                                        {28, DType::kF64}}) {
    const auto [length, size] = dtype_size(row.dtype);
    const std::string data(2 * 256 / length * size, '\7');
    const std::string bytes = GgufBuilder().raw_tensor("t", row.type, {2, 256}, data).bytes();
    const ParsedFile file = parse(bytes);
    EXPECT_EQ(file.tensors.at(0).view.dtype, row.dtype);
    EXPECT_EQ(file.tensors[0].view.data + data.size(), as_bytes(bytes).data() + bytes.size());
  }
}

TEST(Gguf, AlignsTensorsAsTheFileSays) {
  for (const uint32_t alignment : {1u, 8u, 64u, 4096u}) {
    GgufBuilder file;
    file.alignment = alignment;
    file.set("general.alignment", alignment).add("a", {1}, {&kSix[0], 1}).add("b", {6}, kSix);
    const std::string bytes = file.bytes();
    EXPECT_EQ(test::plain_floats(parse(bytes).tensors.at(1).view), kSix) << alignment;
  }
}

TEST(Gguf, TakesAVocabularyAlone) {
  const ParsedFile file = parse(GgufBuilder().set("tokenizer.ggml.model", "gpt2").bytes());
  EXPECT_TRUE(file.tensors.empty());
  EXPECT_EQ(file.metadata["tokenizer.ggml.model"], "gpt2");
}

TEST(Gguf, NamesATypeThatIsNotSupported) {
  EXPECT_EQ(error_of(GgufBuilder().raw_tensor("blk.0.ffn_up.weight", 16, {256}, "")),
            "model.gguf: tensor blk.0.ffn_up.weight is of type IQ2_XXS, which is not supported. "
            "Supported: F32 F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q2_K Q3_K Q4_K Q5_K Q6_K I8 I16 I32 "
            "I64 F64.");
  EXPECT_THAT(error_of(GgufBuilder().raw_tensor("t", 99, {256}, "")), HasSubstr("number 99"));
}

TEST(Gguf, SaysWhatToDoWithASplitModel) {
  EXPECT_EQ(error_of(GgufBuilder().set("split.count", 3u)),
            "model.gguf: one of 3 parts of a split model. Join them first with llama-gguf-split "
            "--merge.");
}

}  // namespace
}  // namespace heng::checkpoint
