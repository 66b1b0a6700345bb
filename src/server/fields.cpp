#include "server/fields.h"

#include <cmath>

#include "base/message.h"

namespace heng::server {
namespace {

constexpr size_t kMaxDepth = 64;

std::string shown(const Json& value) {
  if (value.is_string()) return '"' + printable(value.get_ref<const std::string&>()) + '"';
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  return value.dump();
}

std::string plain(double x) {
  return Json(x).dump();
}

}  // namespace

Json parse_body(std::string_view body) {
  try {
    // The length of a body is limited where it is read.
    return parse_json(body, "the request's body",
                      {.max_bytes = body.size(), .max_depth = kMaxDepth, .advice = ""});
  } catch (const Error& error) {
    throw ApiError(400, error.what(), "", "invalid_json");
  }
}

Fields::Fields(const Json& value, std::string path) : value_(value), path_(std::move(path)) {
  if (value.is_object()) return;
  std::string place = path_.empty() ? "the request's body" : path_.substr(0, path_.size() - 1);
  throw ApiError(400, place + ": expected an object, found " + shown(value) + ".",
                 path_.empty() ? "" : place, "invalid_type");
}

const Json* Fields::find(std::string_view key) const {
  const auto it = value_.find(key);
  return it == value_.end() || it->is_null() ? nullptr : &*it;
}

void Fields::fail(std::string_view key, std::string_view problem, std::string_view code) const {
  throw ApiError(400, path(key) + ": " + std::string(problem) + ".", path(key), std::string(code));
}

void Fields::expected(std::string_view key, std::string_view what, const Json& found) const {
  fail(key, "expected " + std::string(what) + ", found " + shown(found), "invalid_type");
}

std::optional<int64_t> Fields::integer(std::string_view key, int64_t low, int64_t high) const {
  const Json* v = find(key);
  if (!v) return std::nullopt;
  const std::string range = std::to_string(low) + " to " + std::to_string(high);
  if (!v->is_number_integer()) expected(key, "an integer from " + range, *v);
  const bool too_big = v->is_number_unsigned() && v->get<uint64_t>() > uint64_t{INT64_MAX};
  if (too_big || v->get<int64_t>() < low || v->get<int64_t>() > high) {
    fail(key, "expected an integer from " + range + ", found " + shown(*v));
  }
  return v->get<int64_t>();
}

std::optional<double> Fields::number(std::string_view key, double low, double high) const {
  const Json* v = find(key);
  if (!v) return std::nullopt;
  const std::string range = plain(low) + " to " + plain(high);
  if (!v->is_number()) expected(key, "a number from " + range, *v);
  const double number = v->get<double>();
  if (!(number >= low && number <= high)) {
    fail(key, "expected a number from " + range + ", found " + shown(*v));
  }
  return number;
}

std::optional<bool> Fields::boolean(std::string_view key) const {
  const Json* v = find(key);
  if (!v) return std::nullopt;
  if (!v->is_boolean()) expected(key, "true or false", *v);
  return v->get<bool>();
}

std::optional<std::string> Fields::string(std::string_view key) const {
  const Json* v = find(key);
  if (!v) return std::nullopt;
  if (!v->is_string()) expected(key, "a string", *v);
  return v->get<std::string>();
}

std::string Fields::need_string(std::string_view key) const {
  auto text = string(key);
  if (!text) fail(key, "missing, expected a string", "missing_required_parameter");
  return std::move(*text);
}

std::optional<Fields> Fields::object(std::string_view key) const {
  const Json* v = find(key);
  if (!v) return std::nullopt;
  return Fields(*v, path(key) + ".");
}

std::vector<Fields> Fields::objects(std::string_view key, size_t most) const {
  const Json* v = find(key);
  if (!v) return {};
  if (!v->is_array()) expected(key, "a list", *v);
  if (v->size() > most) {
    fail(key, std::to_string(v->size()) + " items, expected at most " + std::to_string(most));
  }
  std::vector<Fields> out;
  out.reserve(v->size());
  for (const Json& item : *v) {
    out.emplace_back(item, path(key) + "[" + std::to_string(out.size()) + "].");
  }
  return out;
}

std::vector<std::string> Fields::strings(std::string_view key, size_t most) const {
  const Json* v = find(key);
  if (!v) return {};
  if (v->is_string()) return {v->get<std::string>()};
  if (!v->is_array()) expected(key, "a string or a list of strings", *v);
  if (v->size() > most) {
    fail(key, std::to_string(v->size()) + " items, expected at most " + std::to_string(most));
  }
  std::vector<std::string> out;
  for (const Json& item : *v) {
    const std::string place = std::string(key) + "[" + std::to_string(out.size()) + "]";
    if (!item.is_string()) expected(place, "a string", item);
    out.push_back(item.get<std::string>());
  }
  return out;
}

}  // namespace heng::server
