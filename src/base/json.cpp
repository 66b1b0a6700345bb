#include "base/json.h"

#include <cmath>

#include "base/message.h"

namespace heng {
namespace {

// Builds the value while parsing, and stops at the first breach of a limit.
class Builder : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(size_t max_depth) : max_depth_(max_depth) {}
  std::string problem;
  Json value;

  bool null() override { return put(nullptr); }
  bool boolean(bool v) override { return put(v); }
  bool number_integer(number_integer_t v) override { return put(v); }
  bool number_unsigned(number_unsigned_t v) override { return put(v); }
  bool number_float(number_float_t v, const string_t&) override {
    if (std::isfinite(v)) return put(v);
    problem = "a number out of range";
    return false;
  }
  bool string(string_t& v) override { return put(std::move(v)); }
  bool binary(binary_t&) override { return false; }  // not in text
  bool start_object(size_t) override { return enter(Json::object()); }
  bool key(string_t& key) override {
    const auto [member, is_new] =
        open_.back()->get_ref<Json::object_t&>().try_emplace(std::move(key));
    member_ = &member->second;
    if (!is_new) problem = "the key \"" + printable(member->first) + "\" twice";
    return is_new;
  }
  bool end_object() override { return leave(); }
  bool start_array(size_t) override { return enter(Json::array()); }
  bool end_array() override { return leave(); }
  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    problem = "not JSON at byte " + std::to_string(position);
    return false;
  }

 private:
  // Where the next value goes. What is open does not move: only the innermost grows.
  Json& place() {
    if (open_.empty()) return value;
    if (open_.back()->is_object()) return *member_;
    return open_.back()->get_ref<Json::array_t&>().emplace_back();
  }
  template <typename T>
  bool put(T&& v) {
    place() = std::forward<T>(v);
    return true;
  }
  bool enter(Json empty) {
    if (open_.size() == max_depth_) {
      problem = "nested deeper than " + std::to_string(max_depth_);
      return false;
    }
    Json& placed = place();
    placed = std::move(empty);
    open_.push_back(&placed);
    return true;
  }
  bool leave() {
    open_.pop_back();
    return true;
  }

  const size_t max_depth_;
  std::vector<Json*> open_;  // the objects and arrays around the next value
  Json* member_ = nullptr;   // of the innermost object: the one whose key was read last
};

// A value for an error: itself where it is short, else its type.
std::string shown(const Json& value) {
  if (value.is_string()) return '"' + printable(value.get_ref<const std::string&>()) + '"';
  return value.is_structured() ? value.type_name() : value.dump();
}

}  // namespace

Json parse_json(std::string_view text, std::string_view file, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes) {
    throw Error(ErrorCode::kCorrupt, std::string(file) + ": " + std::to_string(text.size()) +
                                         " bytes of JSON, expected at most " +
                                         std::to_string(limits.max_bytes) + ".");
  }
  Builder builder(limits.max_depth);
  if (!Json::sax_parse(text, &builder)) {
    throw Error(ErrorCode::kCorrupt,
                std::string(file) + ": " + builder.problem + "." + std::string(limits.advice));
  }
  return std::move(builder.value);
}

JsonObject::JsonObject(const Json& value, std::string_view file, std::string_view path)
    : value_(value), file_(file), path_(path) {
  if (!value.is_object()) {
    throw Error(ErrorCode::kCorrupt,
                file_ + ": " + path_ + " expected an object, found " + value.type_name() + ".");
  }
}

const Json* JsonObject::find(std::string_view key) const {
  const auto it = value_.find(key);
  return it == value_.end() || it->is_null() ? nullptr : &*it;
}

bool JsonObject::has(std::string_view key) const {
  return find(key) != nullptr;
}

std::string JsonObject::where(std::string_view key) const {
  return file_ + ": " + path_ + std::string(key);
}

void JsonObject::fail(std::string_view key, std::string_view problem) const {
  throw Error(ErrorCode::kCorrupt, where(key) + ": " + std::string(problem) + ".");
}

const Json& JsonObject::need(std::string_view key, std::string_view kind) const {
  const Json* found = find(key);
  if (!found) fail(key, "missing, expected " + std::string(kind));
  return *found;
}

int64_t JsonObject::integer(std::string_view key, int64_t low, int64_t high) const {
  const Json& v = need(key, "an integer");
  const bool too_big = v.is_number_unsigned() && v.get<uint64_t>() > uint64_t{INT64_MAX};
  if (!v.is_number_integer() || too_big || v.get<int64_t>() < low || v.get<int64_t>() > high) {
    fail(key, "expected an integer from " + std::to_string(low) + " to " + std::to_string(high) +
                  ", found " + shown(v));
  }
  return v.get<int64_t>();
}

int64_t JsonObject::integer_or(std::string_view key, int64_t low, int64_t high,
                               int64_t otherwise) const {
  return has(key) ? integer(key, low, high) : otherwise;
}

double JsonObject::number(std::string_view key) const {
  const Json& v = need(key, "a number");
  if (!v.is_number()) fail(key, std::string("expected a number, found ") + v.type_name());
  if (!std::isfinite(v.get<double>())) fail(key, "expected a finite number");
  return v.get<double>();
}

double JsonObject::number_or(std::string_view key, double otherwise) const {
  return has(key) ? number(key) : otherwise;
}

bool JsonObject::boolean_or(std::string_view key, bool otherwise) const {
  if (!has(key)) return otherwise;
  const Json& v = need(key, "true or false");
  if (!v.is_boolean()) fail(key, std::string("expected true or false, found ") + v.type_name());
  return v.get<bool>();
}

std::string JsonObject::string(std::string_view key) const {
  const Json& v = need(key, "a string");
  if (!v.is_string()) fail(key, std::string("expected a string, found ") + v.type_name());
  return v.get<std::string>();
}

std::string JsonObject::string_or(std::string_view key, std::string_view otherwise) const {
  return has(key) ? string(key) : std::string(otherwise);
}

std::vector<std::string> JsonObject::strings_or_empty(std::string_view key) const {
  if (!has(key)) return {};
  const Json& v = need(key, "strings");
  if (v.is_string()) return {v.get<std::string>()};
  if (!v.is_array()) fail(key, std::string("expected strings, found ") + v.type_name());
  std::vector<std::string> out;
  for (const Json& item : v) {
    if (!item.is_string()) fail(key, std::string("expected strings, found ") + item.type_name());
    out.push_back(item.get<std::string>());
  }
  return out;
}

std::vector<int64_t> JsonObject::integers_or_empty(std::string_view key) const {
  if (!has(key)) return {};
  const Json& v = need(key, "integers");
  const auto value = [&](const Json& item) {
    const bool too_big = item.is_number_unsigned() && item.get<uint64_t>() > uint64_t{INT64_MAX};
    if (!item.is_number_integer() || too_big) fail(key, "expected integers");
    return item.get<int64_t>();
  };
  if (!v.is_array()) return {value(v)};
  std::vector<int64_t> out;
  for (const Json& item : v) out.push_back(value(item));
  return out;
}

std::optional<JsonObject> JsonObject::object(std::string_view key) const {
  const Json* found = find(key);
  if (!found) return std::nullopt;
  return JsonObject(*found, file_, path_ + std::string(key) + ".");
}

std::vector<JsonObject> JsonObject::objects_or_empty(std::string_view key) const {
  const Json* found = find(key);
  if (!found) return {};
  if (!found->is_array()) fail(key, std::string("expected a list, found ") + found->type_name());
  std::vector<JsonObject> out;
  out.reserve(found->size());
  for (const Json& item : *found) {
    const std::string place = std::string(key) + "[" + std::to_string(out.size()) + "].";
    out.emplace_back(item, file_, path_ + place);
  }
  return out;
}

}  // namespace heng
