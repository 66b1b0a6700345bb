// A client of OpenAI's chat API: streams a reply, asks again where the provider is busy, and says
// in one line what went wrong. Immutable; safe to use from many threads. Calls block.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "heng/chat.h"
#include "heng/error.h"
#include "remote/http_post.h"
#include "remote/provider.h"

namespace heng::remote {

struct ChatRequest {
  std::vector<Message> messages;  // roles and contents
  // Left out where not set: the provider's own.
  std::optional<double> temperature, top_p, presence_penalty, frequency_penalty;
  std::optional<int64_t> max_tokens, seed;
  std::vector<std::string> stop;
};

struct ChatDelta {
  std::string text, thought;
};

struct ChatReply {
  std::string text, thought;
  std::string model;          // as the provider names it
  std::string finish_reason;  // "stop", "length", ...
  std::optional<int64_t> prompt_tokens, reply_tokens;
  int n_attempts = 1;
};

struct ChatClientOptions {
  HttpTimes times;
  int attempts = 4;  // in all, of a request that was not begun to be answered
  std::chrono::milliseconds first_wait = std::chrono::milliseconds(500);  // doubles, with jitter
  // A Retry-After beyond it ends the attempts.
  std::chrono::milliseconds longest_wait = std::chrono::seconds(30);
  size_t most_bytes = 64u << 20;  // of an answer
};

class ChatClient {
 public:
  explicit ChatClient(Provider provider, ChatClientOptions options = {});

  const Provider& provider() const { return provider_; }
  std::string host() const { return provider_.host(); }

  // `on_delta`: called from this thread as the reply comes; may be empty. `cancelled`: asked
  // several times a second; may be empty. Throws Error: kBusy where asking again later may help
  // (refused for now, 5xx, no connection, a stream that was cut), kInvalidArgument where the
  // provider refuses the request, kCorrupt where its answer is none, kCancelled. Texts never have
  // the key.
  ChatReply chat(const ChatRequest& request,
                 const std::function<void(const ChatDelta&)>& on_delta = {},
                 const std::function<bool()>& cancelled = {}) const;

 private:
  struct Attempt;

  std::string body_of(const ChatRequest& request) const;
  void check(const HttpAnswer& answer, const Attempt& attempt) const;
  std::optional<std::chrono::milliseconds> wait_after(const HttpAnswer& answer, int attempt) const;
  [[noreturn]] void fail(ErrorCode code, const std::string& what) const;

  const Provider provider_;
  const ChatClientOptions options_;
};

}  // namespace heng::remote
