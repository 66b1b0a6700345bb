// Malformed indexes of shards and other JSON, for malformed_files_test.cpp.
#include "base/json.h"
#include "malformed.h"

namespace heng::test {
namespace {

std::string index_of(const Json& file) {
  return Json{{"weight_map", {{"a", file}}}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void add_indexes(std::vector<MalformedFile>& out) {
  MalformedFiles files(Reader::kIndex);
  for (const char* name : {"",
                           ".",
                           "..",
                           "../model.safetensors",
                           "../../model.safetensors",
                           "/model.safetensors",
                           "/etc/passwd",
                           "/proc/self/mem",
                           "a/model.safetensors",
                           "./model.safetensors",
                           "a/../model.safetensors",
                           "a\\model.safetensors",
                           "..\\model.safetensors",
                           "C:\\model.safetensors",
                           "\\\\host\\model.safetensors",
                           ".model.safetensors",
                           ".safetensors",
                           "model.bin",
                           "model.safetensors/",
                           "model.safetensors.exe",
                           "model",
                           "a\nb.safetensors",
                           "a\tb.safetensors",
                           "\x1b[2J.safetensors",
                           "a\x7f.safetensors",
                           "~/model.safetensors",
                           "config.json",
                           "file:///model.safetensors"}) {
    files.add(std::string("shard ") + name, index_of(name), "weight_map.a");
  }
  files.add("a NUL in a name", index_of(std::string("../x\0.safetensors", 17)), "weight_map.a");
  files.add("a NUL at a name's end", index_of(std::string("x.safetensors\0", 14)), "weight_map.a");
  for (const Json& value : {Json(nullptr), Json(1), Json(true), Json::array(), Json::object(),
                            Json{"model.safetensors"}}) {
    files.add("shard " + value.dump(), index_of(value), "weight_map.a");
    files.add("weight_map " + value.dump(), Json{{"weight_map", value}}.dump(), "weight_map");
  }
  for (const char* text :
       {"", "{}", "[]", "null", "\"x\"", "{\"weight_map\":{}}", "{\"weight_map\"}",
        "{\"weight_map\":{\"a\":\"x.safetensors\",\"a\":\"y.safetensors\"}}",
        "{\"weight_map\":{\"a\":\"x.safetensors\"},\"weight_map\":{}}"}) {
    files.add(std::string("index ") + text, text);
  }
  const std::string good = index_of("model.safetensors");
  files.add_truncations(good).add_flips(good);
  const auto made = files.take();
  out.insert(out.end(), made.begin(), made.end());
}

constexpr const char* kNotJson[] = {"",
                                    " ",
                                    "{",
                                    "}",
                                    "[",
                                    "{]",
                                    "[}",
                                    "nul",
                                    "tru",
                                    "{\"a\"}",
                                    "{\"a\":}",
                                    "{\"a\":1,}",
                                    "[1,]",
                                    "{a:1}",
                                    "{'a':1}",
                                    "{\"a\":01}",
                                    "{\"a\":+1}",
                                    "{\"a\":.5}",
                                    "{\"a\":1.}",
                                    "{\"a\":0x1}",
                                    "{\"a\":NaN}",
                                    "{\"a\":Infinity}",
                                    "{\"a\":-Infinity}",
                                    "{\"a\":1e999}",
                                    "{\"a\":-1e999}",
                                    "{\"a\":\"\x01\"}",
                                    "{\"a\":\"\n\"}",
                                    "{\"a\":\"\\x\"}",
                                    "{\"a\":\"\\u12\"}",
                                    "{\"a\":\"\\ud800\"}",
                                    "{\"a\":\"\xff\"}",
                                    "{\"a\":\"\xc0\x80\"}",
                                    "{\"a\":\"\xed\xa0\x80\"}",
                                    "{\"a\":1}{\"b\":2}",
                                    "{\"a\":1} x",
                                    "// c\n{}",
                                    "{\"a\":1,\"a\":1}",
                                    "{\"a\":{\"b\":1,\"b\":2}}",
                                    "[{\"a\":1,\"a\":2}]",
                                    "\xef\xbb{}",
                                    "<html>",
                                    "{\"a\":\"",
                                    "{\"a\":\"b",
                                    "{\"a\":tru}",
                                    "{\"a\":--1}",
                                    "{\"a\":1e}",
                                    "{,}"};

void add_configs(std::vector<MalformedFile>& out) {
  MalformedFiles files(Reader::kJson);
  for (const char* text : kNotJson) {
    files.add(std::string("text ") + text, text);
  }
  for (const size_t depth : {33u, 100u, 10'000u, 1'000'000u}) {
    files.add("lists " + std::to_string(depth) + " deep",
              std::string(depth, '[') + std::string(depth, ']'), "nested deeper than 32");
    files.add("open lists " + std::to_string(depth) + " deep", std::string(depth, '['),
              "nested deeper than 32");
    std::string objects;
    for (size_t i = 0; i < depth; ++i) objects += "{\"a\":";
    files.add("objects " + std::to_string(depth) + " deep", objects, "nested deeper than 32");
  }
  const std::string good = R"({"hidden_size": 64, "list": [1, 2.5, "x"], "none": null})";
  files.add_truncations(good).add_flips(good);
  const auto made = files.take();
  out.insert(out.end(), made.begin(), made.end());
}

}  // namespace

std::vector<MalformedFile> malformed_texts() {
  std::vector<MalformedFile> out;
  add_indexes(out);
  add_configs(out);
  return out;
}

}  // namespace heng::test
