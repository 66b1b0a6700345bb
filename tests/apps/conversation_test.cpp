#include "chat/conversation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "commands/npy_writer.h"

namespace heng {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Folder : public testing::Test {
 protected:
  void SetUp() override {
    path_ =
        fs::temp_directory_path() /
        (std::string("heng-apps-") + testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  void TearDown() override { fs::remove_all(path_); }

  std::string load_problem(const std::string& text) {
    std::ofstream(path_ / "c.json") << text;
    try {
      chat::load_conversation(path_ / "c.json");
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  fs::path path_;
};

using Conversation = Folder;
using NpyWriter = Folder;

TEST_F(Conversation, ComesBackAsItWasSaved) {
  const chat::Conversation before{"Be kind.", {{"你好\n", "\"hi\""}, {"a", ""}}};
  chat::save_conversation(before, path_ / "c.json");
  const chat::Conversation after = chat::load_conversation(path_ / "c.json");
  EXPECT_EQ(after.system, before.system);
  EXPECT_EQ(after.turns, before.turns);
  EXPECT_FALSE(fs::exists(path_ / "c.json.part"));
}

TEST_F(Conversation, IsForTheUserAlone) {
  chat::save_conversation({}, path_ / "c.json");
  EXPECT_EQ(fs::status(path_ / "c.json").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(Conversation, DoesNotReplaceOtherFiles) {
  std::ofstream(path_ / "notes.txt") << "dear diary";
  EXPECT_THROW(chat::save_conversation({}, path_ / "notes.txt"), Error);
  EXPECT_THROW(chat::save_conversation({}, path_ / "no" / "such" / "folder"), Error);
}

TEST_F(Conversation, WrongFilesAreRefusedByField) {
  EXPECT_THAT(load_problem("not json"), HasSubstr("c.json"));
  EXPECT_THAT(load_problem("{}"), HasSubstr("messages"));
  EXPECT_THAT(load_problem(R"({"messages": [{"role": "user"}]})"), HasSubstr("\"content\""));
  EXPECT_THAT(load_problem(R"({"messages": [{"role": "user", "content": "x"}]})"),
              HasSubstr("messages[0]"));
  EXPECT_THAT(load_problem(R"({"messages": [5]})"), HasSubstr("messages[0]"));
}

TEST_F(NpyWriter, AppearsWhenItIsWhole) {
  const std::vector<float> row = {1, 2, 3};
  {
    commands::NpyWriter cut(path_ / "x.npy", 2, 3);
    cut.write(row);
  }
  EXPECT_TRUE(fs::is_empty(path_));
  commands::NpyWriter file(path_ / "x.npy", 1, 3);
  file.write(row);
  EXPECT_FALSE(fs::exists(path_ / "x.npy"));
  file.finish();
  EXPECT_EQ(fs::file_size(path_ / "x.npy"), 128u + 12u);
}

}  // namespace
}  // namespace heng
