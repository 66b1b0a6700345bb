#include "heng/constraint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "heng/error.h"
#include "support/constrained_walk.h"
#include "support/schema_validator.h"

namespace heng {
namespace {

using nlohmann::json;
using test::ListTokenizer;
using testing::HasSubstr;
using Ids = std::vector<TokenId>;

const ListTokenizer& tokenizer() {
  static const ListTokenizer kTokenizer = test::json_tokenizer();
  return kTokenizer;
}

const ConstraintCompiler& compiler() {
  static const TokenId kEnd = tokenizer().end();
  static const ConstraintCompiler kCompiler(tokenizer(), std::span(&kEnd, 1));
  return kCompiler;
}

// Whether the constraint lets `text` be written and end there.
bool takes(const std::shared_ptr<const Constraint>& constraint, std::string_view text) {
  try {
    return ConstrainedReply(constraint).is_complete(tokenizer().encode(text, SpecialText::kPlain));
  } catch (const Error&) {
    return false;
  }
}

bool schema_takes(const json& schema, std::string_view text) {
  return takes(compiler().json_schema(schema.dump()), text);
}

// Random walks parse and validate.
void expect_walks_validate(const std::string& schema, int n, unsigned seed = 1) {
  std::mt19937 random(seed);
  const auto constraint = compiler().json_schema(schema);
  const test::SchemaValidator validator(json::parse(schema));
  for (int i = 0; i < n; ++i) {
    const Ids ids = test::random_walk(constraint, tokenizer(), random);
    const std::string text = tokenizer().decode_bytes(ids);
    const json value = json::parse(text, nullptr, false);
    ASSERT_FALSE(value.is_discarded()) << text << "\nunder " << schema;
    ASSERT_TRUE(validator.allows(value)) << text << "\nunder " << schema;
  }
}

void refused(const std::string& schema, ErrorCode code, const char* why) {
  try {
    compiler().json_schema(schema);
    ADD_FAILURE() << "was taken: " << schema;
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    EXPECT_THAT(e.what(), HasSubstr(why)) << schema;
  }
}

TEST(Constraint, AnyObjectParsesWhateverTheScoresAre) {
  std::mt19937 random(7);
  const auto constraint = compiler().json_object();
  size_t longest = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string text =
        tokenizer().decode_bytes(test::random_walk(constraint, tokenizer(), random));
    const json value = json::parse(text, nullptr, false);
    ASSERT_TRUE(value.is_object()) << text;
    longest = std::max(longest, text.size());
  }
  EXPECT_GT(longest, 40u);
}

TEST(Constraint, AnyObjectIsWhatJsonSaysItIs) {
  const auto any = compiler().json_object();
  for (const char* text :
       {"{}", R"({"a":1})", R"({"a": {"b": [1, 2.5e+3, "x", null, true, false, {}]}})",
        "{\n  \"a\": -0.5,\n  \"b\": \"\\u4f60\\ud83d\\ude00 \xE4\xBD\xA0 \\\" \\\\\"\n}",
        R"({"":[[],[[]]]})"}) {
    EXPECT_TRUE(takes(any, text)) << text;
  }
  for (const char* text : {"",
                           "[]",
                           "1",
                           "{",
                           R"({"a"})",
                           R"({"a":01})",
                           R"({"a":1,})",
                           R"({"a":+1})",
                           R"({a:1})",
                           R"({"a":"\x"})",
                           R"({"a":"\ud83d"})",
                           R"({"a":"\udc00\ud83d"})",
                           "{\"a\":\"\n\"}",
                           R"({"a":1}x)",
                           R"({"a":1} )",
                           R"({"a":.5})",
                           R"({"a":1e})",
                           "{\"a\":\"\xE4\xBD\"}",
                           "{\"a\":\"\xC0\xAF\"}",
                           "{\"a\":\"\xED\xA0\x80\"}",
                           "{    }",
                           "{\"a\":  1}"}) {
    EXPECT_FALSE(takes(any, text)) << text;
  }
}

TEST(Constraint, NestingHasItsLimitAndNeverADeadEnd) {
  const auto any = compiler().json_object();
  const auto nested = [](size_t depth) {
    std::string text = "{\"a\":";
    text += std::string(depth, '[') + std::string(depth, ']');
    return text + "}";
  };
  EXPECT_TRUE(takes(any, nested(50)));
  EXPECT_FALSE(takes(any, nested(70)));
  // One who always opens comes to where only closing is left.
  ConstrainedReply reply(any);
  Ids ids = tokenizer().encode("{\"a\":", SpecialText::kPlain);
  for (int i = 0; i < 200; ++i) {
    const Ids allowed = test::allowed_after(reply, tokenizer(), ids);
    ASSERT_FALSE(allowed.empty());
    const bool opens = std::find(allowed.begin(), allowed.end(), '[') != allowed.end();
    if (!opens) break;
    ids.push_back('[');
  }
  EXPECT_LT(ids.size(), 80u);
}

TEST(Constraint, EndTokensComeExactlyWhereTheValueIsComplete) {
  const auto constraint = compiler().json_schema(R"({"type": "integer"})");
  ConstrainedReply reply(constraint);
  const auto has_end = [&](std::string_view text) {
    const Ids allowed =
        test::allowed_after(reply, tokenizer(), tokenizer().encode(text, SpecialText::kPlain));
    return std::find(allowed.begin(), allowed.end(), tokenizer().end()) != allowed.end();
  };
  EXPECT_FALSE(has_end(""));
  EXPECT_FALSE(has_end("-"));
  EXPECT_TRUE(has_end("-1"));
  EXPECT_TRUE(has_end("12"));
  EXPECT_TRUE(has_end("0"));
  // Behind the end nothing else comes, for those who go on through end tokens.
  Ids ended = tokenizer().encode("12", SpecialText::kPlain);
  ended.push_back(tokenizer().end());
  EXPECT_EQ(test::allowed_after(reply, tokenizer(), ended), Ids{tokenizer().end()});
}

TEST(Constraint, RowsWithoutATokenAreRuledOut) {
  ConstrainedReply reply(compiler().json_object());
  const Ids allowed = test::allowed_after(reply, tokenizer(), {}, 100);
  EXPECT_LT(allowed.back(), static_cast<TokenId>(tokenizer().size()));
}

TEST(Constraint, GoesOnFromAnyPrefixAsFromTheStart) {
  std::mt19937 random(3);
  const auto constraint = compiler().json_object();
  const Ids ids = test::random_walk(constraint, tokenizer(), random, 200);
  ConstrainedReply jumping(constraint);
  for (int i = 0; i < 100; ++i) {
    const Ids prefix(ids.begin(), ids.begin() + random() % (ids.size() + 1));
    ConstrainedReply fresh(constraint);
    EXPECT_EQ(test::allowed_after(jumping, tokenizer(), prefix),
              test::allowed_after(fresh, tokenizer(), prefix));
  }
  Ids other = ids;
  other[0] = 'x';
  std::vector<float> logits(tokenizer().size());
  EXPECT_THROW(jumping(logits, other), Error);
}

TEST(Constraint, ManyThreadsShareOne) {
  const auto constraint = compiler().json_object();
  std::vector<std::string> alone, together(4);
  for (unsigned i = 0; i < 4; ++i) {
    std::mt19937 random(i);
    alone.push_back(
        tokenizer().decode_bytes(test::random_walk(compiler().json_object(), tokenizer(), random)));
  }
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      std::mt19937 random(i);
      together[i] = tokenizer().decode_bytes(test::random_walk(constraint, tokenizer(), random));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(together, alone);
}

TEST(Constraint, TheSpaceThatSentencePieceDropsIsNoPartOfTheText) {
  const ListTokenizer piece({" {", " {\"", "{\"", "  "}, true);
  const TokenId end = piece.end();
  const auto constraint = ConstraintCompiler(piece, std::span(&end, 1)).json_object();
  ConstrainedReply reply(constraint);
  std::vector<std::string> first;
  for (const TokenId id : test::allowed_after(reply, piece, {})) {
    first.emplace_back(piece.token_bytes(id));
  }
  EXPECT_THAT(first, testing::UnorderedElementsAre("{", "{\"", " {", " {\""));
  EXPECT_FALSE(reply.is_complete(piece.encode(" {\"", SpecialText::kPlain)));
  EXPECT_TRUE(reply.is_complete(piece.encode(" {}", SpecialText::kPlain)));
}

// A tokenizer without single tokens for some bytes.
class Poor : public ListTokenizer {
 public:
  explicit Poor(std::string lacking)
      : ListTokenizer({"\xF1\x80", "q", "\xE4\xBD\xA0"}), lacking_(std::move(lacking)) {}
  std::string_view token_bytes(TokenId id) const override {
    const bool lacks = id < 256 && lacking_.find(static_cast<char>(id)) != std::string::npos;
    return lacks ? "" : ListTokenizer::token_bytes(id);
  }

 private:
  const std::string lacking_;
};

TEST(Constraint, EndTokensAndAsciiMustBeThere) {
  EXPECT_THROW(ConstraintCompiler(tokenizer(), {}), Error);
  const Poor poor("{");
  const TokenId end = poor.end();
  EXPECT_THROW(ConstraintCompiler(poor, std::span(&end, 1)), Error);
}

TEST(Constraint, BytesThatAreNoTokensCannotLeadIntoADeadEnd) {
  const Poor poor("\xF1\x80\xBD");
  const TokenId end = poor.end();
  const auto constraint = ConstraintCompiler(poor, std::span(&end, 1)).json_object();
  ConstrainedReply reply(constraint);
  const Ids begun = {'{', '"'};
  const Ids allowed = test::allowed_after(reply, poor, begun);
  const auto has = [&](TokenId id) {
    return std::find(allowed.begin(), allowed.end(), id) != allowed.end();
  };
  EXPECT_TRUE(has(0xF0));
  EXPECT_FALSE(has(256)) << "F1 80";
  EXPECT_FALSE(has(258)) << "E4 BD A0";
  std::mt19937 random(5);
  for (int i = 0; i < 50; ++i) {
    const std::string text = poor.decode_bytes(test::random_walk(constraint, poor, random));
    EXPECT_TRUE(json::accept(text)) << text;
  }
}

TEST(Schema, MembersComeInOrderAndOthersOnlyWhereAsked) {
  const json schema = {{"type", "object"},
                       {"properties", {{"a", {{"type", "integer"}}}, {"b", {{"type", "string"}}}}},
                       {"required", {"a"}}};
  EXPECT_TRUE(schema_takes(schema, R"({"a":1})"));
  EXPECT_TRUE(schema_takes(schema, R"({"a": 1, "b": "x"})"));
  EXPECT_FALSE(schema_takes(schema, R"({"b":"x"})"));
  EXPECT_FALSE(schema_takes(schema, R"({})"));
  EXPECT_FALSE(schema_takes(schema, R"({"a":1,"c":2})"));
  json open = schema;
  open["additionalProperties"] = {{"type", "boolean"}};
  EXPECT_TRUE(schema_takes(open, R"({"a":1,"c":true})"));
  EXPECT_TRUE(schema_takes(open, R"({"a":1,"ab":true,"":false})"));
  EXPECT_FALSE(schema_takes(open, R"({"a":1,"c":2})"));
  EXPECT_FALSE(schema_takes(open, R"({"a":1,"a":true})")) << "a name of the schema";
  EXPECT_FALSE(schema_takes(open, R"({"a":1,"\u0061":true})")) << "the same name";
  EXPECT_TRUE(schema_takes({{"type", "object"}}, R"({"x": [1]})"));
  EXPECT_TRUE(schema_takes({{"type", "object"}, {"required", {"x"}}}, R"({"x": [1]})"));
  EXPECT_FALSE(schema_takes({{"type", "object"}, {"required", {"x"}}}, R"({"y": [1]})"));
}

TEST(Schema, ListsKeepTheirLengthsAndPlaces) {
  const json list = {
      {"type", "array"}, {"items", {{"type", "integer"}}}, {"minItems", 1}, {"maxItems", 3}};
  EXPECT_FALSE(schema_takes(list, "[]"));
  EXPECT_TRUE(schema_takes(list, "[1]"));
  EXPECT_TRUE(schema_takes(list, "[1, 2,3]"));
  EXPECT_FALSE(schema_takes(list, "[1,2,3,4]"));
  const json pair = {{"prefixItems", {{{"type", "string"}}, {{"type", "integer"}}}},
                     {"items", false},
                     {"minItems", 2}};
  EXPECT_TRUE(schema_takes(pair, R"(["a", 1])"));
  EXPECT_FALSE(schema_takes(pair, R"(["a"])"));
  EXPECT_FALSE(schema_takes(pair, R"(["a", 1, 2])"));
  EXPECT_FALSE(schema_takes(pair, R"([1, "a"])"));
  EXPECT_TRUE(schema_takes({{"type", "array"}, {"minItems", 2}}, "[[], {}, 3]"));
  EXPECT_TRUE(schema_takes({{"type", "array"}, {"maxItems", 0}}, "[]"));
  EXPECT_FALSE(schema_takes({{"type", "array"}, {"maxItems", 0}}, "[1]"));
}

TEST(Schema, LengthsCountCharactersHoweverTheyAreWritten) {
  const json two = {{"type", "string"}, {"minLength", 2}, {"maxLength", 2}};
  for (const char* text :
       {R"("ab")", "\"\xE4\xBD\xA0\xF0\x9F\x98\x80\"", R"("\n\ud83d\ude00")", R"("\u0041b")"}) {
    EXPECT_TRUE(schema_takes(two, text)) << text;
  }
  for (const char* text : {R"("a")", R"("abc")", R"("\n")", R"("")"}) {
    EXPECT_FALSE(schema_takes(two, text)) << text;
  }
}

TEST(Schema, BoundsHoldToTheDigit) {
  struct Row {
    json schema;
    std::vector<const char*> in, out;
  };
  const std::vector<Row> rows = {
      {{{"type", "integer"}, {"minimum", 3}, {"maximum", 120}},
       {"3", "9", "10", "99", "100", "120"},
       {"2", "0", "-3", "121", "1000", "03", "3.5", "3e1"}},
      {{{"type", "integer"}, {"minimum", -12}, {"exclusiveMaximum", 5}},
       {"-12", "-1", "0", "4"},
       {"-13", "5", "-100", "-0"}},
      {{{"type", "integer"}, {"exclusiveMinimum", 1.5}}, {"2", "99999"}, {"1", "0", "-2"}},
      {{{"type", "integer"}, {"maximum", -5}}, {"-5", "-6", "-1000"}, {"-4", "0", "5"}},
      {{{"type", "number"}, {"minimum", 0}, {"maximum", 1}},
       {"0", "1", "0.5", "1.0", "0.000001", "1.000"},
       {"1.01", "2", "-0.5", "1e0", "1.0000001"}},
      {{{"type", "number"}, {"exclusiveMinimum", 0}, {"exclusiveMaximum", 0.25}},
       {"0.1", "0.24", "0.2499", "0.0001"},
       {"0", "0.0", "0.25", "0.250", "0.3", "1"}},
      {{{"type", "number"}, {"minimum", -2.75}, {"maximum", -0.5}},
       {"-2.75", "-2.7", "-1", "-0.5", "-0.50"},
       {"-2.76", "-3", "-0.49", "0", "1"}},
      {{{"type", "number"}, {"minimum", 1e3}}, {"1000", "1000.5", "20000"}, {"999", "999.9", "1"}},
      {{{"type", "number"}, {"minimum", 5}, {"exclusiveMinimum", 5}}, {"5.1", "6"}, {"5", "5.0"}},
  };
  for (const Row& row : rows) {
    for (const char* text : row.in)
      EXPECT_TRUE(schema_takes(row.schema, text)) << row.schema << text;
    for (const char* text : row.out) {
      EXPECT_FALSE(schema_takes(row.schema, text)) << row.schema << text;
    }
    expect_walks_validate(row.schema.dump(), 200);
  }
}

TEST(Schema, PatternsAreFoundAsEcmaScriptFindsThem) {
  struct Row {
    const char* pattern;
    std::vector<const char*> in, out;
  };
  const std::vector<Row> rows = {
      {"^[a-c]{2,3}$", {"ab", "abc"}, {"a", "abcd", "abx"}},
      {"b+", {"b", "abba", "xb"}, {"", "a"}},
      {"^a|b$", {"ax", "xb", "a"}, {"xa", "bx"}},
      {"^(?:\\d{3}-)?\\d{4}$", {"1234", "123-4567"}, {"12", "123-45", "123-45678"}},
      {"^[^\\\\w]$", {"!"}, {"w", "\\\\"}},
      {"^[^a\\-\\]]+$", {"b", "]b"}, {"a", "-"}},
      {"^\\$\\{x\\}?$", {"${x", "${x}"}, {"x", "$"}},
      {"^.{2}$", {"ab"}, {"a\\nb", "abc"}},
      {"^\\x41\\u0042*?c+?$", {"Ac", "ABBcc"}, {"c", "AB"}},
  };
  for (const Row& row : rows) {
    const json schema = {{"type", "string"}, {"pattern", row.pattern}};
    const std::regex regex(row.pattern);
    for (const char* text : row.in) {
      const bool found =
          std::regex_search(json::parse("\"" + std::string(text) + "\"").get<std::string>(), regex);
      EXPECT_EQ(schema_takes(schema, "\"" + std::string(text) + "\""), found)
          << row.pattern << text;
    }
    for (const char* text : row.out) {
      EXPECT_FALSE(schema_takes(schema, "\"" + std::string(text) + "\"")) << row.pattern << text;
    }
    expect_walks_validate(schema.dump(), 60);
  }
  // What ECMA-262 and Python read differently is not written.
  for (const char* pattern : {"^\\S$", "^\\s$", "^[^\\s]$", "^[^\\S]$"}) {
    const json schema = {{"pattern", pattern}};
    EXPECT_FALSE(schema_takes(schema, "\"\xEF\xBB\xBF\"")) << pattern;
    EXPECT_FALSE(schema_takes(schema, R"("\u001c")")) << pattern;
  }
  for (const char* pattern :
       {"(?=a)", "\\bx", "a(^b)", "(a)\\1", "\\p{L}", "[b-a]", "(", "[a", "a{2,1}", "\\ud800", "*a",
        "a**", "a{99999}", "(?<n>a)", "\\c", "a)"}) {
    refused(json{{"type", "string"}, {"pattern", pattern}}.dump(), ErrorCode::kUnsupported,
            "schema/pattern");
  }
  refused(R"x({"type":"string","pattern":"((((((a{9999}){9999}){9999})))"})x",
          ErrorCode::kUnsupported, "");
  refused(R"x({"type":"string","pattern":"(((){9999}){9999}){9999}"})x", ErrorCode::kUnsupported,
          "repetitions");
}

TEST(Schema, FormatsAreRealDates) {
  const auto takes_format = [](const char* format, const std::string& text) {
    return schema_takes({{"type", "string"}, {"format", format}}, "\"" + text + "\"");
  };
  EXPECT_TRUE(takes_format("date", "2024-02-29"));
  EXPECT_TRUE(takes_format("date", "2000-02-29"));
  EXPECT_FALSE(takes_format("date", "1900-02-29"));
  EXPECT_FALSE(takes_format("date", "2023-02-29"));
  EXPECT_FALSE(takes_format("date", "2023-04-31"));
  EXPECT_FALSE(takes_format("date", "2023-13-01"));
  EXPECT_TRUE(takes_format("date-time", "2023-12-31T23:59:59.5+08:00"));
  EXPECT_TRUE(takes_format("date-time", "2023-12-31T23:59:59Z"));
  EXPECT_FALSE(takes_format("date-time", "2023-12-31 23:59:59Z"));
  EXPECT_TRUE(takes_format("uuid", "123e4567-e89b-12d3-a456-426614174000"));
  EXPECT_FALSE(takes_format("uuid", "123e4567-e89b-12d3-a456-42661417400"));
  EXPECT_TRUE(takes_format("ipv4", "255.0.10.1"));
  EXPECT_FALSE(takes_format("ipv4", "256.0.10.1"));
  EXPECT_TRUE(takes_format("ipv6", "::1"));
  EXPECT_TRUE(takes_format("ipv6", "2001:db8::8a2e:370:7334"));
  EXPECT_TRUE(takes_format("ipv6", "1:2:3:4:5:6:7:8"));
  EXPECT_FALSE(takes_format("ipv6", "1::2::3"));
  EXPECT_FALSE(takes_format("ipv6", "1:2:3:4:5:6:7:8:9"));
  EXPECT_TRUE(takes_format("email", "a.b@example.com"));
  EXPECT_FALSE(takes_format("email", "a.b"));
  EXPECT_TRUE(takes_format("duration", "P1Y2M3DT4H5M6S"));
  EXPECT_FALSE(takes_format("duration", "P"));
  EXPECT_TRUE(takes_format("uri", "https://example.com/a/b.html?q=1&r=2#top"));
  EXPECT_FALSE(takes_format("uri", "example.com/a b"));
  refused(R"({"type":"string","format":"regex"})", ErrorCode::kUnsupported, "date-time");
}

TEST(Schema, ReferencesMayGoRound) {
  const json list = {
      {"$ref", "#/$defs/node"},
      {"$defs",
       {{"node",
         {{"type", "object"},
          {"properties",
           {{"value", {{"type", "integer"}}},
            {"next", {{"anyOf", {{{"$ref", "#/$defs/node"}}, {{"type", "null"}}}}}}}},
          {"required", {"value", "next"}},
          {"additionalProperties", false}}}}}};
  EXPECT_TRUE(schema_takes(list, R"({"next":{"next":null,"value":2},"value":1})"));
  expect_walks_validate(list.dump(), 50);
  const json tree = {
      {"type", "object"},
      {"properties", {{"children", {{"type", "array"}, {"items", {{"$ref", "#"}}}}}}}};
  expect_walks_validate(tree.dump(), 50);
  EXPECT_TRUE(schema_takes(tree, R"({"children":[{},{"children":[{}]}]})"));
}

TEST(Schema, WhatCannotBeMetIsAnError) {
  for (const char* schema :
       {"false", R"({"enum":[]})", R"({"type":"string","enum":[1]})",
        R"({"allOf":[{"type":"string"},{"type":"integer"}]})",
        R"({"type":"integer","minimum":5,"maximum":4})",
        R"({"type":"integer","exclusiveMinimum":4,"exclusiveMaximum":5})",
        R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})",
        R"({"type":"object","properties":{},"required":["a"],"additionalProperties":false})",
        R"({"type":"array","items":false,"minItems":1})", R"({"type":"number","minimum":1e30})",
        R"({"anyOf":[false,{"const":1,"enum":[2]}]})"}) {
    refused(schema, ErrorCode::kInvalidArgument, "no value meets it");
  }
  refused(R"({"$ref":"#"})", ErrorCode::kInvalidArgument, "refers to itself");
  refused(R"({"anyOf":[{"$ref":"#"}]})", ErrorCode::kInvalidArgument, "nothing in between");
  refused(R"({"maxLength":3,"anyOf":[{"$ref":"#"},{"type":"string"}]})",
          ErrorCode::kInvalidArgument, "nothing in between");
  refused(R"({"minItems":3,"maxItems":2})", ErrorCode::kInvalidArgument, "minItems");
  // What is optional and cannot be met does not come.
  EXPECT_TRUE(schema_takes({{"properties", {{"a", false}, {"b", true}}}}, R"({"b": 1})"));
  EXPECT_FALSE(schema_takes({{"properties", {{"a", false}, {"b", true}}}}, R"({"a": 1})"));
}

TEST(Schema, WhatIsNotReadIsRefusedByNameAndPlace) {
  const auto unsupported = ErrorCode::kUnsupported, invalid = ErrorCode::kInvalidArgument;
  for (const char* keyword : {"not", "if", "patternProperties", "propertyNames", "uniqueItems",
                              "multipleOf", "contains", "minProperties", "dependentRequired",
                              "unevaluatedProperties", "$anchor", "nullable", "x"}) {
    refused(R"({"type":"object","properties":{"p":{")" + std::string(keyword) + R"(":1}}})",
            unsupported,
            ("schema/properties/p: the keyword \"" + std::string(keyword) + "\"").c_str());
  }
  refused("{", invalid, "not JSON");
  refused("[]", invalid, "expected an object");
  refused("3", invalid, "expected an object");
  refused(R"({"type":"text"})", invalid, "schema/type");
  refused(R"({"type":["string",3]})", invalid, "schema/type");
  refused(R"({"properties":[]})", invalid, "schema/properties");
  refused(R"({"required":"a"})", invalid, "schema/required");
  refused(R"({"minLength":-1})", invalid, "schema/minLength");
  refused(R"({"maxLength":1e99})", invalid, "schema/maxLength");
  refused(R"({"maxItems":100000000})", invalid, "schema/maxItems");
  refused(R"({"minimum":"3"})", invalid, "schema/minimum");
  refused(R"({"items":[true]})", unsupported, "prefixItems");
  refused(R"({"pattern":"a","maxLength":3})", unsupported, "at once");
  refused(R"({"enum":["a"],"minLength":3})", unsupported, "beside");
  refused(R"({"$ref":"other.json"})", unsupported, "other.json");
  refused(R"({"$ref":"#/$defs/none"})", invalid, "names nothing");
  refused(R"({"a":1,"a":2})", invalid, "twice");
  refused(R"({"oneOf":[{"type":"integer"},{"type":"number"}]})", unsupported,
          "alternatives 0 and 1");
  refused(R"({"oneOf":[{"type":"object","properties":{"k":{"const":1}}},)"
          R"({"type":"object","properties":{"k":{"const":2}}}]})",
          unsupported, "may both hold");
  std::string deep;
  for (int i = 0; i < 20'000; ++i) deep += R"({"items":)";
  refused(deep, invalid, "nested deeper");
  std::string doubling = R"({"$ref":"#/$defs/a0","$defs":{)";
  for (int i = 0; i < 20; ++i) {
    const std::string next = R"({"$ref":"#/$defs/a)" + std::to_string(i + 1) + "\"}";
    doubling += "\"a" + std::to_string(i) + R"(":{"allOf":[)" + next + "," + next + "]},";
  }
  refused(doubling + R"("a20":{"title":"x"}}})", invalid, "too large");
}

// Merging what refers to itself comes to an end by meeting what was there.
TEST(Schema, MergingWhatRefersToItselfEnds) {
  EXPECT_NO_THROW(compiler().json_schema(
      R"({"properties":{"a":{"$ref":"#"}},)"
      R"("allOf":[{"additionalProperties":{"$ref":"#"},"properties":{"b":{"$ref":"#"}}}]})"));
  EXPECT_NO_THROW(
      compiler().json_schema(R"({"$defs":{"x":{"properties":{"n":{"$ref":"#/$defs/y"}},)"
                             R"("additionalProperties":{"$ref":"#"}},)"
                             R"("y":{"properties":{"n":{"$ref":"#/$defs/x"}},)"
                             R"("additionalProperties":{"$ref":"#/$defs/x"}}},)"
                             R"("allOf":[{"$ref":"#/$defs/x"},{"$ref":"#/$defs/y"}]})"));
}

TEST(Schema, OneOfIsTakenWhereItsAlternativesCannotBothHold) {
  const json by_type = {
      {"oneOf", {{{"type", "string"}}, {{"type", "integer"}}, {{"type", "null"}}}}};
  EXPECT_TRUE(schema_takes(by_type, "3"));
  EXPECT_TRUE(schema_takes(by_type, "null"));
  const json by_kind = {
      {"oneOf",
       {{{"type", "object"},
         {"properties", {{"kind", {{"const", "a"}}}, {"x", {{"type", "integer"}}}}},
         {"required", {"kind", "x"}}},
        {{"type", "object"},
         {"properties", {{"kind", {{"const", "b"}}}, {"y", {{"type", "string"}}}}},
         {"required", {"kind"}}}}}};
  EXPECT_TRUE(schema_takes(by_kind, R"({"kind":"b","y":"q"})"));
  EXPECT_FALSE(schema_takes(by_kind, R"({"kind":"b","x":1})"));
  expect_walks_validate(by_kind.dump(), 100);
  // As pydantic writes a union that is told apart by a member.
  const char* pets = R"({
    "$defs": {
      "Cat": {"properties": {"kind": {"const": "cat", "title": "Kind", "type": "string"},
                             "lives": {"anyOf": [{"type": "integer"}, {"type": "null"}],
                                       "default": null}},
              "required": ["kind"], "title": "Cat", "type": "object"},
      "Dog": {"properties": {"kind": {"enum": ["dog", "puppy"], "type": "string"}},
              "required": ["kind"], "title": "Dog", "type": "object"}},
    "properties": {"pet": {"discriminator": {"propertyName": "kind"},
                           "oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]}},
    "required": ["pet"], "title": "Owner", "type": "object"})";
  EXPECT_TRUE(takes(compiler().json_schema(pets), R"({"pet": {"kind": "cat", "lives": 9}})"));
  EXPECT_FALSE(takes(compiler().json_schema(pets), R"({"pet": {"kind": "dog", "lives": 9}})"));
  expect_walks_validate(pets, 50);
}

TEST(Schema, SchemasThatHoldAtOnceAreMerged) {
  const json both = {
      {"type", "object"},
      {"properties", {{"a", {{"type", "integer"}}}}},
      {"allOf",
       {{{"properties", {{"b", {{"type", "string"}, {"minLength", 1}}}}}, {"required", {"b"}}},
        {{"properties", {{"b", {{"maxLength", 2}}}}}}}},
      {"anyOf",
       {{{"required", {"a"}}},
        {{"properties", {{"c", {{"type", "null"}}}}}, {"required", {"c"}}}}}};
  EXPECT_TRUE(schema_takes(both, R"({"a":1,"b":"xy"})"));
  EXPECT_FALSE(schema_takes(both, R"({"a":1,"b":"xyz"})"));
  EXPECT_FALSE(schema_takes(both, R"({"a":1})"));
  EXPECT_FALSE(schema_takes(both, R"({"b":"xy"})"));
  expect_walks_validate(both.dump(), 100);
  const json referred = {{"$defs", {{"n", {{"type", "number"}, {"minimum", 2}}}}},
                         {"$ref", "#/$defs/n"},
                         {"maximum", 3},
                         {"description", "x"}};
  EXPECT_TRUE(schema_takes(referred, "2.5"));
  EXPECT_FALSE(schema_takes(referred, "3.5"));
}

}  // namespace
}  // namespace heng
