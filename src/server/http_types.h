// An HTTP request as it was read, the answer to it, and the bounds that both are held to. Plain
// data.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace heng::server {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method, path, query;  // path and query as sent, not decoded
  std::string host, origin, authorization, content_type, if_none_match;
  std::string client;  // address of the other side
  std::string body;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body = {};
  Headers headers = {};
};

struct HttpLimits {
  size_t head_bytes = 64u << 10;
  size_t head_fields = 100;
  size_t body_bytes = 32u << 20;
  size_t all_body_bytes = 256u << 20;  // of all requests under way
  size_t connections = 1024;
  size_t send_buffer_bytes = 4u << 20;  // of a stream that is not read: past it, the client is gone
  std::chrono::milliseconds idle = std::chrono::seconds(75);      // between requests
  std::chrono::milliseconds head = std::chrono::seconds(10);      // for all of a head
  std::chrono::milliseconds body_gap = std::chrono::seconds(30);  // between two pieces of a body
  std::chrono::milliseconds body = std::chrono::seconds(300);     // for all of it
  std::chrono::milliseconds write = std::chrono::seconds(60);     // without a byte taken
};

// "Not Found"
std::string_view reason_phrase(int status);

// The head of an answer up to the empty line.
std::string head_text(int status, const Headers& headers);

}  // namespace heng::server
