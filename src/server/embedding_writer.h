// The answer of POST /v1/embeddings. I/O thread only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "server/reply_job.h"
#include "server/reply_shapes.h"

namespace heng::server {

class EmbeddingWriter : public ReplyWriter {
 public:
  EmbeddingWriter(size_t n_inputs, bool base64, std::string model_name,
                  std::shared_ptr<Exchange> exchange)
      : exchange_(std::move(exchange)),
        model_name_(std::move(model_name)),
        base64_(base64),
        data_(n_inputs),
        n_left_(n_inputs) {}

  void begin() override {}
  void take(const Piece&) override {}
  void finish(size_t index, const Completion& completion) override;
  void fail(const ApiError& error) override;

 private:
  const std::shared_ptr<Exchange> exchange_;
  const std::string model_name_;
  const bool base64_;
  std::vector<Json> data_;
  size_t n_left_, n_tokens_ = 0;
};

}  // namespace heng::server
