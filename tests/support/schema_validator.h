// JSON Schema, as far as constraints read it, by the letter of the specification and nothing of the
// code under test: values are looked at, not written.
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>

namespace heng::test {

class SchemaValidator {
 public:
  using Json = nlohmann::json;
  explicit SchemaValidator(Json root) : root_(std::move(root)) {}

  bool allows(const Json& value) const { return allows(root_, value); }

 private:
  static bool is_whole(const Json& v) {
    return v.is_number_integer() ||
           (v.is_number() && std::floor(v.get<double>()) == v.get<double>());
  }
  static bool has_type(const Json& v, const std::string& type) {
    if (type == "null") return v.is_null();
    if (type == "boolean") return v.is_boolean();
    if (type == "integer") return is_whole(v);
    if (type == "number") return v.is_number();
    if (type == "string") return v.is_string();
    if (type == "array") return v.is_array();
    return type == "object" && v.is_object();
  }
  // By the code point. REQUIRES: valid UTF-8.
  static std::wstring wide(const std::string& text) {
    std::wstring out;
    for (const char c : text) {
      const auto byte = static_cast<uint8_t>(c);
      if ((byte & 0xC0) == 0x80) {
        out.back() = static_cast<wchar_t>(out.back() << 6 | (byte & 0x3F));
      } else {
        out += static_cast<wchar_t>(byte < 0x80 ? byte
                                                : byte & (byte < 0xE0   ? 0x1F
                                                          : byte < 0xF0 ? 0x0F
                                                                        : 0x07));
      }
    }
    return out;
  }
  static size_t characters(const std::string& text) {
    size_t n = 0;
    for (const char c : text) n += (static_cast<uint8_t>(c) & 0xC0) != 0x80;
    return n;
  }

  bool allows(const Json& s, const Json& v) const {
    if (s.is_boolean()) return s.get<bool>();
    return general(s, v) && (!v.is_number() || number(s, v)) && (!v.is_string() || text(s, v)) &&
           (!v.is_array() || array(s, v)) && (!v.is_object() || object(s, v));
  }

  bool general(const Json& s, const Json& v) const {
    if (s.contains("$ref")) {
      const std::string ref = s["$ref"];
      if (!allows(root_.at(Json::json_pointer(ref.substr(1))), v)) return false;
    }
    if (s.contains("type")) {
      const Json types = s["type"].is_array() ? s["type"] : Json::array({s["type"]});
      bool any = false;
      for (const Json& type : types) any = any || has_type(v, type);
      if (!any) return false;
    }
    if (s.contains("const") && v != s["const"]) return false;
    if (s.contains("enum")) {
      bool any = false;
      for (const Json& option : s["enum"]) any = any || v == option;
      if (!any) return false;
    }
    const auto count = [&](const char* key) {
      size_t n = 0;
      for (const Json& part : s[key]) n += allows(part, v);
      return n;
    };
    return (!s.contains("allOf") || count("allOf") == s["allOf"].size()) &&
           (!s.contains("anyOf") || count("anyOf") > 0) &&
           (!s.contains("oneOf") || count("oneOf") == 1);
  }

  static bool number(const Json& s, const Json& v) {
    const double x = v;
    return x >= s.value("minimum", -INFINITY) && x <= s.value("maximum", INFINITY) &&
           x > s.value("exclusiveMinimum", -INFINITY) && x < s.value("exclusiveMaximum", INFINITY);
  }
  static bool text(const Json& s, const Json& v) {
    const std::string t = v;
    const size_t n = characters(t);
    if (n < s.value("minLength", size_t{0}) || n > s.value("maxLength", SIZE_MAX)) return false;
    if (!s.contains("pattern")) return true;
    return std::regex_search(wide(t), std::wregex(wide(s["pattern"].get<std::string>())));
  }
  bool array(const Json& s, const Json& v) const {
    if (v.size() < s.value("minItems", size_t{0}) || v.size() > s.value("maxItems", SIZE_MAX)) {
      return false;
    }
    const size_t prefix = s.contains("prefixItems") ? s["prefixItems"].size() : 0;
    for (size_t i = 0; i < v.size(); ++i) {
      if (i < prefix ? !allows(s["prefixItems"][i], v[i])
                     : s.contains("items") && !allows(s["items"], v[i])) {
        return false;
      }
    }
    return true;
  }
  bool object(const Json& s, const Json& v) const {
    if (s.contains("required")) {
      for (const Json& name : s["required"]) {
        if (!v.contains(name.get<std::string>())) return false;
      }
    }
    for (const auto& [key, member] : v.items()) {
      if (s.contains("properties") && s["properties"].contains(key)) {
        if (!allows(s["properties"][key], member)) return false;
      } else if (s.contains("additionalProperties") && !allows(s["additionalProperties"], member)) {
        return false;
      }
    }
    return true;
  }

  const Json root_;
};

}  // namespace heng::test
