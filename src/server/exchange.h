// One request and its answer: what endpoints see of a connection. Lives on the server's I/O thread;
// only post() and is_open() may be called from others. Ends once: by respond(), end_stream() or
// abandon(), or when the connection breaks; what is said to it after that goes nowhere.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "server/http_types.h"

namespace heng::server {

// The connection's side of it.
class Wire {
 public:
  virtual ~Wire() = default;
  virtual void send(Response response) = 0;
  virtual void send_head(std::string_view content_type, const Headers& headers) = 0;
  virtual void send_piece(std::string_view bytes) = 0;
  virtual void send_end() = 0;
  virtual void drop() = 0;  // closes without an answer
};

// What the log tells of a request, filled in as it is known.
struct ExchangeFacts {
  int status = 0;  // 0: no answer was sent
  std::string model;
  size_t prompt_tokens = 0, cached_tokens = 0, reply_tokens = 0;
  double queue_seconds = 0, prompt_seconds = 0, generation_seconds = 0;
  std::string outcome;  // "stop", "cancelled", an error's text
};

class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  using Clock = std::chrono::steady_clock;

  Exchange(HttpRequest r, std::string request_id, boost::asio::any_io_executor executor,
           std::shared_ptr<Wire> wire)
      : request(std::move(r)),
        id(std::move(request_id)),
        executor_(std::move(executor)),
        wire_(std::move(wire)) {}

  HttpRequest request;
  const std::string id;
  const Clock::time_point began = Clock::now();
  Headers headers;           // that go with any answer
  uint64_t cache_group = 0;  // as Request::cache_group: of the key that was given
  ExchangeFacts facts;
  std::function<void(const Exchange&)> on_end;  // for the log

  void respond(Response response);
  void begin_stream(std::string_view content_type);
  void write(std::string_view bytes);
  void end_stream();
  void abandon();

  bool is_open() const { return open_; }
  // Whether the client closed its side. It may still read: only work that is done for it alone
  // should stop then.
  bool client_left() const { return left_; }
  // Called once when the client has left or the connection has broken, and at once where it has
  // already.
  void when_gone(std::function<void()> callback);

  template <typename Body>
  void post(Body&& body) {
    boost::asio::post(executor_, std::forward<Body>(body));
  }

  // For the connection:
  void note_client_left();
  void note_broken(std::string_view why);

 private:
  void end();

  boost::asio::any_io_executor executor_;
  std::shared_ptr<Wire> wire_;  // nullptr once it has ended
  std::atomic<bool> open_ = true, left_ = false;
  std::function<void()> gone_;
};

}  // namespace heng::server
