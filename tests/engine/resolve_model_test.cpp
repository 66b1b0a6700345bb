#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "heng/auto_model.h"

namespace heng {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// A model cache of its own for each test.
class ResolveModel : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() /
              ("heng-resolve-" + std::to_string(testing::UnitTest::GetInstance()->random_seed()) +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    setenv("HENG_MODELS", folder_.c_str(), 1);
  }
  void TearDown() override {
    unsetenv("HENG_MODELS");
    fs::remove_all(folder_);
  }
  fs::path add_file(const std::string& name) {
    std::ofstream(folder_ / name) << "x";
    return folder_ / name;
  }
  fs::path add_folder(const std::string& name) {
    fs::create_directories(folder_ / name);
    std::ofstream(folder_ / name / "config.json") << "{}";
    return folder_ / name;
  }
  std::string problem(const std::string& name) {
    try {
      resolve_model(name);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kNotFound);
      return error.what();
    }
    return "";
  }

  fs::path folder_;
};

TEST_F(ResolveModel, AFolderInMetasLayoutIsAModel) {
  fs::create_directories(folder_ / "llama-2-7b");
  std::ofstream(folder_ / "llama-2-7b" / "params.json") << "{}";
  EXPECT_EQ(resolve_model("llama"), folder_ / "llama-2-7b");
}

TEST_F(ResolveModel, TakesPathsAsTheyAre) {
  const fs::path file = add_file("anything.bin");
  EXPECT_EQ(resolve_model(file), file);
  EXPECT_EQ(resolve_model(folder_), folder_);
}

TEST_F(ResolveModel, FindsNamesInTheCache) {
  const fs::path small = add_file("SmolLM2-135M.Q4_1.gguf");
  const fs::path qwen = add_folder("Qwen-7B-Chat");
  EXPECT_EQ(resolve_model("SmolLM2-135M.Q4_1.gguf"), small);
  EXPECT_EQ(resolve_model("SmolLM2-135M.Q4_1"), small);
  EXPECT_EQ(resolve_model("smollm2-135m.q4_1"), small);
  EXPECT_EQ(resolve_model("smol"), small);
  EXPECT_EQ(resolve_model("qwen-7b-chat"), qwen);
  EXPECT_EQ(resolve_model("qwen"), qwen);
}

TEST_F(ResolveModel, PrefersTheWholeNameToABeginning) {
  const fs::path shorter = add_folder("qwen-7b");
  add_folder("qwen-7b-chat");
  EXPECT_EQ(resolve_model("Qwen-7B"), shorter);
}

TEST_F(ResolveModel, AmbiguousNameListsTheCandidates) {
  add_folder("qwen-7b");
  add_folder("qwen-14b");
  add_folder("llama");
  const std::string text = problem("qwen");
  EXPECT_THAT(text, HasSubstr("qwen-14b, qwen-7b"));
  EXPECT_THAT(text, Not(HasSubstr("llama")));
}

TEST_F(ResolveModel, UnknownNameSaysWhatIsThereAndHowToGetOne) {
  add_file("notes.txt");
  add_folder("llama");
  const std::string text = problem("mamba");
  EXPECT_THAT(text, HasSubstr("\"mamba\""));
  EXPECT_THAT(text, HasSubstr("holds llama."));
  EXPECT_THAT(text, HasSubstr("make chat"));
  EXPECT_THAT(problem(""), HasSubstr("no model \"\""));
  EXPECT_THAT(problem("../llama"), HasSubstr("no such folder or file"));
}

TEST_F(ResolveModel, MissingCacheIsNoCrash) {
  fs::remove_all(folder_);
  EXPECT_THAT(problem("qwen"), HasSubstr("holds no model"));
}

}  // namespace
}  // namespace heng
