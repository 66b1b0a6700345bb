#include "base/bytes.h"

#include <gtest/gtest.h>

#include <functional>

#include "support/file_bytes.h"

namespace heng {
namespace {

std::string error_of(const std::function<void()>& read) {
  try {
    read();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
    return error.what();
  }
  return "no error";
}

TEST(ByteReader, ReadsLittleEndianAtAnyPlace) {
  const std::string bytes("\1\2\3\4\5\6\7\x08\xff", 9);
  ByteReader reader(test::as_bytes(bytes), "x");
  EXPECT_EQ(reader.read<uint8_t>("a"), 1);
  EXPECT_EQ(reader.read<uint32_t>("b"), 0x05040302u);
  EXPECT_EQ(reader.position(), 5u);
  EXPECT_EQ(reader.remaining(), 4u);
  EXPECT_EQ(reader.read<int32_t>("c"), static_cast<int32_t>(0xff080706));
  EXPECT_EQ(reader.remaining(), 0u);
}

TEST(ByteReader, TakesToTheLastByteAndNotFurther) {
  const std::string bytes = "abcd";
  ByteReader reader(test::as_bytes(bytes), "x.bin");
  EXPECT_EQ(reader.take(4, "all").size(), 4u);
  EXPECT_TRUE(reader.take(0, "nothing").empty());
  EXPECT_EQ(error_of([&] { reader.read<uint16_t>("the version"); }),
            "x.bin: the version at byte 4 needs 2 bytes, 0 are left. The file is damaged or "
            "incomplete.");
}

TEST(ByteReader, HugeCountsDoNotWrapAround) {
  const std::string bytes = "abcd";
  ByteReader reader(test::as_bytes(bytes), "x");
  reader.take(2, "half");
  for (const uint64_t n : {uint64_t{3}, uint64_t{1} << 32, uint64_t{1} << 63, UINT64_MAX}) {
    EXPECT_NE(error_of([&] { reader.take(n, "much"); }), "no error") << n;
  }
  EXPECT_EQ(reader.position(), 2u);
}

TEST(ByteReader, SeeksInsideTheBytesOnly) {
  const std::string bytes = "abcd";
  ByteReader reader(test::as_bytes(bytes), "x");
  reader.seek(3, "the end");
  EXPECT_EQ(reader.read<char>("d"), 'd');
  reader.seek(0, "the start");
  EXPECT_EQ(reader.read<char>("a"), 'a');
  EXPECT_NE(error_of([&] { reader.seek(5, "beyond"); }), "no error");
}

}  // namespace
}  // namespace heng
