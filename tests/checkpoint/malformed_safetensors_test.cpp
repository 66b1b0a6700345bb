// Malformed .safetensors files, for malformed_files_test.cpp.
#include "malformed.h"
#include "support/safetensors_builder.h"

namespace heng::test {
namespace {

const std::vector<float> kSix{1, 2, 3, 4, 5, 6};

SafetensorsBuilder good() {
  return SafetensorsBuilder().add("a", {2, 3}, kSix).add("b", {6}, kSix, DType::kF16);
}

std::string with_field(const char* key, const Json& value) {
  SafetensorsBuilder file = good();
  file.header()["a"][key] = value;
  return file.bytes();
}

std::string without_field(const char* key) {
  SafetensorsBuilder file = good();
  file.header()["a"].erase(key);
  return file.bytes();
}

std::string with_length(uint64_t length) {
  std::string bytes = good().bytes();
  std::memcpy(bytes.data(), &length, 8);
  return bytes;
}

void add_header_lengths(MalformedFiles& files) {
  const uint64_t right = good().header().dump().size();
  for (const uint64_t length :
       {uint64_t{0}, uint64_t{1}, right - 1, right + 1, right + 37, uint64_t{100'000'001},
        uint64_t{1} << 31, uint64_t{1} << 32, uint64_t{1} << 63, UINT64_MAX, UINT64_MAX - 7}) {
    files.add("header length " + std::to_string(length), with_length(length));
  }
}

void add_header_texts(MalformedFiles& files) {
  for (const char* text : {"",
                           "{",
                           "[]",
                           "null",
                           "7",
                           "\"a\"",
                           " {}",
                           "\n{}",
                           "{}x",
                           "{}{}",
                           "{'a':1}",
                           "{\"a\":}",
                           "{\"a\":{}}",
                           "{\"a\":null}",
                           "{\"a\":[]}",
                           "{\"a\":1}",
                           "{\"a\":\"F32\"}",
                           "{\"\xff\":1}",
                           "{/*c*/}",
                           "{\"a\":{\"shape\":[[[[]]]]}}",
                           "{\"a\":NaN}",
                           "{\"a\":1e999}",
                           "{\"__metadata__\":1}",
                           "{\"__metadata__\":[]}",
                           "{\"__metadata__\":null}",
                           "{\"__metadata__\":{\"a\":1}}",
                           "{\"__metadata__\":{\"a\":{}}}",
                           "{\"__metadata__\":{\"a\":null}}",
                           "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}"}) {
    files.add(std::string("header ") + text, good().bytes_with_header(text));
  }
  const std::string a = R"("a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]})";
  const std::string b = R"("b":{"dtype":"F16","shape":[6],"data_offsets":[24,36]})";
  files.add("a tensor twice", good().bytes_with_header("{" + a + "," + b + "," + a + "}"),
            "\"a\" twice");
  for (const char* again : {R"("dtype":"F32")", R"("shape":[2,3])", R"("data_offsets":[0,24])"}) {
    files.add(
        std::string("a field twice: ") + again,
        good().bytes_with_header("{" + a.substr(0, a.size() - 1) + "," + again + "}," + b + "}"),
        "twice");
  }
  files.add(
      "deep nesting",
      good().bytes_with_header(R"({"a":)" + std::string(5000, '[') + std::string(5000, ']') + "}"),
      "nested deeper");
}

void add_fields(MalformedFiles& files) {
  for (const char* key : {"dtype", "shape", "data_offsets"}) {
    files.add(std::string("no ") + key, without_field(key), std::string("a.") + key);
    for (const Json& value : {Json(nullptr), Json("x"), Json(7), Json(true), Json::object()}) {
      files.add(key + (" = " + value.dump()), with_field(key, value), std::string("a.") + key);
    }
  }
}

void add_dtypes(MalformedFiles& files) {
  for (const char* dtype : {"F8", "f32", "", "Q4_0", "F32 ", "U64", "C64", "F8_E4M3"}) {
    files.add(std::string("dtype ") + dtype, with_field("dtype", dtype));
  }
  for (const char* dtype : {"F64", "F16", "BF16", "I64", "I16", "I8", "U8", "BOOL"}) {
    files.add(std::string("the size of another dtype, ") + dtype, with_field("dtype", dtype),
              "takes");
  }
}

void add_shapes_and_offsets(MalformedFiles& files) {
  const uint64_t big = uint64_t{1} << 62;
  for (const Json& shape : {Json{-1, 3},
                            Json{2, -3},
                            Json{2.0, 3},
                            Json{2, 1e300},
                            Json{"2", 3},
                            Json{nullptr},
                            Json{{2, 3}},
                            Json{2, 3, 1, 1, 1, 1, 1, 1, 1},
                            Json::array(),
                            Json{7},
                            Json{2, 4},
                            Json{1, 3},
                            Json{0},
                            Json{big, 4},
                            Json{big, 2},
                            Json{uint64_t{1} << 32, uint64_t{1} << 32},
                            Json{UINT64_MAX},
                            Json{uint64_t{1} << 63},
                            Json{INT64_MAX, INT64_MAX},
                            Json{big, 8, 1},
                            Json{INT64_MAX},
                            Json{2, 3, UINT64_MAX}}) {
    files.add("shape " + shape.dump(), with_field("shape", shape));
  }
  for (const Json& offsets : {Json::array(),
                              Json{0},
                              Json{24},
                              Json{0, 24, 24},
                              Json{24, 0},
                              Json{-24, 0},
                              Json{0, 24.0},
                              Json{"0", "24"},
                              Json{nullptr, 24},
                              Json{0, 25},
                              Json{0, 23},
                              Json{1, 24},
                              Json{1, 25},
                              Json{12, 36},
                              Json{4, 28},
                              Json{36, 60},
                              Json{1000, 1024},
                              Json{0, UINT64_MAX},
                              Json{UINT64_MAX - 24, UINT64_MAX},
                              Json{INT64_MAX - 24, INT64_MAX},
                              Json{uint64_t{1} << 63, 24},
                              Json{0, uint64_t{1} << 32},
                              Json{{0, 24}},
                              Json{0, {24}}}) {
    files.add("offsets " + offsets.dump(), with_field("data_offsets", offsets));
  }
}

std::string with_offsets(uint64_t a, uint64_t b) {
  SafetensorsBuilder file = good();
  file.header()["a"]["data_offsets"] = {a, a + 24};
  file.header()["b"]["data_offsets"] = {b, b + 12};
  return file.bytes();
}

void add_layouts(MalformedFiles& files) {
  for (const uint64_t start : {0, 2, 11, 12, 22}) {
    files.add("overlap from " + std::to_string(start), with_offsets(0, start), "inside tensor");
  }
  for (const uint64_t gap : {1, 2, 3, 8}) {
    files.add("a hole of " + std::to_string(gap), with_offsets(0, 24 + gap) + std::string(gap, 0),
              "starts at byte");
    files.add("data begins at " + std::to_string(gap),
              with_offsets(gap, gap + 24) + std::string(gap, 0), "starts at byte");
    files.add("uncovered end of " + std::to_string(gap), good().bytes() + std::string(gap, 0),
              "the tensors end at byte");
  }
  files.add("data without tensors", SafetensorsBuilder().bytes() + "x", "the tensors end at byte");
  files.add("a Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
            "git lfs pull");
  files.add("a web page", "<!DOCTYPE html><html></html>", "a web page");
}

}  // namespace

std::vector<MalformedFile> malformed_safetensors() {
  MalformedFiles files(Reader::kSafetensors);
  add_header_lengths(files);
  add_header_texts(files);
  add_fields(files);
  add_dtypes(files);
  add_shapes_and_offsets(files);
  add_layouts(files);
  files.add_truncations(good().bytes());
  files.add_flips(good().bytes());
  return files.take();
}

}  // namespace heng::test
