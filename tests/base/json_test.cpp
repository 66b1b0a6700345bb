#include "base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace heng {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string error_of(const std::function<void()>& read) {
  try {
    read();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
    return error.what();
  }
  return "no error";
}

std::string parse_error_of(std::string_view text, const JsonLimits& limits = {}) {
  return error_of([&] { parse_json(text, "config.json", limits); });
}

TEST(ParseJson, TakesWhatJsonAllows) {
  const Json json = parse_json(" {\"a\": [1, -2.5e3, true, null, \"\\u4f60\\n\"], \"\": {}} ", "x");
  EXPECT_EQ(json["a"][1], -2500);
  EXPECT_EQ(json["a"][4], "\xE4\xBD\xA0\n");
  EXPECT_TRUE(json[""].empty());
}

TEST(ParseJson, BuildsWhatTheLibraryBuilds) {
  for (const char* text :
       {R"({"a": {"b": [[], {}, [1, {"c": [2, [3]]}]], "d": ""}, "e": [{"f": 1}, {"f": 2}]})",
        R"([[[[1], 2], 3], {"z": 1, "y": {"x": [true]}}, "s", 18446744073709551615, -1, 0.5])", "5",
        "\"s\"", "null", "[]", "{}"}) {
    EXPECT_EQ(parse_json(text, "x"), Json::parse(text)) << text;
  }
}

TEST(ParseJson, NamesTheFileAndTheByte) {
  EXPECT_EQ(parse_error_of("{\"a\": 1,}"), "config.json: not JSON at byte 9. The file is damaged.");
  EXPECT_THAT(parse_error_of(""), HasSubstr("not JSON"));
}

TEST(ParseJson, RefusesAKeyTwiceAtAnyDepth) {
  EXPECT_THAT(parse_error_of("{\"a\":1,\"b\":{},\"a\":1}"), HasSubstr("the key \"a\" twice"));
  EXPECT_THAT(parse_error_of("[{\"b\":[{\"c\\n\":1,\"c\\n\":1}]}]"),
              HasSubstr("the key \"c\\x0a\" twice"));
  EXPECT_EQ(parse_json("[{\"a\":{\"a\":1}},{\"a\":2}]", "x").size(), 2u);
}

TEST(ParseJson, KeepsItsLimitsExactly) {
  const auto nested = [](size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  EXPECT_NO_THROW(parse_json(nested(5), "x", {.max_depth = 5}));
  EXPECT_THAT(parse_error_of(nested(6), {.max_depth = 5}), HasSubstr("nested deeper than 5"));
  EXPECT_NO_THROW(parse_json("\"abc\"", "x", {.max_bytes = 5}));
  EXPECT_THAT(parse_error_of("\"abcd\"", {.max_bytes = 5}), HasSubstr("expected at most 5"));
}

TEST(ParseJson, RefusesNumbersThatNoDoubleHolds) {
  EXPECT_THAT(parse_error_of("[1e999]"), HasSubstr("config.json: "));
  EXPECT_THAT(parse_error_of("[NaN]"), HasSubstr("not JSON"));
}

class JsonObjectTest : public ::testing::Test {
 protected:
  const Json json_ = parse_json(R"({
    "n": 7, "low": -3, "big": 18446744073709551615, "x": 2.5, "flag": true, "text": "hello",
    "none": null, "list": [1, 2], "words": ["a", "b"], "mixed": [1, "b"], "in": {"k": "v"},
    "steps": [{"k": 1}, {"k": "w"}]})",
                                "config.json");
  const JsonObject object_{json_, "config.json"};
};

TEST_F(JsonObjectTest, GivesTypedValues) {
  EXPECT_EQ(object_.integer("n", 0, 10), 7);
  EXPECT_EQ(object_.integer("low", -3, -3), -3);
  EXPECT_EQ(object_.number("x"), 2.5);
  EXPECT_EQ(object_.number("n"), 7);
  EXPECT_TRUE(object_.boolean_or("flag", false));
  EXPECT_EQ(object_.string("text"), "hello");
  EXPECT_THAT(object_.integers_or_empty("list"), ElementsAre(1, 2));
  EXPECT_THAT(object_.integers_or_empty("n"), ElementsAre(7));
  EXPECT_THAT(object_.strings_or_empty("words"), ElementsAre("a", "b"));
  EXPECT_THAT(object_.strings_or_empty("text"), ElementsAre("hello"));
  EXPECT_EQ(object_.object("in")->string("k"), "v");
  EXPECT_EQ(object_.objects_or_empty("steps")[1].string("k"), "w");
}

TEST_F(JsonObjectTest, TreatsNullAsAbsent) {
  for (const char* key : {"none", "nowhere"}) {
    EXPECT_FALSE(object_.has(key));
    EXPECT_EQ(object_.integer_or(key, 0, 1, 9), 9);
    EXPECT_EQ(object_.number_or(key, 0.5), 0.5);
    EXPECT_TRUE(object_.boolean_or(key, true));
    EXPECT_EQ(object_.string_or(key, "x"), "x");
    EXPECT_TRUE(object_.integers_or_empty(key).empty());
    EXPECT_TRUE(object_.strings_or_empty(key).empty());
    EXPECT_FALSE(object_.object(key).has_value());
    EXPECT_TRUE(object_.objects_or_empty(key).empty());
  }
}

TEST_F(JsonObjectTest, NamesFieldExpectedAndFound) {
  EXPECT_EQ(error_of([&] { object_.integer("n", 8, 9); }),
            "config.json: n: expected an integer from 8 to 9, found 7.");
  EXPECT_EQ(error_of([&] { object_.integer("text", 0, 9); }),
            "config.json: text: expected an integer from 0 to 9, found \"hello\".");
  EXPECT_EQ(error_of([&] { object_.integer("list", 0, 9); }),
            "config.json: list: expected an integer from 0 to 9, found array.");
  EXPECT_THAT(error_of([&] { object_.integer("x", 0, 9); }), HasSubstr("found 2.5"));
  EXPECT_THAT(error_of([&] { object_.integer("big", 0, INT64_MAX); }),
              HasSubstr("found 18446744073709551615"));
  EXPECT_EQ(error_of([&] { object_.integer("nowhere", 0, 9); }),
            "config.json: nowhere: missing, expected an integer.");
  EXPECT_EQ(error_of([&] { object_.number("text"); }),
            "config.json: text: expected a number, found string.");
  EXPECT_THAT(error_of([&] { object_.boolean_or("n", true); }),
              HasSubstr("expected true or false"));
  EXPECT_THAT(error_of([&] { object_.string("n"); }), HasSubstr("expected a string, found number"));
  EXPECT_THAT(error_of([&] { object_.strings_or_empty("mixed"); }), HasSubstr("expected strings"));
  EXPECT_THAT(error_of([&] { object_.integers_or_empty("mixed"); }),
              HasSubstr("expected integers"));
  EXPECT_THAT(error_of([&] { object_.object("n"); }), HasSubstr("expected an object"));
  EXPECT_THAT(error_of([&] { object_.object("in")->integer("k", 0, 1); }),
              HasSubstr("config.json: in.k: expected"));
  EXPECT_THAT(error_of([&] { object_.objects_or_empty("in"); }), HasSubstr("in: expected a list"));
  EXPECT_THAT(error_of([&] { object_.objects_or_empty("list"); }), HasSubstr("list[0]."));
  EXPECT_THAT(error_of([&] { object_.objects_or_empty("steps")[1].integer("k", 0, 1); }),
              HasSubstr("config.json: steps[1].k: expected"));
}

TEST_F(JsonObjectTest, ShowsHostileTextAsPlainText) {
  const Json json = {{"k", "\x1b[2J" + std::string(500, 'a')}, {"raw", "\xff"}};
  const JsonObject object(json, "f");
  const std::string text = error_of([&] { object.integer("k", 0, 1); });
  EXPECT_THAT(text, HasSubstr("\"\\x1b[2Jaaa"));
  EXPECT_LT(text.size(), 250u);
  EXPECT_THAT(error_of([&] { object.integer("raw", 0, 1); }), HasSubstr("\"\\xff\""));
}

TEST(JsonObject, NeedsAnObject) {
  EXPECT_THAT(error_of([] { JsonObject(Json::array(), "f"); }),
              HasSubstr("expected an object, found array"));
}

}  // namespace
}  // namespace heng
