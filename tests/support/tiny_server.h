// A server over a tiny Qwen of random weights, in this process, and a client that says exactly what
// it is told to, byte by byte.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "server/server.h"
#include "support/tiny_model.h"

namespace heng::test {

using namespace std::chrono_literals;

inline const models::Architecture& qwen_architecture() {
  for (const models::Architecture* a : models::all_architectures()) {
    if (a->name == "qwen") return *a;
  }
  throw std::runtime_error("no architecture qwen");
}

// A folder with a tiny chat model whose context is `context`.
inline void write_tiny_chat_model(const std::filesystem::path& folder, size_t context = 512) {
  std::filesystem::create_directories(folder);
  TinyModel model(qwen_architecture());
  model.config["seq_length"] = context;
  model.config["max_position_embeddings"] = context;
  model.write(folder);
  write_file(folder / "generation_config.json",
             R"({"chat_format": "chatml", "eos_token_id": 279})");
}

struct Answer {
  int status = 0;
  std::string head, body;  // the body without chunking

  Json json() const { return Json::parse(body); }
  std::string header(std::string_view name) const {
    const size_t at = head.find("\r\n" + std::string(name) + ": ");
    if (at == std::string::npos) return "";
    const size_t begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
  // Of a stream: each event's JSON; "[DONE]" as a string.
  std::vector<Json> events() const {
    std::vector<Json> all;
    for (size_t at = 0; (at = body.find("data: ", at)) != std::string::npos;) {
      at += 6;
      const std::string text = body.substr(at, body.find("\n\n", at) - at);
      all.push_back(text == "[DONE]" ? Json(text) : Json::parse(text));
    }
    return all;
  }
};

class RawClient {
 public:
  explicit RawClient(uint16_t port) {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      throw std::runtime_error("cannot connect");
    }
  }
  ~RawClient() { close(); }
  RawClient(RawClient&& other) noexcept : fd_(std::exchange(other.fd_, -1)), read_(other.read_) {}

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }
  void shut_write() { ::shutdown(fd_, SHUT_WR); }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  // Closes with a reset, as a process that is killed does.
  void reset() {
    const linger hard{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close();
  }

  // More bytes; false where none come in time or the other side has closed.
  bool read_some(std::chrono::milliseconds most = 10s) {
    pollfd wait{fd_, POLLIN, 0};
    if (::poll(&wait, 1, static_cast<int>(most.count())) <= 0) return false;
    char bytes[65536];
    const ssize_t n = ::recv(fd_, bytes, sizeof(bytes), 0);
    if (n <= 0) return false;
    read_.append(bytes, static_cast<size_t>(n));
    return true;
  }
  // Whether the other side closes.
  bool closes(std::chrono::milliseconds most = 10s) {
    const auto end = std::chrono::steady_clock::now() + most;
    while (std::chrono::steady_clock::now() < end) {
      pollfd wait{fd_, POLLIN, 0};
      if (::poll(&wait, 1, 50) <= 0) continue;
      char bytes[4096];
      if (::recv(fd_, bytes, sizeof(bytes), 0) <= 0) return true;
    }
    return false;
  }
  bool read_until(std::string_view text) {
    while (read_.find(text) == std::string::npos) {
      if (!read_some()) return false;
    }
    return true;
  }
  const std::string& raw() const { return read_; }

  // One answer off the front of what comes; status 0 where none comes.
  Answer answer() {
    Answer answer;
    if (!read_until("\r\n\r\n")) return answer;
    const size_t end = read_.find("\r\n\r\n") + 4;
    answer.head = read_.substr(0, end);
    read_.erase(0, end);
    answer.status = std::stoi(answer.head.substr(9, 3));
    if (answer.header("Transfer-Encoding") == "chunked") {
      read_chunks(answer.body);
    } else if (const std::string length = answer.header("Content-Length"); !length.empty()) {
      const size_t n = std::stoul(length);
      while (read_.size() < n && read_some()) {
      }
      answer.body = read_.substr(0, n);
      read_.erase(0, n);
    } else {
      while (read_some()) {
      }
      answer.body = std::exchange(read_, "");
    }
    return answer;
  }

 private:
  void read_chunks(std::string& body) {
    while (read_until("\r\n")) {
      const size_t line = read_.find("\r\n");
      const size_t n = std::stoul(read_.substr(0, line), nullptr, 16);
      while (read_.size() < line + 2 + n + 2) {
        if (!read_some()) return;
      }
      body += read_.substr(line + 2, n);
      read_.erase(0, line + 2 + n + 2);
      if (n == 0) return;
    }
  }

  int fd_ = -1;
  std::string read_;
};

inline std::string post_text(std::string_view path, std::string_view body,
                             std::string_view headers = "") {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" +
         "Content-Type: application/json\r\n" + std::string(headers) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

class TinyServer {
 public:
  explicit TinyServer(const std::function<void(server::ServerOptions&, EngineOptions&)>& set = {},
                      size_t context = 512) {
    write_tiny_chat_model(folder_ / "tiny", context);
    server::ServerOptions options;
    options.port = 0;
    options.log = server::LogFormat::kNone;
    options.version = "0";
    LoadOptions load;
    load.threads = 1;
    load.context = context;
    EngineOptions engine;
    if (set) set(options, engine);
    std::vector<server::ModelSource> models{{folder_ / "tiny", load, engine, ""}};
    server_ = std::make_unique<server::Server>(options, models, server::RegistryOptions{});
    std::promise<void> ready;
    thread_ = std::thread([this, &ready] { end_ = server_->run([&] { ready.set_value(); }); });
    ready.get_future().wait();
  }
  ~TinyServer() { stop(); }

  server::Server::End stop() {
    if (!thread_.joinable()) return end_;
    server_->drain();
    thread_.join();
    return end_;
  }
  server::Server& server() { return *server_; }
  const std::filesystem::path model() const { return folder_ / "tiny"; }
  RawClient connect() const { return RawClient(server_->port()); }

  Answer send(std::string_view request) const {
    RawClient client = connect();
    client.send(request);
    return client.answer();
  }
  Answer get(std::string_view path) const {
    return send("GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  Answer post(std::string_view path, const Json& body, std::string_view headers = "") const {
    return send(post_text(path, body.dump(), headers));
  }
  // A figure of GET /metrics.
  double metric(const std::string& name) const {
    const std::string text = get("/metrics").body;
    size_t at = text.find("\n" + name + "{");
    if (at == std::string::npos) at = text.find("\n" + name + " ");
    if (at == std::string::npos) throw std::runtime_error("no metric " + name);
    const size_t end = text.find('\n', at + 1);
    const std::string line = text.substr(at + 1, end - at - 1);
    return std::stod(line.substr(line.rfind(' ')));
  }
  // Whether `metric` gets to `value` within `most`.
  bool reaches(const std::string& name, double value, std::chrono::milliseconds most = 10s) const {
    const auto end = std::chrono::steady_clock::now() + most;
    while (metric(name) != value) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(2ms);
    }
    return true;
  }

 private:
  TempDir folder_;
  std::unique_ptr<server::Server> server_;
  std::thread thread_;
  server::Server::End end_;
};

}  // namespace heng::test
