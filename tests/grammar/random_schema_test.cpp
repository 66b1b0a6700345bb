// Random schemas, replies of random scores: each parses, and validates by the letter of JSON
// Schema.
#include <gtest/gtest.h>

#include "heng/error.h"
#include "support/constrained_walk.h"
#include "support/schema_validator.h"

namespace heng {
namespace {

using nlohmann::json;

class RandomSchemas {
 public:
  explicit RandomSchemas(unsigned seed) : random_(seed) {}

  json schema() {
    json root = part(0);
    if (!root.is_object()) root = json::object();
    root["$defs"] = {{"d0", part(1)}, {"d1", part(1)}};
    return root;
  }

 private:
  size_t up_to(size_t n) { return random_() % n; }
  bool chance(size_t percent) { return up_to(100) < percent; }
  template <typename T>
  T one_of(std::initializer_list<T> items) {
    return *(items.begin() + up_to(items.size()));
  }
  std::string name() {
    return one_of<std::string>({"a", "ab", "abc", "q\"", "\xC3\xA9", "", "name"});
  }

  json value(int depth) {
    switch (up_to(depth < 2 ? 6 : 4)) {
      case 0:
        return nullptr;
      case 1:
        return chance(50);
      case 2:
        return one_of<json>({-7, 0, 12, 1.5, 1.0, -0.25});
      case 3:
        return one_of<json>({"", "a", "x\"y", "\xC3\xA9\n"});
      case 4:
        return json::array({value(depth + 1), value(depth + 1)});
      default:
        return json{{name(), value(depth + 1)}};
    }
  }

  json number() {
    json s = {{"type", one_of<const char*>({"integer", "number"})}};
    const auto bound = [&](const char* key, double low, int range) {
      if (!chance(30)) return;
      s[key] = low + static_cast<double>(up_to(range)) / one_of<double>({1, 1, 8, 100});
    };
    bound("minimum", -50, 60);
    bound("exclusiveMinimum", -9, 12);
    bound("maximum", 5, 5000);
    bound("exclusiveMaximum", 3, 90);
    return s;
  }

  json string() {
    json s = {{"type", "string"}};
    if (chance(30)) {
      s["pattern"] = one_of<const char*>(
          {"^[a-z]{1,3}$", "\\d", "^a|b$", "^(?:ab)*$", "^.{0,3}$", "^\\w+-\\d{2}$", "[^a-c]{2}"});
      return s;
    }
    if (chance(40)) s["minLength"] = up_to(4);
    if (chance(40)) s["maxLength"] = 3 + up_to(4);
    return s;
  }

  json array(int depth) {
    json s = {{"type", "array"}};
    if (chance(70)) s["items"] = part(depth + 1);
    if (chance(30)) s["prefixItems"] = json::array({part(depth + 1), part(depth + 1)});
    if (chance(40)) s["minItems"] = up_to(4);
    if (chance(40)) s["maxItems"] = 2 + up_to(4);
    return s;
  }

  json object(int depth) {
    json s = {{"type", "object"}, {"properties", json::object()}};
    for (size_t n = up_to(4); n > 0; --n) s["properties"][name()] = part(depth + 1);
    if (chance(60)) s["required"] = json::array({name()});
    if (chance(50)) s["additionalProperties"] = chance(50) ? json(chance(50)) : part(depth + 1);
    return s;
  }

  json part(int depth) {
    const size_t kind = up_to(depth > 3 ? 6 : 12);
    if (kind == 0) return one_of<json>({true, json::object(), json{{"title", "t"}}});
    if (kind == 1) return {{"enum", json::array({value(0), value(0), value(0)})}};
    if (kind == 2) return {{"const", value(0)}};
    if (kind == 3) return string();
    if (kind == 4) return number();
    if (kind == 5) return {{"type", json::array({"null", "boolean", "string"})}};
    if (kind == 6) return array(depth);
    if (kind < 9) return object(depth);
    if (kind == 9) return {{"$ref", one_of<const char*>({"#/$defs/d0", "#/$defs/d1", "#"})}};
    json s = kind == 10 ? json::object() : object(depth);
    s[one_of<const char*>({"anyOf", "oneOf", "allOf"})] =
        json::array({part(depth + 1), part(depth + 1)});
    return s;
  }

  std::mt19937 random_;
};

TEST(RandomSchema, RepliesValidateWhateverTheScoresAre) {
  const test::ListTokenizer tokenizer = test::json_tokenizer();
  const TokenId end = tokenizer.end();
  const ConstraintCompiler compiler(tokenizer, std::span(&end, 1));
  RandomSchemas schemas(2024);
  std::mt19937 random(1);
  size_t n_taken = 0;
  for (int i = 0; i < 600; ++i) {
    const json schema = schemas.schema();
    std::shared_ptr<const Constraint> constraint;
    try {
      constraint = compiler.json_schema(schema.dump());
    } catch (const Error& e) {
      EXPECT_NE(e.code(), ErrorCode::kInternal) << e.what();
      continue;
    }
    ++n_taken;
    const test::SchemaValidator validator(schema);
    for (int n = 0; n < 6; ++n) {
      const auto ids = test::random_walk(constraint, tokenizer, random);
      const std::string text = tokenizer.decode_bytes(ids);
      const json reply = json::parse(text, nullptr, false);
      ASSERT_FALSE(reply.is_discarded()) << text << "\nunder " << schema;
      ASSERT_TRUE(validator.allows(reply)) << text << "\nunder " << schema;
    }
  }
  EXPECT_GT(n_taken, 400u);
}

}  // namespace
}  // namespace heng
