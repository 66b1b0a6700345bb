#include "base/ordered_json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <unordered_set>

#include "base/message.h"
#include "base/number_text.h"

namespace heng {
namespace {

using Kind = OrderedJson::Kind;

class Builder : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(size_t max_depth) : max_depth_(max_depth) {}
  std::string problem;
  OrderedJson value;

  bool null() override { return put({}); }
  bool boolean(bool v) override { return put({.kind = Kind::kBool, .boolean = v}); }
  bool number_integer(number_integer_t v) override { return integer(std::to_string(v)); }
  bool number_unsigned(number_unsigned_t v) override { return integer(std::to_string(v)); }
  // Integers that no machine word holds come here too.
  bool number_float(number_float_t v, const string_t& digits) override {
    if (digits.find_first_of(".eE") == std::string::npos) return integer(digits);
    if (std::isfinite(v)) return put({.kind = Kind::kFloat, .text = digits});
    problem = "a number out of range";
    return false;
  }
  bool string(string_t& v) override { return put({.kind = Kind::kString, .text = std::move(v)}); }
  bool binary(binary_t&) override { return false; }  // not in text
  bool start_object(size_t) override { return enter(Kind::kObject); }
  bool key(string_t& key) override {
    if (!open_.back().keys.insert(key).second) {
      problem = "the key \"" + printable(key) + "\" twice";
      return false;
    }
    open_.back().value->members.emplace_back(std::move(key), OrderedJson());
    return true;
  }
  bool end_object() override { return leave(); }
  bool start_array(size_t) override { return enter(Kind::kArray); }
  bool end_array() override { return leave(); }
  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    problem = "not JSON at byte " + std::to_string(position);
    return false;
  }

 private:
  struct Open {
    OrderedJson* value;
    std::unordered_set<std::string> keys;
  };

  bool integer(std::string digits) {
    return put({.kind = Kind::kInteger, .text = std::move(digits)});
  }
  // Where the next value goes. What is open does not move: only the innermost grows.
  OrderedJson& place() {
    if (open_.empty()) return value;
    OrderedJson& around = *open_.back().value;
    return around.is(Kind::kObject) ? around.members.back().second : around.items.emplace_back();
  }
  bool put(OrderedJson v) {
    place() = std::move(v);
    return true;
  }
  bool enter(Kind kind) {
    if (open_.size() == max_depth_) {
      problem = "nested deeper than " + std::to_string(max_depth_);
      return false;
    }
    OrderedJson& placed = place();
    placed.kind = kind;
    open_.push_back({&placed, {}});
    return true;
  }
  bool leave() {
    open_.pop_back();
    return true;
  }

  const size_t max_depth_;
  std::vector<Open> open_;  // the objects and arrays around the next value
};

std::string number_text(const OrderedJson& value) {
  if (value.is(Kind::kInteger)) return value.text;
  double number = 0;
  std::from_chars(value.text.data(), value.text.data() + value.text.size(), number);
  return float_text(number);
}

}  // namespace

const OrderedJson* OrderedJson::find(std::string_view key) const {
  const auto it = std::find_if(members.begin(), members.end(),
                               [&](const Member& member) { return member.first == key; });
  return it == members.end() ? nullptr : &it->second;
}

std::string_view kind_name(Kind kind) {
  static constexpr std::string_view kNames[] = {"null",   "boolean", "integer", "number",
                                                "string", "array",   "object"};
  return kNames[static_cast<size_t>(kind)];
}

OrderedJson parse_ordered_json(std::string_view text, std::string_view what,
                               const JsonLimits& limits) {
  const auto fail = [&](const std::string& problem) {
    throw Error(ErrorCode::kInvalidArgument, std::string(what) + ": " + problem + ".");
  };
  if (text.size() > limits.max_bytes) {
    fail(with_commas(text.size()) + " bytes of JSON, expected at most " +
         with_commas(limits.max_bytes));
  }
  Builder builder(limits.max_depth);
  if (!Json::sax_parse(text, &builder)) fail(builder.problem);
  return std::move(builder.value);
}

std::string json_quoted(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  constexpr std::string_view kFrom = "\"\\\n\r\t\f\b", kTo = "\"\\nrtfb";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const size_t i = kFrom.find(c);
    if (i != std::string_view::npos) {
      out += {'\\', kTo[i]};
    } else if (byte < 0x20) {
      out += {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string print_json(const OrderedJson& value, std::string_view between,
                       std::string_view behind_key) {
  switch (value.kind) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return value.boolean ? "true" : "false";
    case Kind::kInteger:
    case Kind::kFloat:
      return number_text(value);
    case Kind::kString:
      return json_quoted(value.text);
    case Kind::kArray:
    case Kind::kObject:
      break;
  }
  const bool object = value.is(Kind::kObject);
  std::string out = object ? "{" : "[";
  const auto separate = [&] {
    if (out.size() > 1) out += between;
  };
  for (const OrderedJson& item : value.items) {
    separate();
    out += print_json(item, between, behind_key);
  }
  for (const auto& [key, member] : value.members) {
    separate();
    out += json_quoted(key);
    out += behind_key;
    out += print_json(member, between, behind_key);
  }
  return out + (object ? "}" : "]");
}

}  // namespace heng
