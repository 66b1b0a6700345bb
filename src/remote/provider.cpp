#include "remote/provider.h"

#include <algorithm>
#include <cstdlib>

#include "base/message.h"
#include "heng/error.h"

namespace heng::remote {
namespace {

constexpr std::string_view kHttps = "https://", kHttp = "http://";

[[noreturn]] void refuse(std::string_view text, std::string_view problem) {
  throw Error(ErrorCode::kInvalidArgument,
              "provider \"" + printable(text) + "\": " + std::string(problem) +
                  ". Expected NAME=MODEL@https://host/v1, with #VARIABLE behind it where a key is "
                  "needed.");
}

bool is_name(std::string_view text, std::string_view more) {
  return !text.empty() && text.size() <= 100 &&
         std::all_of(text.begin(), text.end(), [&](unsigned char c) {
           return std::isalnum(c) || more.find(static_cast<char>(c)) != std::string_view::npos;
         });
}

bool is_this_machine(std::string_view host) {
  return host == "localhost" || host == "[::1]" || host == "127.0.0.1";
}

std::string_view after_scheme(std::string_view url) {
  if (url.starts_with(kHttps)) return url.substr(kHttps.size());
  return url.starts_with(kHttp) ? url.substr(kHttp.size()) : std::string_view();
}

}  // namespace

std::string Provider::host() const {
  std::string_view rest = after_scheme(base_url);
  rest = rest.substr(0, rest.find('/'));
  const size_t from = rest.starts_with('[') ? rest.find(']') : 0;
  return std::string(rest.substr(0, rest.find(':', from)));
}

std::string Provider::key() const {
  if (key_variable.empty()) return "";
  const char* key = std::getenv(key_variable.c_str());
  if (!key || !*key) {
    throw Error(ErrorCode::kInvalidArgument, "provider " + name + ": the environment variable " +
                                                 key_variable + " is not set; its key goes there.");
  }
  const std::string_view text = key;
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; })) {
    throw Error(ErrorCode::kInvalidArgument, "provider " + name + ": " + key_variable +
                                                 " holds spaces or control characters, which no "
                                                 "key has.");
  }
  return std::string(text);
}

Provider parse_provider(std::string_view text) {
  const size_t equals = text.find('='), scheme = text.find("@http");
  if (equals == std::string_view::npos || scheme == std::string_view::npos || scheme < equals) {
    refuse(text, "no NAME= or no @https://");
  }
  Provider provider;
  provider.name = text.substr(0, equals);
  provider.model = text.substr(equals + 1, scheme - equals - 1);
  std::string_view url = text.substr(scheme + 1);
  if (const size_t hash = url.find('#'); hash != std::string_view::npos) {
    provider.key_variable = url.substr(hash + 1);
    url = url.substr(0, hash);
    if (!is_name(provider.key_variable, "_")) refuse(text, "behind # no variable's name");
  }
  while (url.ends_with('/')) url.remove_suffix(1);
  provider.base_url = url;
  if (!is_name(provider.name, "-_.:/")) {
    refuse(text, "a name has letters, digits and - _ . : / alone");
  }
  if (provider.model.empty()) refuse(text, "no model");
  const std::string_view rest = after_scheme(url);
  if (rest.empty() || std::any_of(rest.begin(), rest.end(), [](char c) { return c <= ' '; })) {
    refuse(text, "no URL of http or https");
  }
  if (rest.substr(0, rest.find('/')).find('@') != std::string_view::npos) {
    refuse(text, "a URL with a user or password, which would be shown");
  }
  if (rest.find_first_of("?\\") != std::string_view::npos) refuse(text, "a URL with a query");
  if (url.starts_with(kHttp) && !is_this_machine(provider.host())) {
    refuse(text, "http would send questions readable; only https leaves this machine");
  }
  provider.key();
  return provider;
}

}  // namespace heng::remote
