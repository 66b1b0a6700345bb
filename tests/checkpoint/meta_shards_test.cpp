#include "checkpoint/meta_shards.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heng/error.h"
#include "support/tiny_llama.h"

namespace heng::checkpoint {
namespace {

using test::TempDir;
using test::TinyLlama;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::vector<std::string> named(std::initializer_list<int> numbers) {
  const TempDir dir;
  for (const int n : numbers) {
    test::write_file(
        dir / ("consolidated." + std::string(n < 10 ? "0" : "") + std::to_string(n) + ".pth"), "");
  }
  test::write_file(dir / "consolidated.safetensors", "");
  test::write_file(dir / "checklist.chk", "");
  return find_meta_shards(dir.path());
}

std::string error_of(const std::function<void()>& run, ErrorCode code) {
  try {
    run();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  return "no error";
}

TEST(MetaShards, FilesAreTakenInTheirOrder) {
  const auto names = named({10, 0, 2, 1, 3, 4, 5, 6, 7, 9, 8});
  ASSERT_EQ(names.size(), 11u);
  EXPECT_EQ(names.front(), "consolidated.00.pth");
  EXPECT_EQ(names.back(), "consolidated.10.pth");
}

TEST(MetaShards, AMissingFileIsNamed) {
  EXPECT_THAT(error_of(
                  [] {
                    named({0, 2});
                  },
                  ErrorCode::kNotFound),
              AllOf(HasSubstr("no consolidated.01.pth"), HasSubstr("consolidated.02.pth")));
  EXPECT_THAT(error_of([] { named({1}); }, ErrorCode::kNotFound),
              HasSubstr("no consolidated.00.pth"));
  EXPECT_THAT(error_of([] { named({}); }, ErrorCode::kNotFound),
              HasSubstr("no consolidated.00.pth"));
}

// The whole of a tensor out of its slices.
std::vector<float> joined(const TensorEntry& entry) {
  if (entry.slices.empty()) return test::plain_floats(entry.view);
  const size_t n = entry.slices.size();
  Shape each = entry.view.shape;
  each[entry.axis] /= n;
  std::vector<float> out(entry.view.shape[0] * entry.view.shape[1]);
  for (size_t i = 0; i < n; ++i) {
    const auto part = test::plain_floats({entry.view.dtype, each, entry.slices[i]});
    for (size_t r = 0; r < each[0]; ++r) {
      const size_t row = entry.axis == 0 ? i * each[0] + r : r;
      const size_t column = entry.axis == 0 ? 0 : i * each[1];
      std::copy_n(part.begin() + static_cast<ptrdiff_t>(r * each[1]), each[1],
                  out.begin() + static_cast<ptrdiff_t>(row * entry.view.shape[1] + column));
    }
  }
  return out;
}

TEST(MetaShards, EveryTensorIsWholeAgain) {
  const TinyLlama model = TinyLlama().make();
  const TempDir one, four;
  model.write_meta(one.path(), 1);
  model.write_meta(four.path(), 4);
  const auto whole = Checkpoint::open(one.path()), cut = Checkpoint::open(four.path());
  EXPECT_EQ(whole->kind(), Kind::kMeta);
  EXPECT_EQ(cut->file_count(), 4u);
  EXPECT_EQ(cut->config_file(), "params.json");
  EXPECT_EQ(cut->tensor_bytes(), whole->tensor_bytes());
  ASSERT_EQ(cut->tensors().size(), whole->tensors().size());
  EXPECT_EQ(cut->tensors().size(), model.tensors.size());  // without the table of angles
  for (size_t i = 0; i < cut->tensors().size(); ++i) {
    const TensorEntry &a = whole->tensors()[i], &b = cut->tensors()[i];
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.view.shape, b.view.shape) << a.name;
    EXPECT_TRUE(a.slices.empty()) << a.name;
    EXPECT_EQ(b.slices.size(), a.view.shape.size() == 2 ? 4u : 0u) << a.name;
    EXPECT_EQ(joined(b), joined(a)) << a.name;
    cut->drop_pages(b);
    EXPECT_EQ(joined(b), joined(a)) << a.name << " after its pages were given back";
  }
}

TEST(MetaShards, AnotherTypeInOneFileIsRefused) {
  const TinyLlama model = TinyLlama().make();
  const TempDir dir;
  model.write_meta(dir.path(), 2);
  test::write_file(dir / "consolidated.01.pth",
                   TinyLlama::shard_bytes(model.meta_shards(2)[1], DType::kF16));
  EXPECT_THAT(error_of([&] { Checkpoint::open(dir.path()); }, ErrorCode::kCorrupt),
              AllOf(HasSubstr("consolidated.01.pth: tensor "), HasSubstr("f16"),
                    HasSubstr("in consolidated.00.pth it is f32")));
}

TEST(MetaShards, OneOfTheFilesNamesItsFolder) {
  const TempDir dir;
  TinyLlama().make().write_meta(dir.path(), 1);
  EXPECT_THAT(
      error_of([&] { Checkpoint::open(dir / "consolidated.00.pth"); }, ErrorCode::kUnsupported),
      HasSubstr("Name the folder: "));
}

}  // namespace
}  // namespace heng::checkpoint
