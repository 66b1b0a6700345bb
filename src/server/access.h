// Who may ask: Host and Origin headers against attacks through a browser (DNS rebinding, requests
// from other sites), and API keys. Pure functions; safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace heng::server {

struct AccessRules {
  bool loopback = true;              // bound to this machine alone: other names are refused
  std::vector<std::string> hosts;    // names that are accepted besides
  std::vector<std::string> origins;  // other sites whose pages may ask ("https://example.org")
  std::vector<std::string> keys;     // empty: none is asked for
};

// "[::1]:8080" -> "::1", "LocalHost:80" -> "localhost"
std::string host_name(std::string_view host);

bool is_loopback_name(std::string_view name);

bool host_allowed(const AccessRules& rules, std::string_view host);

// `origin` empty: the request comes from no page. The server's own page has the Host's name.
bool origin_allowed(const AccessRules& rules, std::string_view origin, std::string_view host);
// Whether answers to `origin` say that its pages may read them.
bool origin_listed(const AccessRules& rules, std::string_view origin);

// Index of the key in "Bearer KEY"; nullopt where it is none of them. Takes the same time for every
// wrong key of one length.
std::optional<size_t> key_index(const AccessRules& rules, std::string_view authorization);

bool equal_in_constant_time(std::string_view given, std::string_view secret);

// "application/json; charset=utf-8"
bool is_json(std::string_view content_type);

}  // namespace heng::server
