#include "server/router.h"

#include "base/message.h"

namespace heng::server {
namespace {

using Key = Route::Key;

constexpr Route kRoutes[] = {
    {"GET", "/", get_page, Key::kNone, false},
    {"GET", "/page/", get_page, Key::kNone, false},
    {"GET", "/heng/models", get_page_models, Key::kAsked, false},
    {"POST", "/heng/chat", post_page_chat, Key::kAsked, true},
    {"POST", "/heng/rounds", post_round, Key::kAsked, false},
    {"POST", "/heng/votes", post_vote, Key::kAsked, false},
    {"GET", "/heng/votes/table", get_vote_table, Key::kAsked, false},
    {"GET", "/health", get_health, Key::kNone, false},
    {"GET", "/v1/health", get_health, Key::kNone, false},
    {"GET", "/metrics", get_metrics, Key::kAsked, false},
    {"GET", "/v1/models", get_models, Key::kAsked, false},
    {"GET", "/v1/models/", get_model, Key::kAsked, false},
    {"POST", "/v1/chat/completions", post_chat_completions, Key::kAsked, true},
    {"POST", "/v1/completions", post_completions, Key::kAsked, true},
    {"POST", "/v1/embeddings", post_embeddings, Key::kAsked, true},
    {"GET", "/tokenizer_info", get_tokenizer_info, Key::kAsked, true},
    {"POST", "/tokenize", post_tokenize, Key::kAsked, true},
    {"POST", "/detokenize", post_detokenize, Key::kAsked, true},
    {"POST", "/api/chat", post_ollama_chat, Key::kAsked, true},
    {"POST", "/api/generate", post_ollama_generate, Key::kAsked, true},
    {"POST", "/api/show", post_ollama_show, Key::kAsked, false},
    {"GET", "/api/tags", get_ollama_tags, Key::kAsked, false},
    {"GET", "/api/ps", get_ollama_ps, Key::kAsked, false},
    {"GET", "/api/version", get_ollama_version, Key::kAsked, false},
};

bool fits(const Route& route, std::string_view path) {
  const bool is_prefix = route.path.size() > 1 && route.path.ends_with('/');
  return is_prefix ? path.starts_with(route.path) && path.size() > route.path.size()
                   : path == route.path;
}

}  // namespace

RouteOrError find_route(std::string_view method, std::string_view path) {
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  RouteOrError result;
  for (const Route& route : kRoutes) {
    if (!fits(route, path)) continue;
    if (route.method == wanted) return {&route, std::nullopt, ""};
    result.allow = route.method;
  }
  if (result.allow.empty()) {
    result.error = ApiError(404, "no such path: " + printable(path) + ".", "", "unknown_url");
  } else {
    result.error = ApiError(
        405,
        printable(path) + " is asked with " + result.allow + ", not " + printable(method) + ".", "",
        "method_not_allowed");
  }
  return result;
}

ErrorShape error_shape(std::string_view path) {
  return path.starts_with("/api/") ? ErrorShape::kOllama : ErrorShape::kOpenAi;
}

}  // namespace heng::server
