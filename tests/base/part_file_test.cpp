#include "base/part_file.h"

#include <gtest/gtest.h>

#include "base/file_map.h"
#include "heng/error.h"
#include "support/file_bytes.h"

namespace heng {
namespace {

using test::as_bytes;

TEST(PartFile, HasItsNameOnceItIsWholeAndLeavesNoPart) {
  const test::TempDir folder;
  const auto path = folder.path() / "out.bin";
  PartFile file(path, 11);
  file.write(as_bytes("hello "));
  file.write(as_bytes("world"));
  EXPECT_EQ(file.written(), 11u);
  EXPECT_FALSE(std::filesystem::exists(path));
  file.finish();
  EXPECT_EQ(read_text_file(path, 100), "hello world");
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".part"));
}

TEST(PartFile, ThatIsNotFinishedLeavesWhatWasThereBefore) {
  const test::TempDir folder;
  const auto path = folder.path() / "out.bin";
  test::write_file(path, "before");
  {
    PartFile file(path, 5);
    file.write(as_bytes("after"));
  }
  EXPECT_EQ(read_text_file(path, 100), "before");
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".part"));
}

TEST(PartFile, WhereThereIsNoFolderIsAnErrorThatNamesIt) {
  try {
    PartFile("/no/such/folder/out.bin", 1);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kNotFound);
    EXPECT_NE(std::string(e.what()).find("/no/such/folder/out.bin"), std::string::npos);
  }
}

TEST(PartFile, ThatTheDiskHasNoRoomForIsRefusedBeforeAnythingIsWritten) {
  const test::TempDir folder;
  const auto path = folder.path() / "out.bin";
  try {
    PartFile(path, uint64_t{1} << 62);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kOutOfMemory);
    EXPECT_NE(std::string(e.what()).find("4,611,686,018,427,387,904"), std::string::npos);
  }
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".part"));
}

TEST(PartFile, AFullDiskIsAnErrorNotAShortFile) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  const test::TempDir folder;
  const auto path = folder.path() / "out.bin";
  std::filesystem::create_symlink("/dev/full", path.string() + ".part");
  PartFile file(path, 1);
  EXPECT_THROW(file.write(as_bytes("x")), Error);
}

}  // namespace
}  // namespace heng
