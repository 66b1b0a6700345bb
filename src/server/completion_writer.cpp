#include "server/completion_writer.h"

#include <utility>

namespace heng::server {

CompletionWriter::CompletionWriter(const CompletionCall& call,
                                   std::vector<std::vector<TokenId>> prompts,
                                   std::string model_name, std::shared_ptr<const Model> model,
                                   std::shared_ptr<Exchange> exchange)
    : model_(std::move(model)),
      exchange_(std::move(exchange)),
      model_name_(std::move(model_name)),
      id_("cmpl-" + exchange_->id),
      streaming_(call.streaming),
      echo_(call.echo),
      wants_logprobs_(call.logprobs.has_value()),
      n_(call.n),
      created_(unix_seconds()),
      prompts_(std::move(prompts)),
      logprobs_(prompts_.size(), CompletionLogprobs(model_->tokenizer())),
      choices_(prompts_.size()),
      n_left_(prompts_.size()) {}

Json CompletionWriter::object() const {
  return {{"id", id_},
          {"object", "text_completion"},
          {"created", created_},
          {"model", model_name_},
          {"system_fingerprint", "heng-" + model_->info().computed_as}};
}

std::string CompletionWriter::prompt_text(size_t index) const {
  if (!echo_) return "";
  std::vector<TokenId> ids = prompts_[index];
  const size_t size = model_->tokenizer().size();
  // Rows of the output head that no token belongs to.
  std::erase_if(ids, [size](TokenId id) { return static_cast<size_t>(id) >= size; });
  return model_->tokenizer().decode(ids);
}

void CompletionWriter::begin() {
  if (!streaming_.stream) return;
  exchange_->begin_stream("text/event-stream");
  for (size_t i = 0; echo_ && i < prompts_.size(); ++i) send(i, prompt_text(i), nullptr, nullptr);
}

void CompletionWriter::send(size_t index, const std::string& text, Json logprobs,
                            Json finish_reason) {
  Json chunk = object();
  chunk["choices"] = Json::array({{{"index", index},
                                   {"text", text},
                                   {"logprobs", std::move(logprobs)},
                                   {"finish_reason", std::move(finish_reason)}}});
  if (streaming_.include_usage) chunk["usage"] = nullptr;
  exchange_->write(event_text(chunk));
}

void CompletionWriter::take(const Piece& piece) {
  if (!streaming_.stream) return;
  Json logprobs;
  if (wants_logprobs_ && piece.logprobs) {
    logprobs_[piece.index].add(piece.id, &*piece.logprobs);
    logprobs = logprobs_[piece.index].take();
  }
  if (!piece.text.empty() || !logprobs.is_null()) {
    send(piece.index, piece.text, std::move(logprobs), nullptr);
  }
}

Json CompletionWriter::all_logprobs(size_t index, const Completion& completion) const {
  if (!wants_logprobs_) return nullptr;
  CompletionLogprobs all(model_->tokenizer());
  if (echo_) {
    const auto& prompt = prompts_[index];
    for (size_t i = 0; i < prompt.size(); ++i) {
      const bool known = i > 0 && i - 1 < completion.prompt_logprobs.size();
      all.add(prompt[i], known ? &completion.prompt_logprobs[i - 1] : nullptr);
    }
  }
  for (size_t i = 0; i < completion.ids.size(); ++i) {
    all.add(completion.ids[i], i < completion.logprobs.size() ? &completion.logprobs[i] : nullptr);
  }
  return all.take();
}

void CompletionWriter::finish(size_t index, const Completion& completion) {
  if (index % n_ == 0) usage_.add_prompt(completion);
  usage_.reply_tokens += completion.ids.size();
  const std::string reason(finish_reason_name(completion.finish));
  if (streaming_.stream) {
    send(index, "", nullptr, reason);
  } else {
    choices_[index] = {{"index", index},
                       {"text", prompt_text(index) + completion.text},
                       {"logprobs", all_logprobs(index, completion)},
                       {"finish_reason", reason}};
  }
  if (--n_left_ == 0) end();
}

void CompletionWriter::end() {
  if (!streaming_.stream) {
    Json answer = object();
    answer["choices"] = std::move(choices_);
    answer["usage"] = usage_.to_json();
    return exchange_->respond({.body = to_text(answer)});
  }
  if (streaming_.include_usage) {
    Json chunk = object();
    chunk["choices"] = Json::array();
    chunk["usage"] = usage_.to_json();
    exchange_->write(event_text(chunk));
  }
  exchange_->write("data: [DONE]\n\n");
  exchange_->end_stream();
}

void CompletionWriter::fail(const ApiError& error) {
  fail_openai(*exchange_, error, streaming_.stream);
}

}  // namespace heng::server
