#include "base/file_map.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <functional>

#include "heng/error.h"
#include "support/file_bytes.h"

namespace heng {
namespace {

using test::TempDir;
using test::write_file;

ErrorCode code_of(const std::function<void()>& read) {
  try {
    read();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return ErrorCode::kInternal;
}

std::string text_of(const FileMap& map) {
  return {reinterpret_cast<const char*>(map.bytes().data()), map.bytes().size()};
}

TEST(FileMap, HoldsTheFile) {
  const TempDir dir;
  write_file(dir / "a", "hello");
  const FileMap map(dir / "a");
  EXPECT_EQ(text_of(map), "hello");
  EXPECT_EQ(map.path(), dir / "a");
}

TEST(FileMap, AnEmptyFileHasNoBytes) {
  const TempDir dir;
  write_file(dir / "a", "");
  EXPECT_TRUE(FileMap(dir / "a").bytes().empty());
}

TEST(FileMap, KeepsItsBytesWhenMoved) {
  const TempDir dir;
  write_file(dir / "a", "first");
  write_file(dir / "b", "second");
  FileMap a(dir / "a"), b(dir / "b");
  const std::byte* data = a.bytes().data();
  FileMap moved(std::move(a));
  EXPECT_EQ(moved.bytes().data(), data);
  EXPECT_TRUE(a.bytes().empty());  // NOLINT: what a moved-from map promises
  b = std::move(moved);
  EXPECT_EQ(text_of(b), "first");
}

TEST(FileMap, OutlivesTheNameOfTheFile) {
  const TempDir dir;
  write_file(dir / "a", "hello");
  const FileMap map(dir / "a");
  std::filesystem::remove(dir / "a");
  EXPECT_EQ(text_of(map), "hello");
}

TEST(FileMap, DroppedPagesComeBackFromTheFile) {
  const TempDir dir;
  const std::string text(100'000, 'x');
  write_file(dir / "a", text);
  const FileMap map(dir / "a");
  EXPECT_EQ(text_of(map), text);
  map.drop_pages(map.bytes());
  map.drop_pages(map.bytes().subspan(99'999));
  map.drop_pages({});
  EXPECT_EQ(text_of(map), text);
}

TEST(FileMap, RefusesWhatIsNoPlainFile) {
  const TempDir dir;
  EXPECT_EQ(code_of([&] { FileMap map(dir / "none"); }), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { FileMap map(dir.path()); }), ErrorCode::kUnsupported);
  EXPECT_EQ(code_of([&] { FileMap map("/dev/zero"); }), ErrorCode::kUnsupported);
  ASSERT_EQ(::mkfifo((dir / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(code_of([&] { FileMap map(dir / "pipe"); }), ErrorCode::kUnsupported);
}

TEST(ReadTextFile, ReadsUpToItsLimit) {
  const TempDir dir;
  write_file(dir / "a", std::string("a\0b\n", 4));
  EXPECT_EQ(read_text_file(dir / "a", 4), std::string("a\0b\n", 4));
  EXPECT_EQ(code_of([&] { read_text_file(dir / "a", 3); }), ErrorCode::kCorrupt);
  EXPECT_EQ(code_of([&] { read_text_file(dir / "none", 3); }), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace heng
