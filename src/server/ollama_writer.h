// Answers of POST /api/chat and /api/generate: one JSON object a line, or one in all. I/O thread
// only. Source: ollama's docs/api.md.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "heng/chat.h"
#include "server/ollama_requests.h"
#include "server/reply_job.h"
#include "server/reply_shapes.h"

namespace heng::server {

enum class OllamaShape { kChat, kGenerate };

class OllamaWriter : public ReplyWriter {
 public:
  OllamaWriter(const OllamaCall& call, OllamaShape shape, std::string model_name,
               const ModelHost& host, std::shared_ptr<Exchange> exchange);

  void begin() override;
  void take(const Piece& piece) override;
  void finish(size_t index, const Completion& completion) override;
  void fail(const ApiError& error) override;

 private:
  Json object(const std::string& thought, const std::string& answer, bool done) const;
  void add_calls(Json& line) const;

  const std::shared_ptr<const Model> model_;
  std::shared_ptr<const ChatFormat> format_;
  const std::shared_ptr<Exchange> exchange_;
  const std::string model_name_;
  const OllamaShape shape_;
  const bool stream_;
  std::optional<ReplyStream> parts_;     // nullopt: a text that is continued
  std::optional<ToolCallStream> calls_;  // behind it, where there are tools
  std::string text_;                     // all of the answer
};

}  // namespace heng::server
