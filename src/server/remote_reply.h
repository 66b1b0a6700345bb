// A chat with a provider as an answer of this server: the same events as of a model here. A few
// threads of their own wait for the network, so that neither the I/O thread nor the models do.
#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <map>
#include <memory>
#include <string>

#include "remote/chat_client.h"
#include "server/exchange.h"
#include "server/openai_requests.h"

namespace heng::server {

using Providers = std::map<std::string, std::shared_ptr<const remote::ChatClient>>;

// What an answer says of who made it. In a blind round neither is the model's.
struct ReplyLabel {
  std::string model;
  bool is_hidden = false;
};

class RemoteReplies {
 public:
  ~RemoteReplies() { stop(); }

  // Answers `exchange` with events. REQUIRES: call.streaming.stream. From any thread.
  void start(const std::shared_ptr<Exchange>& exchange,
             std::shared_ptr<const remote::ChatClient> client, const ChatCall& call,
             const ReplyLabel& label);
  // Replies under way end with an error soon; from any thread.
  void stop() { stopping_ = true; }
  void join() { threads_.join(); }

 private:
  std::atomic<bool> stopping_ = false;
  boost::asio::thread_pool threads_{8};
};

}  // namespace heng::server
