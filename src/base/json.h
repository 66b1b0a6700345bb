// nlohmann-json behind one strict reader: depth and size are limited while parsing, duplicate keys
// are refused, and every error names the file and the field's path.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "heng/error.h"

namespace heng {

using Json = nlohmann::json;

struct JsonLimits {
  size_t max_bytes = 64u << 20;
  size_t max_depth = 32;
  std::string_view advice = " The file is damaged.";  // ends every error
};

// Throws Error kCorrupt naming `file`, the byte and what was expected there.
Json parse_json(std::string_view text, std::string_view file, const JsonLimits& limits = {});

// Typed access to the members of one JSON object. Borrows the object; `file` is copied.
// All getters throw Error kCorrupt with file and field: wrong type, out of range, or missing.
class JsonObject {
 public:
  JsonObject(const Json& value, std::string_view file, std::string_view path = "");

  bool has(std::string_view key) const;  // present and not null
  const Json& raw() const { return value_; }

  int64_t integer(std::string_view key, int64_t low, int64_t high) const;
  int64_t integer_or(std::string_view key, int64_t low, int64_t high, int64_t otherwise) const;
  double number(std::string_view key) const;  // finite
  double number_or(std::string_view key, double otherwise) const;
  bool boolean_or(std::string_view key, bool otherwise) const;
  std::string string(std::string_view key) const;
  std::string string_or(std::string_view key, std::string_view otherwise) const;
  std::vector<std::string> strings_or_empty(std::string_view key) const;  // also accepts one string
  std::vector<int64_t> integers_or_empty(std::string_view key) const;  // also accepts one integer
  std::optional<JsonObject> object(std::string_view key) const;        // nullopt when absent
  // A list of objects, each with its place in the path: "decoders[1].". Empty when absent.
  std::vector<JsonObject> objects_or_empty(std::string_view key) const;

  // "<file>: <path of key>", for the head of an error.
  std::string where(std::string_view key) const;
  // For checks between fields: Error kCorrupt "<file>: <key>: <problem>".
  [[noreturn]] void fail(std::string_view key, std::string_view problem) const;

 private:
  const Json* find(std::string_view key) const;
  const Json& need(std::string_view key, std::string_view kind) const;

  const Json& value_;
  std::string file_;
  std::string path_;  // "" or "rope_scaling."
};

}  // namespace heng
