#include "checkpoint/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "support/gguf_builder.h"
#include "support/safetensors_builder.h"
#include "support/torch_builder.h"

namespace heng::checkpoint {
namespace {

using test::GgufBuilder;
using test::SafetensorsBuilder;
using test::TempDir;
using test::TorchBuilder;
using test::write_file;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const std::vector<float> kSix{1, 2, 3, 4, 5, 6};
const std::vector<float> kOther{7, 8, 9, 10, 11, 12};
constexpr const char* kFirst = "model-00001-of-00002.safetensors";
constexpr const char* kSecond = "model-00002-of-00002.safetensors";

std::string error_of(const std::filesystem::path& path, ErrorCode code) {
  try {
    Checkpoint::open(path);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
    return error.what();
  }
  return "no error";
}

// config.json and two shards, a in the first and b in the second.
void write_shards(const TempDir& dir) {
  write_file(dir / "config.json", R"({"model_type": "tiny"})");
  SafetensorsBuilder().add("a", {6}, kSix).write(dir / kFirst);
  SafetensorsBuilder().add("b", {2, 3}, kOther).write(dir / kSecond);
  write_file(dir / "model.safetensors.index.json",
             Json{{"weight_map", {{"a", kFirst}, {"b", kSecond}}}}.dump());
}

void write_index(const TempDir& dir, const Json& weight_map) {
  write_file(dir / "model.safetensors.index.json", Json{{"weight_map", weight_map}}.dump());
}

TEST(Checkpoint, OpensAFolderWithOneFile) {
  const TempDir dir;
  write_file(dir / "config.json", R"({"hidden_size": 64})");
  write_file(dir / "generation_config.json", R"({"top_p": 0.8})");
  SafetensorsBuilder()
      .add("b", {6}, kSix)
      .add("a", {2, 3}, kOther)
      .write(dir / "model.safetensors");
  const auto checkpoint = Checkpoint::open(dir.path());
  EXPECT_EQ(checkpoint->kind(), Kind::kHuggingFace);
  EXPECT_EQ(checkpoint->config()["hidden_size"], 64);
  EXPECT_EQ(checkpoint->config_file(), "config.json");
  EXPECT_EQ(checkpoint->generation_config().value()["top_p"], 0.8);
  EXPECT_EQ(checkpoint->file_count(), 1u);
  EXPECT_EQ(checkpoint->tensor_bytes(), 48u);
  ASSERT_EQ(checkpoint->tensors().size(), 2u);
  EXPECT_EQ(checkpoint->tensors()[0].name, "a");
  EXPECT_EQ(test::plain_floats(checkpoint->find("a")->view), kOther);
  EXPECT_EQ(test::plain_floats(checkpoint->find("b")->view), kSix);
  EXPECT_EQ(checkpoint->find("c"), nullptr);
  EXPECT_EQ(checkpoint->find(""), nullptr);
}

TEST(Checkpoint, JoinsShardsByTheirIndex) {
  const TempDir dir;
  write_shards(dir);
  const auto checkpoint = Checkpoint::open(dir.path());
  EXPECT_EQ(checkpoint->file_count(), 2u);
  EXPECT_FALSE(checkpoint->generation_config().has_value());
  EXPECT_EQ(test::plain_floats(checkpoint->find("a")->view), kSix);
  EXPECT_EQ(test::plain_floats(checkpoint->find("b")->view), kOther);
  EXPECT_EQ(checkpoint->find("b")->file, kSecond);
}

TEST(Checkpoint, FollowsLinksAsTheHubsCacheMakesThem) {
  const TempDir dir, blobs;
  write_file(dir / "config.json", "{}");
  SafetensorsBuilder().add("a", {6}, kSix).write(blobs / "0123abcd");
  std::filesystem::create_symlink(blobs / "0123abcd", dir / "model.safetensors");
  EXPECT_EQ(test::plain_floats(Checkpoint::open(dir.path())->find("a")->view), kSix);
}

TEST(Checkpoint, PrefersSafetensorsOverTorchFiles) {
  const TempDir dir;
  write_file(dir / "config.json", "{}");
  write_file(dir / "pytorch_model.bin", TorchBuilder().add("a", {6}, {1}, kOther).bytes());
  EXPECT_EQ(test::plain_floats(Checkpoint::open(dir.path())->find("a")->view), kOther);
  SafetensorsBuilder().add("a", {6}, kSix).write(dir / "gptq_model-4bit-128g.safetensors");
  EXPECT_EQ(test::plain_floats(Checkpoint::open(dir.path())->find("a")->view), kSix);
}

TEST(Checkpoint, JoinsTorchShardsAndKeepsCopies) {
  const TempDir dir;
  write_file(dir / "config.json", "{}");
  write_file(dir / "x-1.bin", TorchBuilder().add("a", {3, 2}, {1, 3}, kSix).bytes());
  write_file(dir / "x-2.bin", TorchBuilder().add("b", {6}, {1}, kOther).bytes());
  write_file(dir / "pytorch_model.bin.index.json",
             R"({"weight_map": {"a": "x-1.bin", "b": "x-2.bin"}})");
  const auto checkpoint = Checkpoint::open(dir.path());
  EXPECT_EQ(test::plain_floats(checkpoint->find("a")->view),
            (std::vector<float>{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(test::plain_floats(checkpoint->find("b")->view), kOther);
}

TEST(Checkpoint, OpensAGgufFileByAnyName) {
  const TempDir dir;
  for (const char* name : {"tiny.gguf", "sha256-0123"}) {
    GgufBuilder().set("general.architecture", "llama").add("a", {6}, kSix).write(dir / name);
    const auto checkpoint = Checkpoint::open(dir / name);
    EXPECT_EQ(checkpoint->kind(), Kind::kGguf);
    EXPECT_EQ(checkpoint->config_file(), name);
    EXPECT_EQ(checkpoint->config()["general.architecture"], "llama");
    EXPECT_EQ(test::plain_floats(checkpoint->find("a")->view), kSix);
  }
}

TEST(Checkpoint, DroppedPagesAreReadAgain) {
  const TempDir dir;
  const std::vector<float> many(100'000, 3);
  GgufBuilder().add("a", {100'000}, many).add("b", {6}, kSix).write(dir / "tiny.gguf");
  const auto checkpoint = Checkpoint::open(dir / "tiny.gguf");
  EXPECT_EQ(test::plain_floats(checkpoint->find("a")->view), many);
  checkpoint->drop_pages(*checkpoint->find("a"));
  EXPECT_EQ(test::plain_floats(checkpoint->find("a")->view), many);
  EXPECT_EQ(test::plain_floats(checkpoint->find("b")->view), kSix);
}

TEST(Checkpoint, NamesTheMissingShard) {
  const TempDir dir;
  write_shards(dir);
  std::filesystem::remove(dir / kSecond);
  EXPECT_EQ(error_of(dir.path(), ErrorCode::kNotFound),
            std::string("model.safetensors.index.json: names ") + kSecond +
                ", which is not in the folder (1 of 2 shards are missing). The download is "
                "incomplete: fetch what is missing.");
}

TEST(Checkpoint, NamesTheTruncatedShard) {
  const TempDir dir;
  write_shards(dir);
  const std::string bytes = test::read_file(dir / kSecond);
  write_file(dir / kSecond, bytes.substr(0, bytes.size() - 3));
  EXPECT_THAT(error_of(dir.path(), ErrorCode::kCorrupt),
              AllOf(HasSubstr(std::string(kSecond) + ": tensor b ends at byte"),
                    HasSubstr("The download is incomplete")));
}

TEST(Checkpoint, RefusesATensorInTwoShards) {
  const TempDir dir;
  write_shards(dir);
  SafetensorsBuilder().add("a", {6}, kSix).add("b", {6}, kSix).write(dir / kSecond);
  EXPECT_THAT(error_of(dir.path(), ErrorCode::kCorrupt), HasSubstr("tensor a is also in"));
}

TEST(Checkpoint, RefusesAnIndexThatDoesNotFitItsFiles) {
  const TempDir dir;
  write_shards(dir);
  write_index(dir, {{"a", kSecond}, {"b", kFirst}});
  EXPECT_THAT(error_of(dir.path(), ErrorCode::kCorrupt),
              HasSubstr(std::string("tensor a should be in ") + kSecond + ", but is in " + kFirst));
  write_index(dir, {{"a", kFirst}, {"b", kSecond}, {"c", kSecond}});
  EXPECT_THAT(error_of(dir.path(), ErrorCode::kCorrupt),
              HasSubstr(std::string("tensor c should be in ") + kSecond + ", but is not there"));
}

TEST(Checkpoint, NeverLeavesTheFolder) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "model");
  write_file(dir / "model/config.json", "{}");
  SafetensorsBuilder().add("a", {6}, kSix).write(dir / "secret.safetensors");
  for (const std::string& name :
       {std::string("../secret.safetensors"), (dir / "secret.safetensors").string()}) {
    write_file(dir / "model/model.safetensors.index.json",
               Json{{"weight_map", {{"a", name}}}}.dump());
    EXPECT_THAT(error_of(dir / "model", ErrorCode::kCorrupt),
                HasSubstr("weight_map.a: expected the plain name"));
  }
}

TEST(Checkpoint, SaysWhatAPathIsInsteadOfAModel) {
  const TempDir dir;
  EXPECT_THAT(error_of(dir / "none", ErrorCode::kNotFound), HasSubstr("no such file or folder"));
  EXPECT_THAT(error_of(dir.path(), ErrorCode::kNotFound), HasSubstr("has no config.json"));
  write_file(dir / "notes.txt", "hello, world");
  EXPECT_THAT(error_of(dir / "notes.txt", ErrorCode::kCorrupt), HasSubstr("no GGUF file"));
  write_file(dir / "empty.gguf", "");
  EXPECT_THAT(error_of(dir / "empty.gguf", ErrorCode::kCorrupt), HasSubstr("the file is empty"));
  EXPECT_THAT(error_of(dir.path(), ErrorCode::kNotFound), HasSubstr("Name the file: "));
  SafetensorsBuilder().write(dir / "model.safetensors");
  EXPECT_THAT(error_of(dir / "model.safetensors", ErrorCode::kUnsupported),
              HasSubstr("Name the folder: "));
  write_file(dir / "consolidated.00.pth", "");
  EXPECT_THAT(error_of(dir.path(), ErrorCode::kNotFound), HasSubstr("needs params.json"));
  write_file(dir / "adapter_config.json", "{}");
  EXPECT_THAT(error_of(dir.path(), ErrorCode::kNotFound), HasSubstr("LoRA adapter"));
  EXPECT_THAT(error_of("/dev/null", ErrorCode::kUnsupported), HasSubstr("plain file"));
}

TEST(Checkpoint, SaysWhichWeightsAreMissing) {
  const TempDir dir;
  write_file(dir / "config.json", "{}");
  EXPECT_THAT(error_of(dir.path(), ErrorCode::kNotFound), HasSubstr("has no weights"));
  SafetensorsBuilder().write(dir / kFirst);
  EXPECT_THAT(error_of(dir.path(), ErrorCode::kNotFound),
              HasSubstr("no model.safetensors.index.json"));
}

TEST(Checkpoint, RefusesAConfigurationThatIsNone) {
  const TempDir dir;
  SafetensorsBuilder().write(dir / "model.safetensors");
  for (const char* text : {"", "[]", "null", "{", "{\"a\":1,\"a\":2}", "{} x"}) {
    write_file(dir / "config.json", text);
    EXPECT_THAT(error_of(dir.path(), ErrorCode::kCorrupt), HasSubstr("config.json: ")) << text;
  }
  write_file(dir / "config.json", "{}");
  write_file(dir / "generation_config.json", "7");
  EXPECT_THAT(error_of(dir.path(), ErrorCode::kCorrupt), HasSubstr("generation_config.json: "));
}

TEST(Checkpoint, DoesNotReadAConfigurationOfAnySize) {
  const TempDir dir;
  write_file(dir / "config.json", "{}");
  std::filesystem::resize_file(dir / "config.json", uint64_t{1} << 40);  // a hole: takes no disk
  EXPECT_THAT(error_of(dir.path(), ErrorCode::kCorrupt), HasSubstr("expected at most 16777216"));
}

TEST(Checkpoint, DoesNotWaitForAPipe) {
  const TempDir dir;
  ASSERT_EQ(::mkfifo((dir / "config.json").c_str(), 0600), 0);
  EXPECT_THAT(error_of(dir.path(), ErrorCode::kUnsupported), HasSubstr("expected a plain file"));
}

}  // namespace
}  // namespace heng::checkpoint
