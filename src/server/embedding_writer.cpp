#include "server/embedding_writer.h"

namespace heng::server {

void EmbeddingWriter::finish(size_t index, const Completion& completion) {
  n_tokens_ += completion.prompt_tokens;
  Json embedding = completion.embedding;
  if (base64_) embedding = base64_floats(completion.embedding);
  data_[index] = {{"object", "embedding"}, {"index", index}, {"embedding", std::move(embedding)}};
  if (--n_left_ > 0) return;
  const Json answer = {{"object", "list"},
                       {"data", std::move(data_)},
                       {"model", model_name_},
                       {"usage", {{"prompt_tokens", n_tokens_}, {"total_tokens", n_tokens_}}}};
  exchange_->respond({.body = to_text(answer)});
}

void EmbeddingWriter::fail(const ApiError& error) {
  fail_openai(*exchange_, error, false);
}

}  // namespace heng::server
