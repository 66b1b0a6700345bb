// Answers of POST /v1/chat/completions: chunks of a stream or one object. Thoughts go to
// reasoning_content, calls of tools to tool_calls (or the older function_call). I/O thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "heng/chat.h"
#include "server/openai_requests.h"
#include "server/remote_reply.h"
#include "server/reply_job.h"
#include "server/reply_shapes.h"

namespace heng::server {

class ChatWriter : public ReplyWriter {
 public:
  ChatWriter(const ChatCall& call, const ReplyLabel& label, const ModelHost& host,
             std::shared_ptr<Exchange> exchange);

  void begin() override;
  void take(const Piece& piece) override;
  void finish(size_t index, const Completion& completion) override;
  void fail(const ApiError& error) override;

 private:
  struct Choice {
    ReplyStream stream;
    std::optional<ToolCallStream> calls;  // behind it, where there are tools
    Json logprobs = Json::array();        // not sent yet
    std::string finish_reason;
  };

  Json object(std::string_view kind) const;
  void send_delta(size_t index, Json delta, const char* finish_reason = nullptr);
  void pass_on(size_t index, const ReplyStream::Shown& shown);
  void send(size_t index, const std::string& thought, const ToolCallStream::Delta& delta);
  Json call_pieces(size_t index, const ToolCallStream::Delta& delta) const;
  std::string call_id(size_t index, size_t call) const;
  std::string finish_reason(const Choice& choice, FinishReason reason) const;
  Json message(size_t index) const;
  void end();

  const std::shared_ptr<const Model> model_;
  const std::shared_ptr<const ChatFormat> format_;
  const std::shared_ptr<Exchange> exchange_;
  const ReplyLabel label_;
  const std::string id_;
  const StreamOptions streaming_;
  const bool wants_logprobs_, is_older_api_;
  const int64_t created_;
  std::vector<Choice> choices_;
  size_t n_left_;
  Usage usage_;
};

}  // namespace heng::server
