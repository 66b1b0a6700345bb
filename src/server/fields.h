// Typed access to the members of a request's JSON. What is wrong becomes an ApiError 400 that names
// the field by its path ("messages[1].content"). A member that is null counts as absent; members
// that nobody asks for are accepted. Borrows the JSON; not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/api_error.h"

namespace heng::server {

// Depth is limited to 64. Throws ApiError 400.
Json parse_body(std::string_view body);

class Fields {
 public:
  // Throws ApiError where `value` is no object.
  explicit Fields(const Json& value, std::string path = "");

  bool has(std::string_view key) const { return find(key) != nullptr; }
  const Json* find(std::string_view key) const;
  std::string path(std::string_view key) const { return path_ + std::string(key); }

  std::optional<int64_t> integer(std::string_view key, int64_t low, int64_t high) const;
  std::optional<double> number(std::string_view key, double low, double high) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::string> string(std::string_view key) const;
  std::string need_string(std::string_view key) const;
  std::optional<Fields> object(std::string_view key) const;
  // A list of objects, each with its place in the path; empty where absent.
  std::vector<Fields> objects(std::string_view key, size_t most) const;
  // One string or a list of them; empty where absent.
  std::vector<std::string> strings(std::string_view key, size_t most) const;

  // Throws ApiError 400: "<path>: <problem>."
  [[noreturn]] void fail(std::string_view key, std::string_view problem,
                         std::string_view code = "invalid_value") const;

 private:
  [[noreturn]] void expected(std::string_view key, std::string_view what, const Json& found) const;

  const Json& value_;
  std::string path_;  // "" or "messages[0]."
};

}  // namespace heng::server
