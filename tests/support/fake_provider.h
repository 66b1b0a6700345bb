// A provider on this machine that answers each request with the bytes it is told to, in order, and
// keeps what it was asked. The last answer is repeated.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace heng::test {

struct Scripted {
  std::string bytes;                     // of the whole answer, head included
  std::chrono::milliseconds silence{0};  // between the bytes and the end of the connection
};

class FakeProvider {
 public:
  explicit FakeProvider(std::vector<Scripted> answers) : answers_(std::move(answers)) {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd_, 16) != 0 ||
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("no address for the fake provider");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~FakeProvider() {
    stopping_ = true;
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }
  std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void run() {
    for (size_t n = 0;; ++n) {
      const int client = ::accept(fd_, nullptr, nullptr);
      if (client < 0) return;
      std::string request = read_request(client);
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(std::move(request));
      }
      const Scripted& answer = answers_[std::min(n, answers_.size() - 1)];
      (void)!::send(client, answer.bytes.data(), answer.bytes.size(), MSG_NOSIGNAL);
      const auto until = std::chrono::steady_clock::now() + answer.silence;
      while (!stopping_ && std::chrono::steady_clock::now() < until) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
      ::close(client);
    }
  }

  static std::string read_request(int client) {
    std::string text;
    char bytes[4096];
    while (true) {
      const size_t head = text.find("\r\n\r\n");
      const size_t at = text.find("Content-Length: ");
      if (head != std::string::npos && at != std::string::npos &&
          text.size() >= head + 4 + std::stoul(text.substr(at + 16))) {
        return text;
      }
      const ssize_t n = ::recv(client, bytes, sizeof(bytes), 0);
      if (n <= 0) return text;
      text.append(bytes, static_cast<size_t>(n));
    }
  }

  const std::vector<Scripted> answers_;
  int fd_ = -1;
  uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

// "HTTP/1.1 200 OK" with events; the connection's end is the body's.
inline std::string stream_answer(const std::string& events) {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + events;
}
inline std::string word(const std::string& text) {
  return R"(data: {"model":"real","choices":[{"index":0,"delta":{"content":")" + text +
         "\"}}]}\n\n";
}
inline const std::string kEndOfStream =
    R"(data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})"
    "\n\n"
    R"(data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2}})"
    "\n\ndata: [DONE]\n\n";

inline std::string error_answer(const std::string& status, const std::string& headers,
                                const std::string& body) {
  return "HTTP/1.1 " + status + "\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
}

}  // namespace heng::test
