#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zip.h>

#include "checkpoint/parse.h"
#include "checkpoint/zip_directory.h"
#include "support/torch_builder.h"

namespace heng::checkpoint {
namespace {

using test::as_bytes;
using test::Pickle;
using test::TempDir;
using test::TorchBuilder;
using test::ZipBuilder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<float> kSix{1, 2, 3, 4, 5, 6};

ParsedFile parse(const std::string& bytes) {
  return parse_torch_file(as_bytes(bytes), "pytorch_model-00002.bin");
}

std::string error_of(const std::string& bytes) {
  try {
    parse(bytes);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// The one tensor over a storage of 1 to 6.
std::vector<float> numbers_of(const std::vector<int32_t>& shape,
                              const std::vector<int32_t>& strides, int32_t offset = 0) {
  const std::string bytes = TorchBuilder().add("w", shape, strides, kSix, offset).bytes();
  return test::plain_floats(parse(bytes).tensors.at(0).view);
}

// An archive as libzip writes it.
std::string zip_by_libzip(const std::string& data, zip_int32_t method) {
  const TempDir dir;
  const std::string path = (dir / "a.zip").string();
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE, nullptr);
  for (const char* name : {"m/first", "m/second"}) {
    const auto index =
        zip_file_add(archive, name, zip_source_buffer(archive, data.data(), data.size(), 0), 0);
    zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), method, 0);
  }
  EXPECT_EQ(zip_close(archive), 0);
  return test::read_file(path);
}

TEST(TorchFile, PointsAtContiguousTensorsInTheFile) {
  const std::string bytes = TorchBuilder().add("w", {2, 3}, {3, 1}, kSix).bytes();
  const ParsedFile file = parse(bytes);
  EXPECT_TRUE(file.owned.empty());
  EXPECT_EQ(test::plain_floats(file.tensors.at(0).view), kSix);
  EXPECT_GE(file.tensors[0].view.data, as_bytes(bytes).data());
  EXPECT_LT(file.tensors[0].view.data, as_bytes(bytes).data() + bytes.size());
}

TEST(TorchFile, MakesOtherTensorsContiguous) {
  EXPECT_THAT(numbers_of({3, 2}, {1, 3}), ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_THAT(numbers_of({3}, {2}), ElementsAre(1, 3, 5));
  EXPECT_THAT(numbers_of({2, 2}, {3, 1}, 1), ElementsAre(2, 3, 5, 6));
  EXPECT_THAT(numbers_of({2, 1, 3}, {1, 77, 2}), ElementsAre(1, 3, 5, 2, 4, 6));
  EXPECT_THAT(numbers_of({2}, {0}, 5), ElementsAre(6, 6));
}

TEST(TorchFile, ReadsPartsOfAStorage) {
  EXPECT_THAT(numbers_of({2}, {1}, 4), ElementsAre(5, 6));
  EXPECT_THAT(numbers_of({}, {}, 3), ElementsAre(4));
  EXPECT_THAT(numbers_of({1, 3}, {1000, 1}), ElementsAre(1, 2, 3));  // a size of 1 has no stride
  EXPECT_TRUE(numbers_of({0, 3}, {3, 1}, 6).empty());
}

TEST(TorchFile, SharesStoragesBetweenTiedTensors) {
  TorchBuilder file;
  file.pickle().text("wte").tensor("FloatStorage", "s", 6, 0, {6}, {1});
  file.pickle().text("lm_head").tensor("FloatStorage", "s", 6, 0, {3, 2}, {2, 1});
  const std::string bytes = file.add_storage("s", test::plain_bytes(DType::kF32, kSix)).bytes();
  const ParsedFile parsed = parse(bytes);
  ASSERT_EQ(parsed.tensors.size(), 2u);
  EXPECT_EQ(parsed.tensors[0].view.data, parsed.tensors[1].view.data);
}

TEST(TorchFile, ReadsWhatStateDictsCarryBesideTensors) {
  // A parameter, a number, a text, and the version numbers that BUILD attaches to the dictionary.
  Pickle pickle(2);
  pickle.ordered_dict().mark();
  pickle.text("w").global("torch._utils", "_rebuild_parameter").mark();
  pickle.tensor("FloatStorage", "s", 6, 0, {6}, {1}).new_false().ordered_dict().tuple().reduce();
  pickle.text("epoch").integer(3).text("name").text("x").text("none").none().set_items();
  pickle.empty_dict().text("_metadata").ordered_dict().op('s').op('b');
  const std::string bytes = TorchBuilder()
                                .add_storage("s", test::plain_bytes(DType::kF32, kSix))
                                .zip_around(pickle.bytes())
                                .bytes();
  const ParsedFile file = parse(bytes);
  ASSERT_EQ(file.tensors.size(), 1u);
  EXPECT_EQ(test::plain_floats(file.tensors[0].view), kSix);
}

TEST(TorchFile, ReadsEveryStorageType) {
  const std::vector<std::pair<const char*, DType>> types{
      {"DoubleStorage", DType::kF64}, {"FloatStorage", DType::kF32},
      {"HalfStorage", DType::kF16},   {"BFloat16Storage", DType::kBF16},
      {"LongStorage", DType::kI64},   {"IntStorage", DType::kI32},
      {"ShortStorage", DType::kI16},  {"CharStorage", DType::kI8},
      {"ByteStorage", DType::kU8},    {"BoolStorage", DType::kBool},
      {"UntypedStorage", DType::kU8}};
  for (const auto& [name, dtype] : types) {
    TorchBuilder file;
    file.pickle().text("w").tensor(name, "s", 3, 0, {3}, {1});
    file.add_storage("s", std::string(3 * dtype_size(dtype).block_bytes, '\1'));
    const std::string bytes = file.bytes();
    EXPECT_EQ(parse(bytes).tensors.at(0).view.dtype, dtype) << name;
  }
}

TEST(TorchFile, ReadsTheOpcodesOfLaterProtocols) {
  Pickle pickle(4);
  pickle.op(0x95).append(test::little_endian(uint64_t{8})).empty_dict().memoize().mark();
  pickle.append("\x8c\1w").memoize().stack_global("torch._utils", "_rebuild_tensor_v2").mark();
  pickle.storage("FloatStorage", "s", 6).op('M').append(std::string("\0\0", 2));
  pickle.integers({6}).long1("\1").op(0x85).op(0x88).ordered_dict().tuple().reduce().set_items();
  const std::string bytes = TorchBuilder()
                                .add_storage("s", test::plain_bytes(DType::kF32, kSix))
                                .zip_around(pickle.bytes())
                                .bytes();
  EXPECT_EQ(test::plain_floats(parse(bytes).tensors.at(0).view), kSix);
}

TEST(TorchFile, SaysWhatAnAttackWouldHaveCalled) {
  Pickle pickle(2);
  pickle.empty_dict().mark().text("w");
  const size_t at = pickle.size();
  pickle.global("posix", "system").text("id").op(0x85).reduce().set_items();
  EXPECT_EQ(error_of(TorchBuilder().zip_around(pickle.bytes()).bytes()),
            "pytorch_model-00002.bin: refuses posix.system (pickle opcode at byte " +
                std::to_string(at) +
                "). Nothing was run. A safetensors copy of the model is safe.");
}

TEST(TorchFile, RefusesRepeatedRowsInsteadOfAllocatingThem) {
  EXPECT_THAT(error_of(TorchBuilder().add("w", {1 << 20, 1 << 20}, {0, 0}, kSix).bytes()),
              HasSubstr("tensor w [1048576, 1048576] repeats stored numbers"));
}

TEST(ZipDirectory, AgreesWithTheBuilderInAllLayouts) {
  for (const bool zip64 : {false, true}) {
    ZipBuilder zip;
    zip.zip64 = zip64;
    zip.comment = "PK\5\6 a comment that starts like an end record";
    const std::string bytes = zip.add("a", "first").add("b/c", "").add("d", "third").bytes();
    const auto entries = read_zip_directory(as_bytes(bytes), "x.bin");
    ASSERT_EQ(entries.size(), 3u);
    EXPECT_EQ(entries.at("a").data() + 5 - as_bytes(bytes).data(),
              static_cast<ptrdiff_t>(bytes.find("first") + 5));
    EXPECT_TRUE(entries.at("b/c").empty());
    EXPECT_EQ(entries.at("d").size(), 5u);
  }
}

TEST(ZipDirectory, TakesSizesFromTheZip64FieldAndAfterTheData) {
  ZipBuilder zip;
  zip.add("a", "data");
  auto& entry = zip.entries[0];
  entry.flags = 0x0808;  // sizes after the data, UTF-8 names: as PyTorch's writer sets them
  entry.local_stored = entry.local_full = 0;
  entry.central_stored = entry.central_full = UINT32_MAX;
  entry.central_extra = std::string("\x99\x99\1\0x\1\0\20\0", 9) +
                        test::little_endian(uint64_t{4}) + test::little_endian(uint64_t{4});
  const std::string bytes = zip.bytes();
  EXPECT_EQ(read_zip_directory(as_bytes(bytes), "x.bin").at("a").size(), 4u);
}

TEST(ZipDirectory, ReadsWhatLibzipStores) {
  const std::string data(1000, 'x');
  const std::string bytes = zip_by_libzip(data, ZIP_CM_STORE);
  const auto entries = read_zip_directory(as_bytes(bytes), "x.bin");
  ASSERT_EQ(entries.size(), 2u);
  for (const auto& [name, part] : entries) {
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(part.data()), part.size()), data) << name;
  }
}

TEST(ZipDirectory, RefusesWhatLibzipDeflates) {
  const std::string bytes = zip_by_libzip(std::string(1000, 'x'), ZIP_CM_DEFLATE);
  try {
    read_zip_directory(as_bytes(bytes), "x.bin");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_EQ(
        std::string(error.what()),
        "x.bin: entry m/first of the archive is compressed (method 8), which torch.save never "
        "does. Save the model again.");
  }
}

}  // namespace
}  // namespace heng::checkpoint
