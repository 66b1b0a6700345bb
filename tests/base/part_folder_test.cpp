#include "base/part_folder.h"

#include <gtest/gtest.h>

#include "heng/error.h"
#include "support/file_bytes.h"

namespace heng {
namespace {

namespace fs = std::filesystem;

TEST(PartFolder, AppearsWholeAtTheEnd) {
  const test::TempDir folder;
  for (const char* name : {"new", "with slash/"}) {
    const fs::path out = folder / name;
    PartFolder part(out, 10);
    test::write_file(part.path() / "a", "x");
    EXPECT_FALSE(fs::exists(out));
    part.finish();
    EXPECT_TRUE(fs::exists(out / "a"));
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 2);
}

TEST(PartFolder, IsGoneWithoutAnEnd) {
  const test::TempDir folder;
  {
    const PartFolder part(folder / "new", 10);
    test::write_file(part.path() / "a", "x");
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(PartFolder, TakesTheNameOfAnEmptyFolderOnly) {
  const test::TempDir folder;
  fs::create_directory(folder / "empty");
  PartFolder(folder / "empty", 10).finish();
  fs::create_directory(folder / "full");
  test::write_file(folder / "full" / "a", "x");
  test::write_file(folder / "file", "x");
  EXPECT_THROW(PartFolder(folder / "full", 10), Error);
  EXPECT_THROW(PartFolder(folder / "file", 10), Error);
  EXPECT_THROW(PartFolder(folder / "no" / "such", 10), Error);
}

TEST(PartFolder, ChecksTheRoomFirst) {
  const test::TempDir folder;
  try {
    PartFolder(folder / "new", uint64_t{1} << 62);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kOutOfMemory) << e.what();
  }
}

}  // namespace
}  // namespace heng
