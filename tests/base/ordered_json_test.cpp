#include "base/ordered_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace heng {
namespace {

using testing::HasSubstr;

std::string printed(std::string_view json) {
  return print_json(parse_ordered_json(json, "text", {}));
}

TEST(OrderedJson, PrintsAsPythonsDumpsDoes) {
  EXPECT_EQ(printed(R"( {"b" : [ 1,2 ] ,"a":{"x":null,"":true}} )"),
            R"({"b": [1, 2], "a": {"x": null, "": true}})");
  EXPECT_EQ(printed("[1e-7, 1.0, 1e22, 0.1, -0.0, 1E5, 123456789012345678901234567890, -0, 1e16]"),
            "[1e-07, 1.0, 1e+22, 0.1, -0.0, 100000.0, 123456789012345678901234567890, 0, 1e+16]");
  EXPECT_EQ(printed(R"("\u0001\u001f\/\"\\\n\r\t\f\b\u007fé\ud83d\ude00")"),
            "\"\\u0001\\u001f/\\\"\\\\\\n\\r\\t\\f\\b\x7f\xC3\xA9\xF0\x9F\x98\x80\"");
  EXPECT_EQ(printed("[[], {}, false]"), "[[], {}, false]");
  EXPECT_EQ(print_json(parse_ordered_json("[1,{\"a\":2}]", "text", {}), ",", ":"), "[1,{\"a\":2}]");
}

TEST(OrderedJson, RefusesWithTheBytesPlace) {
  const auto refused = [](std::string_view json, const char* why, JsonLimits limits = {}) {
    try {
      parse_ordered_json(json, "text", limits);
      ADD_FAILURE() << "was taken: " << json;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kInvalidArgument);
      EXPECT_THAT(e.what(), HasSubstr(why));
    }
  };
  refused("", "not JSON");
  refused("[1,]", "byte 4");
  refused("{\"a\":1,\"b\":2,\"a\":3}", "the key \"a\" twice");
  refused("[1e999]", "text: ");
  refused("\"\xFF\"", "not JSON");
  refused("NaN", "not JSON");
  refused("[[[1]]]", "nested deeper than 2", {.max_depth = 2});
  refused("[1,2,3]", "expected at most 4", {.max_bytes = 4});
  refused(std::string(1'000'000, '['), "nested deeper");
}

}  // namespace
}  // namespace heng
