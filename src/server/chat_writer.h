// Answers of POST /v1/chat/completions: chunks of a stream or one object. Thoughts go to
// reasoning_content. I/O thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "heng/chat.h"
#include "server/openai_requests.h"
#include "server/reply_job.h"
#include "server/reply_shapes.h"

namespace heng::server {

class ChatWriter : public ReplyWriter {
 public:
  ChatWriter(const ChatCall& call, std::string model_name, const ModelHost& host,
             std::shared_ptr<Exchange> exchange);

  void begin() override;
  void take(const Piece& piece) override;
  void finish(size_t index, const Completion& completion) override;
  void fail(const ApiError& error) override;

 private:
  struct Choice {
    ReplyStream stream;
    Json logprobs = Json::array();  // not sent yet
    std::string finish_reason;
  };

  Json object(std::string_view kind) const;
  void send_delta(size_t index, Json delta, const char* finish_reason = nullptr);
  void send_shown(size_t index, const ReplyStream::Shown& shown);
  void end();

  const std::shared_ptr<const Model> model_;
  const std::shared_ptr<const ChatFormat> format_;
  const std::shared_ptr<Exchange> exchange_;
  const std::string model_name_, id_;
  const StreamOptions streaming_;
  const bool wants_logprobs_;
  const int64_t created_;
  std::vector<Choice> choices_;
  size_t n_left_;
  Usage usage_;
};

}  // namespace heng::server
