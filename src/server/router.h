// Which endpoint answers what, and who may ask it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/endpoints.h"

namespace heng::server {

struct Route {
  std::string_view method, path;  // a path that ends with '/' stands for all that begin with it
  void (*endpoint)(Service&, const ExchangePtr&);
  enum class Key { kNone, kAsked } key;
  bool needs_model;  // answered 503 while the server starts or ends
};

// What is wrong with asking `path` becomes an ApiError 404 or 405. HEAD is GET.
struct RouteOrError {
  const Route* route = nullptr;
  std::optional<ApiError> error;
  std::string allow;  // of a 405
};
RouteOrError find_route(std::string_view method, std::string_view path);

// The shape of errors on this path.
ErrorShape error_shape(std::string_view path);

}  // namespace heng::server
