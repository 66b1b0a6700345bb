#include "server/access.h"

#include <algorithm>
#include <cctype>

namespace heng::server {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

bool contains(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

bool is_number_below(std::string_view text, int limit) {
  if (text.empty() || text.size() > 3) return false;
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + (c - '0');
  }
  return value < limit;
}

// 127.a.b.c: whole, so that 127.0.0.1.example.org is not one.
bool is_loopback_v4(std::string_view name) {
  if (!name.starts_with("127.")) return false;
  name.remove_prefix(4);
  for (int i = 0; i < 3; ++i) {
    const size_t dot = name.find('.');
    if ((i < 2) == (dot == std::string_view::npos)) return false;
    if (!is_number_below(name.substr(0, dot), 256)) return false;
    name.remove_prefix(i < 2 ? dot + 1 : name.size());
  }
  return true;
}

}  // namespace

std::string host_name(std::string_view host) {
  if (host.starts_with('[')) {
    const size_t end = host.find(']');
    return end == std::string_view::npos ? "" : lower(host.substr(1, end - 1));
  }
  return lower(host.substr(0, host.find(':')));
}

bool is_loopback_name(std::string_view name) {
  return name == "localhost" || name.ends_with(".localhost") || name == "::1" ||
         is_loopback_v4(name);
}

bool host_allowed(const AccessRules& rules, std::string_view host) {
  if (!rules.loopback) return true;
  const std::string name = host_name(host);
  return is_loopback_name(name) || contains(rules.hosts, name);
}

bool origin_listed(const AccessRules& rules, std::string_view origin) {
  return contains(rules.origins, lower(origin));
}

bool origin_allowed(const AccessRules& rules, std::string_view origin, std::string_view host) {
  if (origin.empty() || origin_listed(rules, origin)) return true;
  const size_t scheme = origin.find("://");
  return scheme != std::string_view::npos && lower(origin.substr(scheme + 3)) == lower(host);
}

bool equal_in_constant_time(std::string_view given, std::string_view secret) {
  if (secret.empty()) return false;
  // As many steps as `given` has bytes, whatever they are.
  unsigned differs = given.size() == secret.size() ? 0 : 1;
  for (size_t i = 0; i < given.size(); ++i) {
    differs |= static_cast<unsigned char>(given[i]) ^
               static_cast<unsigned char>(secret[i % secret.size()]);
  }
  return differs == 0;
}

std::optional<size_t> key_index(const AccessRules& rules, std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  const bool has_scheme = lower(authorization.substr(0, kScheme.size())) == kScheme;
  const std::string_view given = has_scheme ? authorization.substr(kScheme.size()) : "";
  std::optional<size_t> found;
  for (size_t i = 0; i < rules.keys.size(); ++i) {
    if (equal_in_constant_time(given, rules.keys[i])) found = i;
  }
  return found;
}

bool is_json(std::string_view content_type) {
  std::string type = lower(content_type.substr(0, content_type.find(';')));
  while (type.ends_with(' ')) type.pop_back();
  return type == "application/json";
}

}  // namespace heng::server
