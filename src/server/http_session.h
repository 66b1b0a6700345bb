// One connection: reads HTTP/1.1 requests one after another, under limits of size and time, hands
// each to the server as an Exchange and writes its answer. Requests that are sent ahead wait. While
// an answer is made the other side is watched, so that work for a client that left can stop.
//
// Lives on the server's I/O thread. Kept alive by its own operations.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <memory>
#include <optional>
#include <string>

#include "server/exchange.h"

namespace heng::server {

class HttpSession;

// What a session asks of the server.
class SessionHost {
 public:
  virtual ~SessionHost() = default;
  virtual const HttpLimits& limits() const = 0;
  // An exchange whose head alone was read: false where it was answered and its body is not wanted.
  virtual bool admit(Exchange& exchange) = 0;
  virtual void handle(std::shared_ptr<Exchange> exchange) = 0;
  // The answer to a request that cannot be read.
  virtual Response refusal(int status, std::string_view message) = 0;
  // A request's body had `had` bytes and has `has` now; false, and nothing noted, where all of them
  // together would be too many.
  virtual bool hold_body(size_t had, size_t has) = 0;
  virtual std::string new_id() = 0;
  virtual void ended(HttpSession& session) = 0;
};

class HttpSession : public Wire, public std::enable_shared_from_this<HttpSession> {
 public:
  // Borrows `host`, which outlives the I/O thread's work.
  HttpSession(boost::asio::ip::tcp::socket socket, SessionHost& host);
  ~HttpSession() override;

  void start();
  // Answers with `response` and closes, whatever the client asks.
  void refuse(Response response);
  // Closes as soon as no answer is under way.
  void drain();

  void send(Response response) override;
  void send_head(std::string_view content_type, const Headers& headers) override;
  void send_piece(std::string_view bytes) override;
  void send_end() override;
  void drop() override;

 private:
  enum class Phase { kIdle, kHead, kBody, kAnswer, kLinger, kClosed };
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  using Code = boost::system::error_code;

  void await_request();
  void read();
  void on_read(Code code, size_t n);
  void feed();
  void on_read_end(Code code);
  void on_head();
  void dispatch();
  bool hold_body();
  void let_body_go();
  void fail(int status, std::string_view message);
  void bad_request(Code code);
  HttpRequest take_head() const;

  void queue(std::string_view bytes);
  void write();
  void on_written(Code code, size_t n);
  void answered();
  void linger();
  void close(std::string_view why);
  void arm(std::chrono::milliseconds time);
  void on_deadline();

  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer deadline_;
  SessionHost& host_;
  Phase phase_ = Phase::kIdle;
  std::string client_;

  boost::beast::flat_buffer buffer_;  // read, not parsed yet
  std::optional<Parser> parser_;
  bool reading_ = false;
  std::chrono::steady_clock::time_point body_began_;
  size_t lingered_ = 0;
  size_t held_ = 0;  // bytes of the body, as the host knows them

  std::shared_ptr<Exchange> exchange_;       // the one under way
  std::string out_, in_flight_;              // to be written; being written
  size_t n_sent_ = 0;                        // of in_flight_
  bool writing_ = false, complete_ = false;  // complete: all of the answer is in out_
  bool keep_alive_ = true, chunked_ = false, head_only_ = false, draining_ = false;
};

}  // namespace heng::server
