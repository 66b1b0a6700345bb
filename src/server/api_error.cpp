#include "server/api_error.h"

namespace heng::server {
namespace {

constexpr int kBusySeconds = 2;

// "messages[1]" of "messages[1]: ...": the field that the library names first; empty: none.
std::string path_of(const std::string& text) {
  const size_t colon = text.find(": ");
  if (colon == std::string::npos) return "";
  const std::string path = text.substr(0, colon);
  const bool is_path =
      path.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.[]") == std::string::npos;
  return is_path ? path : "";
}

}  // namespace

ApiError::ApiError(int status, std::string message, std::string param, std::string code)
    : status_(status),
      message_(std::move(message)),
      param_(std::move(param)),
      code_(std::move(code)) {}

ApiError&& ApiError::with_retry_after(int seconds) && {
  retry_after_ = seconds;
  return std::move(*this);
}

ApiError ApiError::of(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kInvalidArgument:
      return ApiError(400, error.what(), path_of(error.what()), "invalid_value");
    case ErrorCode::kUnsupported:
      return ApiError(400, error.what(), path_of(error.what()), "unsupported_value");
    case ErrorCode::kBusy:
      return ApiError(429, error.what(), "", "rate_limit_exceeded").with_retry_after(kBusySeconds);
    case ErrorCode::kOutOfMemory:
      return ApiError(503, "not enough memory for this request at the moment.", "", "out_of_memory")
          .with_retry_after(kBusySeconds);
    case ErrorCode::kCancelled:
      return ApiError(503, "the request was cancelled by the server.", "", "cancelled");
    case ErrorCode::kNotFound:
    case ErrorCode::kCorrupt:
    case ErrorCode::kInternal:
      break;
  }
  return ApiError(500, "the model could not be run; the server's log says why.", "", "model_error");
}

std::string_view error_type(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 429:
      return "rate_limit_error";
  }
  return status >= 500 ? "server_error" : "invalid_request_error";
}

Json ApiError::to_json() const {
  const auto or_null = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  return {{"error",
           {{"message", message_},
            {"type", error_type(status_)},
            {"param", or_null(param_)},
            {"code", or_null(code_)}}}};
}

Json ApiError::to_ollama_json() const {
  return {{"error", message_}};
}

}  // namespace heng::server
