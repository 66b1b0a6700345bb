// Answers of POST /v1/completions: chunks of a stream or one object, with the prompt echoed and
// log-probabilities where they are asked for. I/O thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/openai_requests.h"
#include "server/reply_job.h"
#include "server/reply_shapes.h"

namespace heng::server {

class CompletionWriter : public ReplyWriter {
 public:
  // `prompts`: the tokens of each choice's prompt.
  CompletionWriter(const CompletionCall& call, std::vector<std::vector<TokenId>> prompts,
                   std::string model_name, std::shared_ptr<const Model> model,
                   std::shared_ptr<Exchange> exchange);

  void begin() override;
  void take(const Piece& piece) override;
  void finish(size_t index, const Completion& completion) override;
  void fail(const ApiError& error) override;

 private:
  Json object() const;
  std::string prompt_text(size_t index) const;
  void send(size_t index, const std::string& text, Json logprobs, Json finish_reason);
  Json all_logprobs(size_t index, const Completion& completion) const;
  void end();

  const std::shared_ptr<const Model> model_;
  const std::shared_ptr<Exchange> exchange_;
  const std::string model_name_, id_;
  const StreamOptions streaming_;
  const bool echo_, wants_logprobs_;
  const size_t n_;  // choices of each prompt
  const int64_t created_;
  std::vector<std::vector<TokenId>> prompts_;
  std::vector<CompletionLogprobs> logprobs_;  // of a stream
  std::vector<Json> choices_;                 // otherwise
  size_t n_left_;
  Usage usage_;
};

}  // namespace heng::server
