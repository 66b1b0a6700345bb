// One POST by libcurl: TLS certificates are checked, redirects are not followed (a key goes to the
// host it was given for), nothing but http and https is spoken. Blocks; call it from many threads.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace heng::remote {

struct HttpTimes {
  std::chrono::milliseconds connect = std::chrono::seconds(10);
  std::chrono::milliseconds gap = std::chrono::seconds(120);  // without a byte
  std::chrono::milliseconds whole = std::chrono::seconds(1800);
};

struct HttpPost {
  std::string url, body;
  std::vector<std::string> headers;  // "Name: value"
  size_t most_bytes = 64u << 20;     // of the answer
  HttpTimes times;
  std::function<void(std::string_view)> on_bytes;  // of an answer with status 200, as they come
  std::function<bool()> cancelled;                 // asked several times a second; may be empty
};

struct HttpAnswer {
  int status = 0;
  std::string body;  // of other statuses than 200: its beginning
  std::optional<std::chrono::seconds> retry_after;
  // What broke the connection, as libcurl says it; empty: the answer is whole.
  std::string broken;
  bool was_cancelled = false;
};

// Throws what `on_bytes` throws; what the network does is in the answer.
HttpAnswer http_post(const HttpPost& post);

}  // namespace heng::remote
