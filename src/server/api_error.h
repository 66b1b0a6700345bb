// What a client is told when its request cannot be carried out: HTTP status and OpenAI's error
// object {"error": {message, type, param, code}}. Immutable; safe to use from many threads.
#pragma once

#include <exception>
#include <string>
#include <string_view>

#include "base/json.h"
#include "heng/error.h"

namespace heng::server {

class ApiError : public std::exception {
 public:
  // `param`: path of the field that is wrong; empty: none is. `code`: a word for programs; empty:
  // none.
  ApiError(int status, std::string message, std::string param = "", std::string code = "");
  // Of the library's errors. Texts that may name files of this machine are not passed on.
  static ApiError of(const Error& error);

  int status() const { return status_; }
  const char* what() const noexcept override { return message_.c_str(); }
  const std::string& message() const { return message_; }
  const std::string& param() const { return param_; }
  const std::string& code() const { return code_; }
  // Seconds after which it may be asked again; 0: no header is sent.
  int retry_after() const { return retry_after_; }
  ApiError&& with_retry_after(int seconds) &&;

  Json to_json() const;         // {"error": {...}}
  Json to_ollama_json() const;  // {"error": "text"}

 private:
  int status_;
  std::string message_, param_, code_;
  int retry_after_ = 0;
};

// OpenAI's name for a class of statuses: "invalid_request_error", "server_error", ...
std::string_view error_type(int status);

}  // namespace heng::server
