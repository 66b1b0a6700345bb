#include "checkpoint/gguf_writer.h"

#include <gtest/gtest.h>

#include <cstring>

#include "support/file_bytes.h"
#include "support/gguf_builder.h"

namespace heng::checkpoint {
namespace {

std::span<const std::byte> bytes_of(const std::vector<float>& values) {
  return std::as_bytes(std::span(values));
}

std::vector<float> floats_of(const TensorEntry& entry) {
  std::vector<float> values(element_count(entry.view.shape, entry.name));
  std::memcpy(values.data(), entry.view.data, values.size() * sizeof(float));
  return values;
}

TEST(GgufWriter, WhatItWroteIsReadBack) {
  const test::TempDir folder;
  const auto path = folder.path() / "model.gguf";
  GgufWriter writer;
  writer.set("general.architecture", "llama");
  writer.set("llama.block_count", uint32_t{2});
  writer.set("llama.rope.freq_base", 1e6f);
  writer.set("tokenizer.ggml.add_bos_token", true);
  writer.set("tokenizer.ggml.tokens", std::vector<std::string>{"a", "", "\xff"});
  writer.set("tokenizer.ggml.token_type", std::vector<int32_t>{1, 3, -1});
  writer.set("tokenizer.ggml.scores", std::vector<float>{0.5f, -1});
  writer.add_tensor("first", {3}, DType::kF32);
  writer.add_tensor("second", {2, 32}, DType::kQ8_0);
  writer.add_tensor("third", {1}, DType::kF32);
  writer.open(path);
  const std::vector<float> first = {1, 2, 3}, third = {4};
  std::vector<std::byte> second(68);
  for (size_t i = 0; i < second.size(); ++i) second[i] = static_cast<std::byte>(i);
  // In pieces that keep to no tensor's bounds.
  writer.write(bytes_of(first).first(5));
  writer.write(bytes_of(first).subspan(5));
  std::vector<std::byte> rest = second;
  rest.insert(rest.end(), bytes_of(third).begin(), bytes_of(third).end());
  writer.write(rest);
  writer.finish();

  EXPECT_EQ(std::filesystem::file_size(path), writer.file_bytes());
  const auto checkpoint = Checkpoint::open(path);
  const Json expected = {{"general.architecture", "llama"},
                         {"llama.block_count", 2},
                         {"llama.rope.freq_base", 1e6},
                         {"tokenizer.ggml.add_bos_token", true},
                         {"tokenizer.ggml.tokens", {"a", "", "\xff"}},
                         {"tokenizer.ggml.token_type", {1, 3, -1}},
                         {"tokenizer.ggml.scores", {0.5, -1.0}}};
  EXPECT_EQ(checkpoint->config(), expected);
  EXPECT_EQ(floats_of(*checkpoint->find("first")), first);
  EXPECT_EQ(floats_of(*checkpoint->find("third")), third);
  const TensorEntry& q = *checkpoint->find("second");
  EXPECT_EQ(q.view.dtype, DType::kQ8_0);
  EXPECT_EQ(q.view.shape, (Shape{2, 32}));
  EXPECT_EQ(std::memcmp(q.view.data, second.data(), second.size()), 0);
  for (const TensorEntry& entry : checkpoint->tensors()) {
    const auto* start = checkpoint->find("first")->view.data;
    EXPECT_EQ((entry.view.data - start) % 32, 0) << entry.name;
  }
}

TEST(GgufWriter, ALaterValueTakesThePlaceOfTheEarlier) {
  const test::TempDir folder;
  GgufWriter writer;
  writer.set("a", uint32_t{1});
  writer.set("b", "x");
  writer.set("a", "now a text");
  EXPECT_TRUE(writer.has("a"));
  EXPECT_FALSE(writer.has("c"));
  writer.open(folder.path() / "m.gguf");
  writer.finish();
  const Json expected = {{"a", "now a text"}, {"b", "x"}};
  EXPECT_EQ(Checkpoint::open(folder.path() / "m.gguf")->config(), expected);
}

// Types and bytes stay, those that this writer has no setter for included; only the alignment is
// the writer's own.
TEST(GgufWriter, CopiesAnotherFilesMetadataAsItLiesThere) {
  const test::TempDir folder;
  const auto from = folder.path() / "from.gguf", to = folder.path() / "to.gguf";
  test::GgufBuilder builder;
  builder.alignment = 64;
  builder.set("general.alignment", uint32_t{64})
      .set("wide", uint64_t{1} << 40)
      .set("signed", int32_t{-7})
      .set("list", std::vector<std::string>{"x", "y"})
      .raw("double", test::GgufBuilder::kF64, test::little_endian(2.5))
      .raw("empty list", test::GgufBuilder::kArray,
           test::little_endian(uint32_t{test::GgufBuilder::kI8}) + test::little_endian(uint64_t{0}))
      .write(from);
  const auto source = Checkpoint::open(from);
  GgufWriter writer;
  for (const MetadataRecord& record : source->metadata_records()) writer.set(record);
  writer.open(to);
  writer.finish();
  const auto copy = Checkpoint::open(to);
  ASSERT_EQ(source->metadata_records().size(), 6u);
  ASSERT_EQ(copy->metadata_records().size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    const MetadataRecord &a = source->metadata_records()[i + 1], &b = copy->metadata_records()[i];
    EXPECT_EQ(a.key, b.key);
    EXPECT_TRUE(std::equal(a.value.begin(), a.value.end(), b.value.begin(), b.value.end()))
        << a.key;
  }
}

TEST(GgufWriter, AFileThatIsNotWholeIsNotThere) {
  const test::TempDir folder;
  const auto path = folder.path() / "m.gguf";
  {
    GgufWriter writer;
    writer.add_tensor("t", {4}, DType::kF32);
    writer.open(path);
    writer.write(test::as_bytes("12345678"));
    EXPECT_THROW(writer.finish(), Error);
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(GgufWriter, RefusesMoreDataThanTensors) {
  const test::TempDir folder;
  GgufWriter writer;
  writer.add_tensor("t", {2}, DType::kF32);
  writer.open(folder.path() / "m.gguf");
  EXPECT_THROW(writer.write(test::as_bytes("123456789")), Error);
}

}  // namespace
}  // namespace heng::checkpoint
