// JSON as its author wrote it: members in their order, numbers in their spelling. For what is
// handed on (tools, schemas); what is only read goes through base/json.h. Plain values.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace heng {

struct OrderedJson {
  enum class Kind { kNull, kBool, kInteger, kFloat, kString, kArray, kObject };
  using Member = std::pair<std::string, OrderedJson>;

  Kind kind = Kind::kNull;
  bool boolean = false;
  std::string text = {};  // of a string, or the digits of a number
  std::vector<OrderedJson> items = {};
  std::vector<Member> members = {};  // keys are distinct

  bool is(Kind k) const { return kind == k; }
  bool is_number() const { return is(Kind::kInteger) || is(Kind::kFloat); }
  const OrderedJson* find(std::string_view key) const;  // nullptr where there is none
};

// "null", "boolean", "integer", "number", "string", "array", "object".
std::string_view kind_name(OrderedJson::Kind kind);

// Throws Error kInvalidArgument naming `what` and the byte: no JSON, a key twice, over the limits,
// a number that no double holds.
OrderedJson parse_ordered_json(std::string_view text, std::string_view what,
                               const JsonLimits& limits);

// `text` as a JSON string, quoted, with no more escapes than JSON asks for: as Python's json.dumps
// with ensure_ascii=False. REQUIRES: valid UTF-8.
std::string json_quoted(std::string_view text);

// As Python's json.dumps(json.loads(...), ensure_ascii=False) with these separators.
std::string print_json(const OrderedJson& value, std::string_view between = ", ",
                       std::string_view behind_key = ": ");

}  // namespace heng
