#include "server/http_session.h"

#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <utility>

namespace heng::server {
namespace {

namespace http = boost::beast::http;
using boost::asio::ip::tcp;

constexpr size_t kReadBytes = 16u << 10;
constexpr size_t kReadAhead = 64u << 10;  // of requests that wait
constexpr size_t kLingerBytes = 64u << 20;
constexpr auto kLinger = std::chrono::seconds(2);

std::string hex(size_t n) {
  char text[17];
  const int length = std::snprintf(text, sizeof(text), "%zx", n);
  return std::string(text, static_cast<size_t>(length));
}

}  // namespace

HttpSession::HttpSession(tcp::socket socket, SessionHost& host)
    : socket_(std::move(socket)),
      deadline_(socket_.get_executor()),
      host_(host),
      buffer_(host.limits().head_bytes + kReadAhead + kReadBytes) {
  boost::system::error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  const auto endpoint = socket_.remote_endpoint(ignored);
  if (!ignored) client_ = endpoint.address().to_string();
}

HttpSession::~HttpSession() {
  let_body_go();
  host_.ended(*this);
}

void HttpSession::start() {
  await_request();
}

void HttpSession::refuse(Response response) {
  phase_ = Phase::kAnswer;
  keep_alive_ = false;
  send(std::move(response));
  read();
}

void HttpSession::drain() {
  draining_ = true;
  keep_alive_ = false;
  if (phase_ == Phase::kIdle) close("");
}

// Reading -----------------------------------------------------------------------------------------

void HttpSession::await_request() {
  exchange_.reset();
  let_body_go();
  complete_ = chunked_ = head_only_ = false;
  phase_ = Phase::kIdle;
  parser_.emplace();
  parser_->header_limit(static_cast<uint32_t>(host_.limits().head_bytes));
  parser_->body_limit(host_.limits().body_bytes);
  arm(host_.limits().idle);
  feed();
  read();
}

void HttpSession::read() {
  if (reading_ || phase_ == Phase::kClosed) return;
  if (phase_ == Phase::kAnswer && buffer_.size() >= kReadAhead) return;
  if (phase_ == Phase::kLinger) buffer_.clear();
  if (buffer_.size() == buffer_.max_size()) {
    return fail(431, "a line of the request does not end.");  // of a chunked body
  }
  reading_ = true;
  socket_.async_read_some(
      buffer_.prepare(std::min(kReadBytes, buffer_.max_size() - buffer_.size())),
      [self = shared_from_this()](Code code, size_t n) { self->on_read(code, n); });
}

void HttpSession::on_read(Code code, size_t n) {
  reading_ = false;
  if (phase_ == Phase::kClosed) return;
  if (code) return on_read_end(code);
  buffer_.commit(n);
  if (phase_ == Phase::kLinger) {
    lingered_ += n;
    if (lingered_ > kLingerBytes) return close("");
  }
  feed();
  read();
}

void HttpSession::on_read_end(Code code) {
  const bool left = code == boost::asio::error::eof;
  switch (phase_) {
    case Phase::kHead:
    case Phase::kBody:
      if (left) return fail(400, "the request ends before it is complete.");
      return close("");
    case Phase::kAnswer:
      keep_alive_ = false;
      if (!left) return close("the connection broke");
      // Half of the connection is closed, or all of it: an answer that is written will tell.
      if (exchange_) exchange_->note_client_left();
      return;
    default:
      return close("");
  }
}

// Parses what was read, as far as the request under way goes.
void HttpSession::feed() {
  while (buffer_.size() > 0 && phase_ < Phase::kAnswer) {
    if (phase_ == Phase::kIdle) {
      phase_ = Phase::kHead;
      arm(host_.limits().head);
    }
    Code code;
    const size_t n = parser_->put(buffer_.data(), code);
    buffer_.consume(n);
    if (code && code != http::error::need_more) return bad_request(code);
    if (phase_ == Phase::kHead && parser_->is_header_done()) {
      on_head();
      if (phase_ != Phase::kBody) return;
    }
    if (!hold_body()) return;
    if (parser_->is_done()) return dispatch();
    if (code == http::error::need_more || n == 0) return;
    if (phase_ == Phase::kBody) {
      const auto left = body_began_ + host_.limits().body - std::chrono::steady_clock::now();
      arm(std::min(host_.limits().body_gap,
                   std::chrono::duration_cast<std::chrono::milliseconds>(left)));
    }
  }
}

HttpRequest HttpSession::take_head() const {
  const auto& head = parser_->get();
  const auto field = [&](http::field name) {
    const auto value = head[name];
    return std::string(value.data(), value.size());
  };
  HttpRequest request;
  request.method = std::string(head.method_string().data(), head.method_string().size());
  const std::string target(head.target().data(), head.target().size());
  const size_t question = target.find('?');
  request.path = target.substr(0, question);
  if (question != std::string::npos) request.query = target.substr(question + 1);
  request.host = field(http::field::host);
  request.origin = field(http::field::origin);
  request.authorization = field(http::field::authorization);
  request.content_type = field(http::field::content_type);
  request.if_none_match = field(http::field::if_none_match);
  request.client = client_;
  return request;
}

void HttpSession::on_head() {
  const auto& head = parser_->get();
  const auto n_fields = static_cast<size_t>(std::distance(head.begin(), head.end()));
  if (n_fields > host_.limits().head_fields) {
    return fail(431, "the request has " + std::to_string(n_fields) +
                         " header fields, expected at most " +
                         std::to_string(host_.limits().head_fields) + ".");
  }
  if (head.version() >= 11 && head.count(http::field::host) != 1) {
    return fail(400, "expected one Host header.");
  }
  keep_alive_ = parser_->keep_alive() && !draining_;
  chunked_ = head.version() >= 11;
  head_only_ = head.method() == http::verb::head;
  exchange_ = std::make_shared<Exchange>(take_head(), host_.new_id(), socket_.get_executor(),
                                         shared_from_this());
  phase_ = Phase::kAnswer;  // an answer may come at once
  const auto exchange = exchange_;
  if (!host_.admit(*exchange)) {
    // What is left of the request cannot be told from a next one.
    if (!parser_->is_done()) keep_alive_ = false;
    return;
  }
  phase_ = Phase::kBody;
  body_began_ = std::chrono::steady_clock::now();
  arm(host_.limits().body_gap);
  if (boost::beast::iequals(head[http::field::expect], "100-continue") && !parser_->is_done()) {
    queue("HTTP/1.1 100 Continue\r\n\r\n");
  }
}

void HttpSession::dispatch() {
  phase_ = Phase::kAnswer;
  arm(std::chrono::milliseconds::max());
  exchange_->request.body = std::move(parser_->get().body());
  host_.handle(exchange_);
}

// False where it was refused: there is no room for it.
bool HttpSession::hold_body() {
  const size_t has = parser_->get().body().size();
  if (!host_.hold_body(held_, has)) {
    fail(503, "other requests hold all the memory there is for bodies.");
    return false;
  }
  held_ = has;
  return true;
}

void HttpSession::let_body_go() {
  host_.hold_body(held_, 0);
  held_ = 0;
}

void HttpSession::bad_request(Code code) {
  const HttpLimits& limits = host_.limits();
  if (code == http::error::header_limit || code == http::error::buffer_overflow) {
    return fail(
        431, "the request's head is longer than " + std::to_string(limits.head_bytes) + " bytes.");
  }
  if (code == http::error::body_limit) {
    return fail(
        413, "the request's body is longer than " + std::to_string(limits.body_bytes) + " bytes.");
  }
  fail(400, "not HTTP/1.1: " + code.message() + ".");
}

void HttpSession::fail(int status, std::string_view message) {
  if (exchange_) exchange_->note_broken(message);
  exchange_.reset();
  refuse(host_.refusal(status, message));
}

// Writing -----------------------------------------------------------------------------------------

void HttpSession::send(Response response) {
  Headers headers = {{"Connection", keep_alive_ ? "keep-alive" : "close"}};
  if (response.status != 304) {  // whose length would be that of what the client has already
    headers.emplace_back("Content-Type", response.content_type);
    headers.emplace_back("Content-Length", std::to_string(response.body.size()));
  }
  headers.insert(headers.end(), response.headers.begin(), response.headers.end());
  complete_ = true;
  std::string text = head_text(response.status, headers);
  if (!head_only_) text += response.body;
  queue(text);
}

void HttpSession::send_head(std::string_view content_type, const Headers& more) {
  if (!chunked_) keep_alive_ = false;
  Headers headers = {{"Content-Type", std::string(content_type)},
                     {"Cache-Control", "no-cache"},
                     {"Connection", keep_alive_ ? "keep-alive" : "close"}};
  if (chunked_) headers.emplace_back("Transfer-Encoding", "chunked");
  headers.insert(headers.end(), more.begin(), more.end());
  queue(head_text(200, headers));
}

void HttpSession::send_piece(std::string_view bytes) {
  if (bytes.empty()) return;
  if (out_.size() + bytes.size() > host_.limits().send_buffer_bytes) {
    return close("the client does not read");
  }
  queue(chunked_ ? hex(bytes.size()) + "\r\n" + std::string(bytes) + "\r\n" : std::string(bytes));
}

void HttpSession::send_end() {
  complete_ = true;
  if (chunked_) return queue("0\r\n\r\n");
  if (!writing_) answered();
}

void HttpSession::drop() {
  close("");
}

void HttpSession::queue(std::string_view bytes) {
  if (phase_ == Phase::kClosed) return;
  out_ += bytes;
  if (!writing_) write();
}

void HttpSession::write() {
  if (!writing_) {
    in_flight_.clear();
    in_flight_.swap(out_);
    n_sent_ = 0;
    writing_ = true;
  }
  if (phase_ == Phase::kAnswer) arm(host_.limits().write);
  socket_.async_write_some(
      boost::asio::buffer(in_flight_.data() + n_sent_, in_flight_.size() - n_sent_),
      [self = shared_from_this()](Code code, size_t n) { self->on_written(code, n); });
}

void HttpSession::on_written(Code code, size_t n) {
  if (phase_ == Phase::kClosed) return;
  if (code) return close("the connection broke");
  n_sent_ += n;
  if (n_sent_ < in_flight_.size()) return write();
  writing_ = false;
  if (!out_.empty()) return write();
  if (phase_ != Phase::kAnswer) return;  // 100 Continue
  arm(std::chrono::milliseconds::max());
  if (complete_) answered();
}

void HttpSession::answered() {
  if (keep_alive_) {
    await_request();
  } else {
    linger();
  }
}

// Closing at once would reset the connection while the client still sends, and take the answer from
// it.
void HttpSession::linger() {
  phase_ = Phase::kLinger;
  exchange_.reset();
  parser_.reset();
  let_body_go();
  Code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  arm(kLinger);
  read();
}

void HttpSession::close(std::string_view why) {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  deadline_.cancel();
  Code ignored;
  socket_.close(ignored);
  if (const auto exchange = std::exchange(exchange_, nullptr)) exchange->note_broken(why);
}

void HttpSession::arm(std::chrono::milliseconds time) {
  if (time == std::chrono::milliseconds::max()) {
    deadline_.cancel();
    return;
  }
  deadline_.expires_after(time);
  deadline_.async_wait([weak = weak_from_this()](Code code) {
    const auto self = weak.lock();
    // A deadline that was moved while its end was on the way does not count.
    if (self && !code && self->deadline_.expiry() <= std::chrono::steady_clock::now()) {
      self->on_deadline();
    }
  });
}

void HttpSession::on_deadline() {
  switch (phase_) {
    case Phase::kHead:
    case Phase::kBody:
      return fail(408, "the request did not come in time.");
    case Phase::kAnswer:
      return close("the client does not read");
    default:
      return close("");
  }
}

}  // namespace heng::server
