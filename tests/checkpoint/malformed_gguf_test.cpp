// Malformed .gguf files, for malformed_files_test.cpp.
#include "malformed.h"
#include "support/gguf_builder.h"

namespace heng::test {
namespace {

using Type = GgufBuilder::ValueType;

const std::vector<float> kSix{1, 2, 3, 4, 5, 6};

GgufBuilder good() {
  return GgufBuilder()
      .set("general.architecture", "llama")
      .set("general.alignment", 32u)
      .set("list", std::vector<int32_t>{1, 2})
      .add("a", {2, 3}, kSix)
      .raw_tensor("q", 2, {1, 32}, std::string(18, 1));
}

std::string list_of(uint32_t type, uint64_t count, std::string_view items = "") {
  return little_endian(type) + little_endian(count) + std::string(items);
}

void add_heads(MalformedFiles& files) {
  for (const uint32_t version : {0u, 1u, 4u, 1u << 31, UINT32_MAX}) {
    GgufBuilder file = good();
    file.version = version;
    files.add("version " + std::to_string(version), file.bytes(), "GGUF version");
  }
  for (const uint32_t version : {2u << 24, 3u << 24}) {
    GgufBuilder file = good();
    file.version = version;
    files.add("big-endian", file.bytes(), "big-endian");
  }
  for (const char* magic : {"GGML", "ggjt", "gguf", "FUGG", "PK\3\4"}) {
    files.add(std::string("magic ") + magic, magic + good().bytes().substr(4), "no GGUF file");
  }
  for (const uint64_t count : {uint64_t{3}, uint64_t{1000}, uint64_t{1} << 31, uint64_t{1} << 32,
                               uint64_t{1} << 63, UINT64_MAX, UINT64_MAX / 25}) {
    files.add("tensor count " + std::to_string(count), good().bytes_with_counts(count, 3));
    files.add("metadata count " + std::to_string(count + 1),
              good().bytes_with_counts(2, count + 1));
  }
}

void add_metadata(MalformedFiles& files) {
  for (const uint32_t type : {13u, 14u, 255u, 1u << 31, UINT32_MAX}) {
    files.add("value type " + std::to_string(type),
              good().raw("key", type, std::string(64, 0)).bytes(), "key: unknown value type");
    files.add("list of type " + std::to_string(type),
              good().raw("key", Type::kArray, list_of(type, 0)).bytes(), "key: unknown value type");
  }
  files.add("a list of lists",
            good().raw("key", Type::kArray, list_of(Type::kArray, 1, std::string(64, 0))).bytes(),
            "key: a list of lists");
  for (const uint64_t count :
       {uint64_t{1000}, uint64_t{16'777'217}, uint64_t{1} << 31, uint64_t{1} << 32,
        uint64_t{1} << 61, uint64_t{1} << 63, UINT64_MAX}) {
    for (uint32_t type = Type::kU8; type <= Type::kF64; ++type) {
      files.add(std::to_string(count) + " items of type " + std::to_string(type),
                good().raw("key", Type::kArray, list_of(type, count)).bytes(), "key");
    }
    const std::string claim = "a text of " + std::to_string(count) + " bytes";
    files.add(claim, good().raw("key", Type::kString, little_endian(count)).bytes(), "key");
    files.add(
        claim + " in a list",
        good().raw("key", Type::kArray, list_of(Type::kString, 1, little_endian(count))).bytes(),
        "key");
  }
  for (const int value : {2, 3, 128, 255}) {
    files.add("neither true nor false: " + std::to_string(value),
              good().raw("key", Type::kBool, std::string(1, static_cast<char>(value))).bytes(),
              "key: expected true");
  }
  files.add("a key twice", good().set("list", 1u).bytes(), "list is there twice");
  files.add("an empty key", good().set("", 1u).bytes(), "is empty");
  files.add("a long key", good().set(std::string(65536, 'k'), 1u).bytes(), "65,536");
  for (const uint32_t parts : {2u, 8u, 65535u}) {
    files.add("a split of " + std::to_string(parts), good().set("split.count", parts).bytes(),
              "split model");
  }
  files.add("splits as text", good().set("split.count", "two").bytes(), "split.count");
  files.add("more splits than possible", good().set("split.count", 70000u).bytes(), "split.count");
}

std::string with_alignment(uint32_t value) {
  return GgufBuilder().set("general.alignment", value).add("a", {2, 3}, kSix).bytes();
}

void add_tensors(MalformedFiles& files) {
  for (const uint32_t value : {0u, 3u, 31u, 33u, 48u, 1u << 21, 1u << 31, UINT32_MAX}) {
    files.add("alignment " + std::to_string(value), with_alignment(value), "general.alignment");
  }
  files.add("alignment as text",
            GgufBuilder().set("general.alignment", "32").add("a", {2, 3}, kSix).bytes(),
            "general.alignment");
  for (const uint32_t type :
       {4u, 5u, 9u, 15u, 16u, 20u, 23u, 31u, 34u, 39u, 40u, 1u << 31, UINT32_MAX}) {
    files.add("ggml type " + std::to_string(type),
              GgufBuilder().raw_tensor("t", type, {256}, std::string(1024, 0)).bytes(),
              "Supported: F32 F16");
  }
  for (const size_t dims : {5u, 6u, 100u}) {
    files.add(std::to_string(dims) + " dimensions",
              GgufBuilder().raw_tensor("t", 0, Shape(dims, 1), "abcd").bytes(), "dimensions");
  }
  const uint64_t big = uint64_t{1} << 62;
  for (const Shape& shape :
       {Shape{7}, Shape{2, 4}, Shape{big, 4}, Shape{UINT64_MAX}, Shape{big, 2, 2, 2},
        Shape{uint64_t{1} << 32, uint64_t{1} << 32}, Shape{uint64_t{1} << 63}, Shape{INT64_MAX},
        Shape{uint64_t{1} << 31}, Shape{uint64_t{1} << 32}, Shape{UINT64_MAX, UINT64_MAX}}) {
    files.add("f32 " + to_string(shape), GgufBuilder().raw_tensor("t", 0, shape, "").bytes(), "t");
    files.add("q4_0 " + to_string(shape), GgufBuilder().raw_tensor("t", 2, shape, "").bytes(), "t");
  }
  for (const uint32_t type : {2u, 3u, 6u, 7u, 8u, 10u, 11u, 12u, 13u, 14u}) {
    files.add("half a block of type " + std::to_string(type),
              GgufBuilder().raw_tensor("t", type, {2, 16}, std::string(512, 0)).bytes(),
              "expected a multiple of");
  }
  for (const uint64_t offset : {uint64_t{1}, uint64_t{16}, uint64_t{31}, uint64_t{33}}) {
    files.add("unaligned by " + std::to_string(offset),
              good().tensor_at("t", 0, {1}, offset).bytes(), "expected a multiple of");
  }
  for (const uint64_t offset :
       {uint64_t{96}, uint64_t{1} << 31, uint64_t{1} << 32, uint64_t{1} << 63, uint64_t{0} - 32,
        uint64_t{0} - 64, uint64_t{0} - 256, uint64_t{0} - 288}) {
    files.add("offset " + std::to_string(offset), good().tensor_at("t", 0, {1}, offset).bytes(),
              "tensor t");
  }
  files.add("overlap", good().tensor_at("t", 0, {1}, 0).bytes(), "inside tensor");
  files.add("a tensor twice", good().add("a", {2, 3}, kSix).bytes(), "twice");
  files.add("a tensor without a name", good().add("", {2, 3}, kSix).bytes(), "is empty");
}

}  // namespace

std::vector<MalformedFile> malformed_gguf() {
  MalformedFiles files(Reader::kGguf);
  add_heads(files);
  add_metadata(files);
  add_tensors(files);
  const std::string bytes = good().bytes();
  files.add_truncations(bytes);
  files.add_flips(bytes);
  files.add_numbers(bytes, bytes.size());
  return files.take();
}

}  // namespace heng::test
